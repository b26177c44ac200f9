/* A model of either kind, told by the end of its file's name: a stored graph, or one to import.
 * Axes of its inputs may be open: it is then a graph of whichever sizes are asked for. */
#ifndef EIGENTENSOR_MODEL_FILE_H
#define EIGENTENSOR_MODEL_FILE_H

#include "compiler/graph/size.h"
#include "compiler/import/import.h"

struct open_graph;

/* Any number of threads may use one at the same time. */
struct model_file;

/* Opens the model: reads the file, which is not needed afterwards. `options` (NULL: the usual ones)
 * are for stored graphs; what they say of axes is not heeded. NULL and an error that names the
 * file; else the caller closes it. */
struct model_file *model_file_open(const char *path, const struct graph_load_options *options,
                                   struct et_error *error);
void model_file_close(struct model_file *file); /* NULL is fine */

/* Inputs as the file declares them, with the names of their open axes; of a stored graph without
 * open axes none. They live as long as the model is open. */
struct declared_inputs model_file_inputs(const struct model_file *file);

/* The same of outputs: of an extent that is not the same at all sizes -1, as far as the file says;
 * a rank of -1 where it does not. */
struct declared_inputs model_file_outputs(const struct model_file *file);

/* The open axes, in the order in which inputs name them, each once. */
struct open_axes model_file_axes(const struct model_file *file);

/* The stored graph; NULL: it is a model to import. */
const struct open_graph *model_file_stored(const struct model_file *file);

/* Whether a size can be given by that name: of an open axis, of axis K of the input X as "X.K", or
 * the value of an input. */
bool model_file_has_axis(const struct model_file *file, const char *name);

/* The graph at these sizes; a first axis that is open and not among them has size 1, one of
 * ET_BATCH is the number of images, which stays open. Graphs of one model share its weights, which
 * are in *weights, are the caller's and must outlive the graph. NULL and an error that names the
 * file. */
struct graph *model_file_graph(struct model_file *file, const struct import_options *options,
                               struct weights **weights, struct et_error *error);

/* A place of an open axis: "X.0" of axis 0 of the input X; which axis. */
struct axis_place {
    const char *place;
    int axis;
};

/* Makes one graph of a model to import, in which these axes stay open; `fixed` has the sizes of
 * others. An axis that has places stands there, else where the file has its name. The caller frees
 * it and *weights. NULL and an error when that cannot be (open_fit.h), which names the file.
 * `progress` may be NULL.
 *
 * What an import computes of a size (positions, counts) the graph computes itself where it is no
 * shape, and it has scans where an import writes few steps out. *plain: it does not need to, and so
 * is at each size the graph that model_file_graph makes; else one of other nodes that gives the
 * same bits. */
struct open_graph *model_file_open_graph(struct model_file *file, const struct open_axes *axes,
                                         int place_count, const struct axis_place *places,
                                         const struct import_options *fixed,
                                         void (*progress)(void *context, int64_t done, int64_t all),
                                         void *context, struct weights **weights, bool *plain,
                                         struct et_error *error);

/* model_file_open and model_file_graph, for one graph only. */
struct graph *model_load(const char *path, const struct graph_load_options *load,
                         const struct import_options *options, struct weights **weights,
                         struct et_error *error);

/* The same graph with a batch axis, canonical; frees the one that is given, and with an error its
 * weights, too. */
struct graph *graph_with_batch(struct graph *graph, struct weights **weights,
                               struct et_error *error);

/* ---- Sizes as people write them ---- */

/* Sizes that an axis may have: "16", "1,16,128", "1..8,32", "32..1024:32" in
 * steps of 32; or ET_BATCH, by "N". */
enum { MOST_SIZE_RANGES = 16, MOST_SIZES = 256, MOST_TIED_PLACES = 8 };
struct axis_sizes {
    const char *name;
    int range_count;
    struct size_range {
        int64_t first, last, step;
    } ranges[MOST_SIZE_RANGES]; /* ascending, apart */
    int place_count;            /* that it ties together; 0: the file has an axis of that name */
    const char *places[MOST_TIED_PLACES];
};

/* Reads "NAME=SIZES", or "NAME@X.0,Y.1=SIZES" for one axis in several places: axis 0 of the input X
 * and axis 1 of Y. The name may have any characters, and stays in `text`, which is cut. */
bool read_axis_sizes(char *text, struct axis_sizes *sizes, struct et_error *error);
bool axis_allows(const struct axis_sizes *sizes, int64_t size);
/* How many sizes there are. */
int64_t axis_size_count(const struct axis_sizes *sizes);
/* The size at that position, from the least; it must be below axis_size_count(). */
int64_t axis_size_at(const struct axis_sizes *sizes, int64_t position);
/* Appends "1..8,32". */
void describe_axis_sizes(const struct axis_sizes *sizes, struct text *text);

#endif
