/* The stored form of a graph: JSON that a person can read and diff, beside its weights.
 *
 *   {
 *     "format": "eigentensor",
 *     "version": 2,
 *     "name": "scale",
 *     "inputs": [
 *       {"name": "x", "dtype": "float32", "shape": [3]}
 *     ],
 *     "weights": {
 *       "file": "scale.safetensors",
 *       "sha256": "64 hexadecimal digits, of the whole file",
 *       "tensors": [
 *         {"name": "w", "dtype": "float32", "shape": [3]}
 *       ]
 *     },
 *     "nodes": [
 *       {"id": 0, "op": "input", "src": [], "name": "x", "dtype": "float32", "shape": [3]},
 *       {"id": 1, "op": "weight", "src": [], "name": "w", "dtype": "float32", "shape": [3]},
 *       {"id": 2, "op": "mul", "src": [0, 1], "dtype": "float32", "shape": [3]}
 *     ],
 *     "outputs": [
 *       {"name": "y", "node": 2}
 *     ]
 *   }
 *
 * All keys are required, but for "weights", which a graph without weights does not have. A node is
 * one line, those of a scan's body one each; ids count from 0; sources come earlier. The attributes
 * of an operation are those that its row of ops.def names in backquotes (padding and range as
 * [[a, b], ...]); a pad's "value" is left out when it is 0. Values are written as element.h says:
 * numbers, but for "nan", "inf", "-inf" and a uint64 beyond int64. No other key is allowed
 * anywhere.
 *
 * The "body" of a scan is {"nodes": [...], "output": 5}: nodes as those of the graph, with ids of
 * their own, of which the input nodes are the body's inputs in their order; and the node whose
 * value is the next state; with "goes_on": 4 behind it where a node says whether there is another
 * step. It has no weights: these are sources of the scan. "last": true stands before it where the
 * scan gives the last state alone.
 *
 * The first extent of an input may be "N", the batch axis: the graph then runs any number of
 * images. Shapes of nodes say "N" wherever it is carried on, which is always as the first axis, and
 * an expand from 1 may bring a weight there; a shrink's range along it is [0, "N"]. No operation
 * may look from one image at another, and every output has the axis. See batch.h.
 *
 * The extent of an output along one axis may DEPEND ON THE DATA:
 *
 *       {"name": "boxes", "node": 12, "count": {"axis": 0, "output": "boxes.count"}},
 *       {"name": "boxes.count", "node": 9}
 *
 * The shape of node 12 has the greatest extent that there can be; the true one is the value of the
 * other output, an int64 of rank 0 (one that is outside of 0 .. the greatest counts as the nearer
 * of the two). Of such an output the elements before the count are shown; the digest of a run is
 * made of all.
 *
 * INTEGERS of an input or output may say what they stand for, (integer - zero) * scale, behind its
 * shape or its node:
 *
 *       {"name": "x", "dtype": "uint8", "shape": [1, 784], "scale": 0.003921569, "zero": 0}
 *       {"name": "y", "node": 12, "scale": 0.25, "zero": -3}
 *
 * Both keys or neither: a float32, positive and finite, and one of the dtype's integers, which has
 * 8 to 32 bits. No operation heeds them: they are for those who make the inputs and read the
 * outputs.
 *
 * Axes may be OPEN within bounds: behind "name" then stands
 *
 *     "axes": [
 *       {"name": "seq_len", "least": 1, "most": 512}
 *     ],
 *
 * with "step": 32 where sizes are 32 apart, and in nodes and inputs a string may stand where an
 * integer does in "shape", "padding", "range", "size", "stride", "dilation" and the "value" of a
 * const, float or integer: a size as size.h says, "2*seq_len+1". Shapes of weights have none. Such
 * a text stands for a graph of each size, with the digest of that graph; the digest of the text
 * itself tells the open graph. See open_graph.h.
 *
 * VERSION 2 says of NaN what ops.def says: max, min, the reductions of their names, argmax and
 * argmin let it through. In version 1 they passed over it, and casts to 16-bit floats went through
 * float32; there is no other difference. A file of version 1 is read, and is then a graph of
 * version 2 that says so with `where` and `cast` (version_1.c), so that it gives the bits that it
 * gave. The version is a part of the canonical text, and thus of the digest.
 *
 * THE CANONICAL TEXT of a graph is this text, byte for byte as graph_to_json writes it, without the
 * lines "file" and "sha256". THE DIGEST of a graph is the SHA-256 of its canonical text followed by
 * the digest_tensor (32 bytes) of each of its weights in the order of "tensors", which is by name.
 * So neither the weights file's name nor its layout has an influence, but each weight's bits do.
 */
#ifndef EIGENTENSOR_STORE_H
#define EIGENTENSOR_STORE_H

#include "compiler/graph/graph.h"
#include "compiler/graph/size.h"
#include "compiler/store/digest.h"
#include "compiler/store/safetensors.h"

struct et_axis;

/* Limits against hostile files, beside those of graph.h. */
enum {
    STORE_MOST_BYTES = 64 << 20, /* of the JSON file */
    STORE_MOST_NAMED = 1024,     /* inputs; outputs */
    STORE_MOST_SIZES = 4 << 20,  /* bytes of all sizes that depend on open axes */
};

enum { STORE_VERSION = 2 }; /* that is written; those from 1 on are read */

/* store.c: writing. All require what verify_graph checks, and check it. */

/* Appends the stored form. `weights_file` and `sha256` both NULL: the canonical text. */
bool graph_to_json(const struct graph *graph, const char *weights_file, const struct digest *sha256,
                   struct text *text, struct et_error *error);
