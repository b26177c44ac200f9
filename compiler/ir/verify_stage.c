/* Which fields are valid at which stage: before the stage that makes a field it is not set, from
 * then on, up to a later stage for some, it is as its check demands. */
#include "compiler/ir/verify.h"

#include <string.h>

static const char *const stage_names[IR_STAGE_COUNT] = {
#define IR_STAGE(id, name, what) #name,
#include "compiler/ir/stages.def"
#undef IR_STAGE
};

/* ---- Fields of statements and of their kernels ---- */

static bool is_there(const struct statement *statement) {
    return statement != NULL;
}

static bool has_axes(const struct statement *statement) {
    return statement->axis_count > 0;
}

static bool axes_are_those_of_output(const struct ir *ir, const struct statement *statement) {
    (void)ir;
    bool same = statement->axis_count == statement->output->rank;
    for (int i = 0; same && i < statement->axis_count; i++)
        same = statement->axes[i]->extent == statement->output->shape[i];
    return same;
}

static bool has_loops(const struct statement *statement) {
    return statement->loop_count > 0;
}

static bool loops_reach_all_points(const struct ir *ir, const struct statement *statement) {
    (void)ir;
    int64_t points = 1;
    for (int i = 0; i < statement->loop_count; i++)
        points *= statement->loops[i]->extent;
    for (int i = 0; i < statement->shared_count; i++)
        points *= statement->shared[i]->extent;
    return points == statement->points;
}

static bool has_store(const struct statement *statement) {
    return statement->output->rank > 0 && statement->store[0];
}

static bool stores_along_all_axes(const struct ir *ir, const struct statement *statement) {
    (void)ir;
    bool all = true;
    for (int i = 0; i < statement->output->rank; i++)
        all &= statement->store[i] != NULL;
    return all;
}

static bool joins(const struct statement *statement) {
    return statement->joins;
}

static bool has_shared_loops(const struct statement *statement) {
    return statement->shared_count > 0;
}

static bool shares_loops_of_kernel(const struct ir *ir, const struct statement *statement) {
    const struct statement *before = statement->id ? ir->statements[statement->id - 1] : NULL;
    return !before || before->kernel != statement->kernel ||
           (before->shared_count == statement->shared_count &&
            memcmp(before->shared, statement->shared,
                   (size_t)before->shared_count * sizeof *before->shared) == 0);
}

static bool has_address(const struct statement *statement) {
    return statement->address != NULL;
}

static bool address_is_there(const struct ir *ir, const struct statement *statement) {
    (void)ir;
    return has_address(statement);
}

static bool is_tiled(const struct statement *statement) {
    return statement->tile != NULL;
}

static bool tile_is_whole(const struct ir *ir, const struct statement *statement) {
    (void)ir;
    const struct tile *tile = statement->tile;
    bool whole = !tile || (tile->stream && tile->panel && tile->block_count > 0);
    for (int i = 0; whole && tile && i < tile->block_count; i++)
        whole = tile->blocks[i].accumulators && tile->blocks[i].value && tile->blocks[i].address;
    return whole;
}

static bool is_listed_by_kernel(const struct statement *statement) {
    return statement->kernel->statement_count > 0;
}

static bool is_part_of_kernel(const struct ir *ir, const struct statement *statement) {
    const struct kernel *kernel = statement->kernel;
    int place = kernel->statement_count ? statement->id - kernel->statements[0]->id : -1;
    return kernel->id < ir->kernel_count && ir->kernels[kernel->id] == kernel && place >= 0 &&
           place < kernel->statement_count && kernel->statements[place] == statement;
}

static bool is_parallel(const struct statement *statement) {
    return statement->parallel_loop || statement->kernel->parallel;
}

static bool parallel_loop_is_its_own(const struct ir *ir, const struct statement *statement) {
    const struct axis *axis = statement->parallel_loop;
    bool own = !axis;
    for (int i = 0; i < statement->loop_count; i++)
        own |= statement->loops[i] == axis;
    for (int i = 0; i < statement->shared_count; i++)
        own |= statement->shared[i] == axis;
    return own && (!axis || (ir->threads > 1 && statement->kernel->parallel));
}

static bool prefetches(const struct statement *statement) {
    return statement->tile && statement->tile->prefetch.count;
}

static bool prefetches_in_its_loops(const struct ir *ir, const struct statement *statement) {
    (void)ir;
    const struct tile *tile = statement->tile;
    return !prefetches(statement) ||
           ((tile->prefetch.buffer || tile->prefetch.loop < tile->loop_count) &&
            tile->prefetch.lines > 0);
}

static bool output_is_placed(const struct statement *statement) {
    return statement->output->offset || statement->output->last_kernel;
}

static bool output_lives(const struct ir *ir, const struct statement *statement) {
    const struct buffer *output = statement->output;
    return output->kind != BUFFER_TEMPORARY || (output->first_kernel <= statement->kernel->id &&
                                                output->last_kernel >= statement->kernel->id &&
                                                output->offset < ir->memory.arena_bytes);
}

static bool has_step(const struct statement *statement) {
    return statement->kernel->step > 0;
}

