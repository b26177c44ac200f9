/* Packing: panels in the order in which tiles read them.
 *
 * A packed panel is [others...][panel][sums...][columns], where the others are further loops that
 * move the operand. Where tiles take groups of the innermost sum, these are behind the columns. The
 * last panel may have fewer columns, or columns beyond the last, which need not be set: sums of
 * them are never looked at. Constants are packed when the weights block is filled; the rest by
 * statements of their own. */
#include "compiler/schedule/pack.h"

#include "compiler/schedule/pack_codes.h"
#include "templates/convert.h"

#include <string.h>

/* ---- Layout ---- */

/* The loops other than the columns that move the operand, outermost first. Those around
 * the kernel are among them for constants only: others are packed within them. */
static int list_others(const struct packing_plan *plan, const struct axis **others) {
    const struct statement *statement = plan->contraction->statement;
    int count = 0;
    for (int i = 0; plan->load->buffer->kind == BUFFER_CONSTANT && i < statement->shared_count; i++)
        if (load_uses(plan->load, statement->shared[i]))
            others[count++] = statement->shared[i];
    for (int i = 0; i < statement->loop_count; i++)
        if (statement->loops[i] != plan->column && load_uses(plan->load, statement->loops[i]))
            others[count++] = statement->loops[i];
    return count;
}

/* Columns, with those that fill up the last block. */
static int64_t padded_extent(const struct packing_plan *plan) {
    int64_t whole = plan->column->extent / plan->block * plan->block;
    int64_t rest = plan->column->extent - whole;
    return whole + (plan->last ? plan->last : rest ? plan->block : 0);
}

/* Where a panel begins: the address as a sum over the other loops and the columns. */
static const struct index *packed_base(const struct packing_plan *plan) {
    struct ir *ir = plan->contraction->ir;
    const struct axis *others[MAX_LOOPS];
    int count = list_others(plan, others);
    int64_t stride = plan->depth * padded_extent(plan);
    const struct index *base = index_scale(ir, index_axis(ir, plan->column), plan->depth);
    for (int i = count - 1; i >= 0; i--) {
        base = index_add(ir, base, index_scale(ir, index_axis(ir, others[i]), stride));
        stride *= others[i]->extent;
    }
    return base;
}

static int64_t packed_elements(const struct packing_plan *plan) {
    const struct axis *others[MAX_LOOPS];
    int count = list_others(plan, others);
    int64_t elements = plan->depth * padded_extent(plan);
    for (int i = 0; i < count; i++)
        elements *= others[i]->extent;
    return elements;
}

static void begin_packing(struct packing_plan *plan, enum buffer_kind kind, const char *suffix) {
    struct ir *ir = plan->contraction->ir;
    const struct buffer *source = plan->load->buffer;
    int64_t elements = packed_elements(plan);
    plan->packed = ir_buffer(ir, kind, plan->dtype, 1, &elements,
                             arena_format(ir->arena, "%s_%s", source->name, suffix));
    plan->packed->node = source->node;
}

/* ---- Constants ---- */

static void add_packing_axis(struct packing *packing, int64_t extent, int64_t step) {
    packing->extents[packing->count] = extent;
    packing->steps[packing->count++] = step;
}

static struct packing *constant_packing(const struct packing_plan *plan) {
    struct ir *ir = plan->contraction->ir;
    const struct axis *others[MAX_LOOPS];
    int count = list_others(plan, others);
    const struct expression *sum = plan->contraction->sum;
    struct packing *packing = arena_new(ir->arena, struct packing);
    packing->elements = plan->load->buffer->value;
    packing->element_bytes = dtype_facts[plan->load->buffer->dtype].bytes;
    packing->widened = plan->dtype == plan->load->dtype ? DTYPE_FLOAT32 : plan->load->dtype;
    packing->source_bytes = (size_t)plan->load->buffer->elements * packing->element_bytes;
    packing->base = linear_address(ir, plan->load->buffer, plan->load->indices)->constant;
    packing->columns = plan->column->extent;
    packing->column_step = stride_of(ir, plan->load, plan->column);
    packing->block = plan->block;
    packing->last = plan->last;
    for (int i = 0; i < count; i++)
        add_packing_axis(packing, others[i]->extent, stride_of(ir, plan->load, others[i]));
    packing->outer_count = packing->count;
    packing->group = plan->group;
    int sums = sum->axis_count - (plan->group > 1);
    for (int i = 0; i < sums; i++)
        add_packing_axis(packing, sum->axes[i]->extent, stride_of(ir, plan->load, sum->axes[i]));
    packing->group_axis = -1;
    packing->group_extent = plan->grouped_extent;
    for (int i = 0; i < sums; i++)
        if (sum->axes[i] == plan->groups)
            packing->group_axis = packing->outer_count + i;
    if (plan->group > 1)
        packing->group_step = stride_of(ir, plan->load, sum->axes[sums]);
    if (plan->contraction->coded)
        packing->coded = coded_packing(plan, count, others);
    return packing;
}