/* Requires that every weight node is bound to its elements. */
bool graph_digest(const struct graph *graph, struct digest *digest, struct et_error *error);
/* The same, but that of a graph whose weights lie in files that have not changed since is the noted
 * one; `notes` may be NULL. */
bool graph_digest_noted(const struct graph *graph, const struct digest_notes *notes,
                        struct digest *digest, struct et_error *error);
/* Appends the text of the JSON file, as graph_store writes it, for weights of that digest. */
bool graph_encode(const struct graph *graph, const char *weights_file,
                  const struct weights *weights, const struct digest *sha256, struct text *text,
                  struct et_error *error);
/* The same in two steps: the first does what can fail, the second reads the elements of all
 * weights. What the first gives is released by the second, or by graph_identity_free. */
struct graph_identity {
    struct digest_stream stream;
    int count;
    struct node **weights;
};
bool graph_identity_begin(const struct graph *graph, struct graph_identity *identity,
                          struct et_error *error);
struct digest graph_identity_end(struct graph_identity *identity);
void graph_identity_free(struct graph_identity *identity); /* fine for one that is all zero */
/* Writes the JSON file. `weights` are those of `weights_file`, which lies in the same folder and
 * which weights_save wrote; both NULL for a graph without weights. */
bool graph_store(const struct graph *graph, const char *weights_file, const struct weights *weights,
                 const char *path, struct et_error *error);

/* load.c: reading. */

struct graph_load_options {
    const char *weights_path; /* read these weights, of any name, instead of the file named in the
                                 JSON, whose sha256 they need not have; NULL: the named file */
    bool require_sha256;      /* ... they need, after all */
    bool as_written;          /* no graph_canonicalize() */
    bool in_memory;           /* the weights: whatever becomes of their file (weights_read) */
    const struct digest_notes *notes; /* of the weights' file, unless in_memory; NULL: none */
    int axis_count;                   /* sizes of the graph's open axes, each once */
    const struct et_axis *axes;
};

/* Reads a graph and its weights and binds them. Checks everything: see the top of load.c. On
 * success *weights is the caller's (NULL for a graph without weights), and must outlive the graph.
 * NULL and an error that names the file, the node, its operation, what was expected and found. */
struct graph *graph_load(const char *path, struct weights **weights, struct et_error *error);
/* `options` may be NULL. */
struct graph *graph_load_with(const char *path, const struct graph_load_options *options,
                              struct weights **weights, struct et_error *error);
/* From memory: `name` stands for the file in messages, the weights file lies in `folder`. */
struct graph *graph_decode(const char *json, size_t count, const char *name, const char *folder,
                           const struct graph_load_options *options, struct weights **weights,
                           struct et_error *error);

/* Points every weight node to its elements, which must be of its dtype and shape. */
bool graph_bind(struct graph *graph, const struct weights *weights, struct et_error *error);

/* version_1.c */

/* Replaces a graph that was read from version 1 by one with the same bits. Its weights are not
 * bound yet. False leaves it as it was. */
bool graph_from_version_1(struct graph **graph, struct et_error *error);

/* canonicalize.c */

/* Makes one operation of the two that a multiply-then-sum is in other tools:
 *
 *   reduce_sum(mul(a, b), axes)  ->  contract(a, b, axes)
 *
 * wherever nothing else reads the product, and a or b is repeated along an axis that stays: for a
 * matrix product or a convolution, not for the sum of squares of each row. This is a change of
 * meaning for float32 (contract rounds once an element and adds in another order), made when a
 * graph is captured or loaded: the digest is that of the graph after it. It changes nothing when
 * done again. Other nodes stay as they are; ids stay dense. Requires what verify_graph checks, and
 * provides it. False: out of memory. */
bool graph_canonicalize(struct graph *graph, struct et_error *error);

/* Shared by store.c and load_node.c: the attributes of an operation, a set of these. */
enum attribute {
    ATTRIBUTE_NAME = 1 << 0,
    ATTRIBUTE_VALUE = 1 << 1,
    ATTRIBUTE_AXES = 1 << 2,
    ATTRIBUTE_AXIS = 1 << 3,
    ATTRIBUTE_PADDING = 1 << 4,
    ATTRIBUTE_RANGE = 1 << 5,
    ATTRIBUTE_WINDOW = 1 << 6, /* size, stride, dilation */
    ATTRIBUTE_SCAN = 1 << 7,   /* scanned, body */
};
unsigned op_attributes(enum op op);

/* Shared by store.c and load.c: the elements of a weight node, of its dtype and shape. */
const struct weight *weight_of(const struct node *node, const struct weights *weights,
                               struct et_error *error);

/* Shared by load.c and load_node.c: sizes that are read, and where they stand. */
struct open_graph;
struct open_node;
struct size_loader {
    struct open_graph *open;       /* whose axes are known, and whose arena it is */
    int64_t sizes[MOST_OPEN_AXES]; /* the most of each axis */
    struct open_node *nodes;       /* of the graph at hand, by id; NULL: it has no open axes */
    struct open_node *node;        /* the one at hand */
    int capacity;                  /* of its integers */
    size_t read;                   /* bytes of sizes, so far */
};

/* "dtype" and "shape" of an object; only where `may_be_batched` its first extent may be "N", and
 * only with a `loader` extents may be sizes. */
struct json_t;
bool load_dtype_and_shape(const struct json_t *object, struct node *node, bool may_be_batched,
                          struct size_loader *loader, struct et_error *error);

/* Appends the node that the JSON describes; `listed` are the weights that the graph names (without
 * data), or NULL. */
bool load_node(struct graph *graph, const struct weights *listed, const struct json_t *object,
               struct size_loader *loader, struct et_error *error);

#endif