static bool steps_ascend(const struct ir *ir, const struct statement *statement) {
    int id = statement->kernel->id, step = statement->kernel->step;
    int before = id ? ir->kernels[id - 1]->step : 0;
    return step == before || (id && step == before + 1);
}

static const struct statement_field {
    const char *name;
    enum ir_stage from, until; /* both stages included */
    bool (*is_set)(const struct statement *statement);
    bool (*holds)(const struct ir *ir, const struct statement *statement); /* NULL: any will do */
} statement_fields[] = {
    {"statement", IR_LOWERED, IR_ORDERED, is_there, NULL},
    {"axes", IR_LOWERED, IR_LOWERED, has_axes, axes_are_those_of_output},
    {"loops", IR_SPLIT, IR_SHARED, has_loops, loops_reach_all_points},
    {"store", IR_SPLIT, IR_SHARED, has_store, stores_along_all_axes},
    {"joins", IR_NESTED, IR_ORDERED, joins, NULL},
    {"shared", IR_SHARED, IR_ORDERED, has_shared_loops, shares_loops_of_kernel},
    {"address", IR_SCHEDULED, IR_ORDERED, has_address, address_is_there},
    {"tile", IR_SCHEDULED, IR_ORDERED, is_tiled, tile_is_whole},
    {"kernel", IR_KERNELS, IR_ORDERED, is_listed_by_kernel, is_part_of_kernel},
    {"parallel_loop", IR_PARALLEL, IR_ORDERED, is_parallel, parallel_loop_is_its_own},
    {"prefetch", IR_PREFETCHED, IR_ORDERED, prefetches, prefetches_in_its_loops},
    {"offset", IR_PLACED, IR_ORDERED, output_is_placed, output_lives},
    {"step", IR_ORDERED, IR_ORDERED, has_step, steps_ascend},
};

static bool check_statement_field(const struct ir *ir, const struct statement *statement,
                                  const struct statement_field *field, struct et_error *error) {
    if (ir->stage < field->from && field->is_set(statement))
        return et_fail(error, "kernel %d: %s is set before the stage %s", statement->id,
                       field->name, stage_names[field->from]);
    bool valid = ir->stage >= field->from && ir->stage <= field->until;
    if (valid && field->holds && !field->holds(ir, statement))
        return et_fail(error, "kernel %d: %s is wrong at the stage %s", statement->id, field->name,
                       stage_names[ir->stage]);
    return true;
}

/* ---- Fields of temporaries ---- */

static bool is_laid_out(const struct buffer *buffer) {
    int64_t stride[MAX_RANK];
    row_major_strides(buffer->rank, buffer->shape, stride);
    return buffer->laid_out ||
           memcmp(stride, buffer->stride, (size_t)buffer->rank * sizeof *stride) != 0;
}

/* The last element, the only one along sliced axes, is within the buffer. */
static bool strides_stay_within(const struct buffer *buffer) {
    int64_t last = 0;
    for (int i = 0; i < buffer->rank; i++)
        last += buffer->sliced[i] ? 0 : (buffer->shape[i] - 1) * buffer->stride[i];
    return last < buffer->elements;
}

static bool slices_have_no_stride(const struct buffer *buffer) {
    for (int i = 0; i < buffer->rank; i++)
        if (buffer->sliced[i] && buffer->stride[i])
            return false;
    return true;
}

static bool is_per_thread(const struct buffer *buffer) {
    return buffer->per_thread;
}

static const struct buffer_field {
    const char *name;
    enum ir_stage from;
    bool (*is_set)(const struct buffer *buffer);
    bool (*holds)(const struct buffer *buffer); /* NULL: any will do */
} buffer_fields[] = {
    {"stride", IR_LAID_OUT, is_laid_out, strides_stay_within},
    {"sliced", IR_SHARED, is_slice, slices_have_no_stride},
    {"per_thread", IR_PARALLEL, is_per_thread, NULL},
};

static bool check_buffer_field(const struct ir *ir, const struct buffer *buffer,
                               const struct buffer_field *field, struct et_error *error) {
    if (buffer->kind != BUFFER_TEMPORARY)
        return true;
    if (ir->stage < field->from && field->is_set(buffer))
        return et_fail(error, "%s: %s is set before the stage %s", buffer->name, field->name,
                       stage_names[field->from]);
    if (ir->stage >= field->from && field->holds && !field->holds(buffer))
        return et_fail(error, "%s: %s is wrong at the stage %s", buffer->name, field->name,
                       stage_names[ir->stage]);
    return true;
}

/* ---- All ---- */

bool verify_stage(const struct ir *ir, struct et_error *error) {
    const size_t statement_field_count = sizeof statement_fields / sizeof *statement_fields;
    const size_t buffer_field_count = sizeof buffer_fields / sizeof *buffer_fields;
    for (int i = 0; i < ir->statement_count; i++)
        for (size_t k = 0; k < statement_field_count; k++)
            if (!check_statement_field(ir, ir->statements[i], &statement_fields[k], error))
                return false;
    for (int i = 0; i < ir->buffer_count; i++)
        for (size_t k = 0; k < buffer_field_count; k++)
            if (!check_buffer_field(ir, ir->buffers[i], &buffer_fields[k], error))
                return false;
    return true;
}