/* The next place among axes first .. end - 1, the last fastest; false after the last place. */
static bool next_place(const struct packing *packing, int first, int end, int64_t *digits,
                       int64_t *from) {
    for (int i = end - 1; i >= first; i--) {
        *from += packing->steps[i];
        if (++digits[i] < packing->extents[i])
            return true;
        *from -= packing->steps[i] * packing->extents[i];
        digits[i] = 0;
    }
    return false;
}

/* How many of the summed axes, from the innermost on, lie in the source as one that runs by single
 * elements, and how long that is. */
static int count_running(const struct packing *packing, int64_t *length) {
    int count = 0;
    *length = 1;
    for (int i = packing->count - 1; i >= packing->outer_count; i--) {
        if (packing->steps[i] != *length && packing->extents[i] > 1)
            break;
        *length *= packing->extents[i];
        count++;
    }
    return count;
}

/* Bytes of a line of memory of the machine that compiles. */
enum { LINE_BYTES = 64 };

/* A panel or a stretch of it: `columns` of `width` columns come from a source where they are
 * `column_step` elements apart. */
struct panel_strip {
    const char *from;
    char *to;
    int64_t length, width, columns, column_step;
};

/* A stretch along the sums: its source runs by single elements there, so lines of it are read whole
 * and only once. The compiler knows `bytes`: to copy an element is a single move. */
static inline __attribute__((always_inline)) void
transpose_elements(const struct panel_strip *strip, int64_t bytes) {
    const int64_t line = LINE_BYTES / bytes, length = strip->length;
    for (int64_t begin = 0; begin < length; begin += line) {
        int64_t end = length - begin < line ? length : begin + line;
        for (int64_t c = 0; c < strip->columns; c++)
            for (int64_t k = begin; k < end; k++)
                memcpy(strip->to + (k * strip->width + c) * bytes,
                       strip->from + (k + c * strip->column_step) * bytes, (size_t)bytes);
    }
}

static void transpose(const struct panel_strip *strip, size_t element_bytes) {
    switch (element_bytes) {
    case 1:
        transpose_elements(strip, 1);
        break;
    case 2:
        transpose_elements(strip, 2);
        break;
    case 4:
        transpose_elements(strip, 4);
        break;
    case 8:
        transpose_elements(strip, 8);
        break;
    default:
        unreachable();
    }
}

/* One panel of whole columns; gives the place behind it. */
static char *pack_one(const struct packing *packing, struct panel_strip strip) {
    const int64_t bytes = (int64_t)packing->element_bytes, unused = strip.width - strip.columns;
    const char *panel = strip.from;
    int64_t digits[MAX_LOOPS] = {0}, offset = 0, length = 1;
    int running = strip.column_step == 1 ? 0 : count_running(packing, &length);
    strip.length = length;
    do {
        strip.from = panel + offset * bytes;
        for (int64_t k = 0; unused > 0 && k < length; k++)
            memset(strip.to + (k * strip.width + strip.columns) * bytes, 0,
                   (size_t)(unused * bytes));
        if (strip.column_step == 1)
            memcpy(strip.to, strip.from, (size_t)(strip.columns * bytes));
        else
            transpose(&strip, packing->element_bytes);
        strip.to += length * strip.width * bytes;
    } while (next_place(packing, packing->outer_count, packing->count - running, digits, &offset));
    return strip.to;
}

/* The same with groups of single bytes behind the columns, the last of which is filled up. */
static char *pack_groups(const struct packing *packing, struct panel_strip strip) {
    int64_t digits[MAX_LOOPS] = {0}, offset = 0;
    do {
        int64_t group = packing->group_axis < 0 ? 0 : digits[packing->group_axis];
        int64_t left = packing->group_extent - packing->group * group;
        for (int64_t c = 0; c < strip.width; c++)
            for (int64_t k = 0; k < packing->group; k++) {
                int64_t from = offset + c * strip.column_step + k * packing->group_step;
                *strip.to++ = c < strip.columns && k < left ? strip.from[from] : 0;
            }
    } while (next_place(packing, packing->outer_count, packing->count, digits, &offset));
    return strip.to;
}

/* The same where float32 is made of 16 bits: these are packed into the end of the place, and then
 * become twice as long from the beginning on, where they never reach what is yet to be read. */
static char *pack_and_widen(const struct packing *packing, struct panel_strip strip) {
    float *wide = (float *)strip.to;
    int64_t count = strip.width;
    for (int i = packing->outer_count; i < packing->count; i++)
        count *= packing->extents[i];
    char *narrow = strip.to += count * (int64_t)packing->element_bytes;
    char *end = pack_one(packing, strip);
    for (int64_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, narrow + i * (int64_t)sizeof bits, sizeof bits);
        wide[i] = packing->widened == DTYPE_FLOAT16 ? f16_to_f32(bits) : bf16_to_f32(bits);
    }
    return end;
}

void pack_constant(const struct packing *packing, const struct mapped_file *file, bool reversed,
                   void *packed) {
    if (packing->coded) {
        pack_codes(packing, reversed, packed);
        forget_pages(file, packing->elements, packing->source_bytes);
        return;
    }
    const char *elements = packing->elements;
    const int64_t bytes = (int64_t)packing->element_bytes;
    int64_t digits[MAX_LOOPS] = {0}, from = packing->base;
    char *to = packed, *forgotten = packed;
    do {
        for (int64_t column = 0; column < packing->columns; column += packing->block) {
            int64_t left = packing->columns - column;
            int64_t width = left < packing->block && packing->last ? packing->last : packing->block;
            const struct panel_strip strip = {
                .from = elements + (from + column * packing->column_step) * bytes,
                .to = to,
                .width = width,
                .columns = left < width ? left : width,
                .column_step = packing->column_step};
            to = packing->group > 1                  ? pack_groups(packing, strip)
                 : packing->widened == DTYPE_FLOAT32 ? pack_one(packing, strip)
                                                     : pack_and_widen(packing, strip);
            if (to - forgotten < FORGETTING_BYTES)
                continue;
            forget_pages(file, packing->elements, packing->source_bytes);
            forgotten = to;
        }
    } while (next_place(packing, 0, packing->outer_count, digits, &from));
}

/* ---- Packing at run time ---- */

/* The statement that packs blocks of one width: `count` of them from `begin`, `used` elements each.
 */
static struct statement *make_packer(const struct packing_plan *plan, struct kernel *kernel,
                                     bool partial, int64_t begin, int64_t count, int64_t width,
                                     int64_t used) {
    struct ir *ir = plan->contraction->ir;
    const struct statement *whole = plan->contraction->statement;
    const struct expression *sum = plan->contraction->sum;
    const struct axis *axes[MAX_LOOPS], *block = ir_axis(ir, count), *within = ir_axis(ir, used);
    const struct index *values[MAX_LOOPS];
    struct statement *statement = arena_new(ir->arena, struct statement);
    int axis_count = 0;
    *statement = (struct statement){.kernel = kernel,
                                    .output = plan->packed,
                                    .partial = partial,
                                    .points = count * used,
                                    .shared_count = whole->shared_count};
    memcpy(statement->shared, whole->shared, sizeof statement->shared);
    const struct index *inner = index_add(
        ir, index_constant(ir, begin),
        index_add(ir, index_scale(ir, index_axis(ir, block), width), index_axis(ir, within)));
    const struct index *start =
        index_add(ir, index_constant(ir, begin), index_scale(ir, index_axis(ir, block), width));
    axes[axis_count] = plan->column;
    values[axis_count++] = start;
    const struct axis *others[MAX_LOOPS];
    int other_count = list_others(plan, others);
    for (int i = 0; i < other_count; i++) {
        const struct axis *copy = ir_axis(ir, others[i]->extent);
        statement->loops[statement->loop_count++] = copy;
        statement->points *= copy->extent;
        axes[axis_count] = others[i];
        values[axis_count++] = index_axis(ir, copy);
    }
    struct substitution substitution = {.count = axis_count, .axes = axes, .values = values};
    const struct index *address =
        index_add(ir, index_substitute(ir, packed_base(plan), &substitution),
                  index_scale(ir, index_axis(ir, within), plan->group));
    statement->loops[statement->loop_count++] = block;
    int64_t stride = plan->depth * width;
    for (int i = 0; i < sum->axis_count; i++) {
        const struct axis *copy = ir_axis(ir, sum->axes[i]->extent);
        stride /= copy->extent;
        statement->loops[statement->loop_count++] = copy;
        statement->points *= copy->extent;
        axes[axis_count] = sum->axes[i];
        values[axis_count++] = index_axis(ir, copy);
        bool grouped = plan->group > 1 && i + 1 == sum->axis_count;
        address =
            index_add(ir, address, index_scale(ir, index_axis(ir, copy), grouped ? 1 : stride));
    }
    statement->loops[statement->loop_count++] = within;
    values[0] = inner;
    substitution = (struct substitution){.count = axis_count, .axes = axes, .values = values};
    struct rewrite rewrite = {.substitution = &substitution};
    statement->value = expression_rewrite(ir, plan->load, &rewrite);
    statement->store[0] = address;
    ir_drop_unit_loops(statement);
    return statement;
}

struct statement *next_packer(struct packers *packers) {
    const struct packing_plan *plan = &packers->plan;
    struct statement *copies = packers->copies;
    packers->copies = NULL;
    if (copies)
        return copies;
    int64_t count = plan->packed ? plan->column->extent / plan->block : 0;
    int64_t whole = count * plan->block;
    int64_t rest = plan->packed ? plan->column->extent - whole : 0;
    if (!packers->whole_made && count) {
        packers->whole_made = true;
        return make_packer(plan, packers->kernel, rest > 0, 0, count, plan->block, plan->block);
    }
    if (packers->rest_made || !rest)
        return NULL;
    packers->rest_made = true;
    return make_packer(plan, packers->kernel, count > 0, whole, 1,
                       plan->last ? plan->last : plan->block, rest);
}

/* ---- The panel ---- */

/* Strides of the sums within a packed block, in its rows; between blocks of codes, in bytes that
 * these take of a column. */
static int64_t packed_stride(const struct contraction *contraction, const struct tile_codes *codes,
                             int axis) {
    int64_t stride = 1;
    for (int i = contraction->sum->axis_count - 1; i > axis; i--) {
        stride *= contraction->sum->axes[i]->extent;
        if (contraction->coded && i == contraction->within)
            stride = coded_bytes(codes, contraction->block);
    }
    return stride;
}

struct kernel *packing_kernel(const struct contraction *contraction) {
    const struct statement *statement = contraction->statement;
    return statement->shared_count ? statement->kernel
                                   : arena_new(contraction->ir->arena, struct kernel);
}

struct packers provide_panel(struct tile *tile, const struct contraction *contraction,
                             const struct loop_tiling *tiling) {
    struct ir *ir = contraction->ir;
    const struct expression *sum = contraction->sum;
    struct buffer *source = tiling->panel->buffer;
    tile->packed = tiling->place == PANEL_PACKED;
    if (contraction->coded)
        tile->codes = codes_of(contraction->coded);
    for (int i = 0; i < sum->axis_count; i++)
        tile->sum_axes[i].panel_stride = tile->packed ? packed_stride(contraction, &tile->codes, i)
                                                      : stride_of(ir, tiling->panel, sum->axes[i]);
    if (!tile->packed) {
        tile->panel = source;
        tile->panel_base = without_axes(ir, linear_address(ir, source, tiling->panel->indices),
                                        sum->axis_count, sum->axes);
        return (struct packers){0};
    }
    struct packing_plan plan = {.contraction = contraction,
                                .load = tiling->panel,
                                .column = tiling->column,
                                .block = tiling->columns,
                                .last = tiling->last_columns,
                                .group = tiling->kind->group,
                                .groups = tiling->groups,
                                .grouped_extent = tiling->grouped_extent,
                                .dtype = tiling->kind->panel,
                                .codes = &tile->codes,
                                .depth = contraction->depth};
    if (contraction->coded)
        plan.depth =
            contraction->depth / contraction->block * coded_bytes(&tile->codes, contraction->block);
    bool constant = source->kind == BUFFER_CONSTANT;
    begin_packing(&plan, constant ? BUFFER_CONSTANT : BUFFER_TEMPORARY, "packed");
    tile->panel = plan.packed;
    tile->panel_base = packed_base(&plan);
    if (constant) {
        tile->panel->packing = constant_packing(&plan);
        return (struct packers){0};
    }
    return (struct packers){.plan = plan, .kernel = packing_kernel(contraction)};
}
