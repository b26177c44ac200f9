#include "runtime/tune/tune.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/emit/backend.h"
#include "runtime/kernels/cpu.h"
#include "runtime/tuning_cache.h"

enum { LEAST_RUNS = 5, MOST_RUNS = 500, CONFIRMATIONS = 2, VALIDATIONS = 3 };
/* Of the time before: what is not below is no gain; in the end, after that was found twice. */
static const double MARGIN = 0.98, SLIGHT_MARGIN = 0.99;

/* ---- One way to compile the program, with a clock between its kernels ---- */

struct variant {
    struct compiled *compiled;
    struct executable executable;
    double *samples; /* MOST_RUNS for each kernel, in seconds */
    double *times;   /* of each kernel, the lower quartile */
    int runs;
};

/* Kernels of several programs, chosen otherwise, that compute the same. */
struct unit {
    const char *contraction, *kernels;
    const char *tile_before, *blocking_before;
    const char *tile, *blocking; /* taken */
    const char *trial;           /* in this round; NULL: none */
    const char *winner;          /* the best trial so far that was a gain */
    double winner_share;         /* of the time of what was taken before */
    int trial_count, next;
    const char **trials;
    double before, after;
};

struct tuner {
    const struct et_program *program;
    const struct tune_options *options;
    const struct target *target;
    struct tuned *tuned;
    struct arena *arena;
    int unit_count;
    struct unit *units;
    struct tuned_choice *choices;
    struct variant before, base, trial;
    const void **inputs; /* options->inputs, and note_lap behind them */
    void *memory;        /* all variants run in the same: where it lies matters */
    size_t bytes;
    void **outputs, **expected;
    bool blockings; /* what is tried: tiles, or the blocks around them */
    int done, total;
    struct et_error *error;
};

/* Where the running program's laps go. */
static _Thread_local double *lap_times;

/* Of this thread's own time: what others do to the machine counts as little as can be. */
static double thread_seconds(void) {
    return 1e-9 * (double)clock_nanoseconds(CLOCK_THREAD_CPUTIME_ID);
}

static void note_lap(int done) {
    lap_times[done] = thread_seconds();
}

static void close_variant(struct variant *variant) {
    et_release(variant->samples);
    et_release(variant->times);
    executable_free(&variant->executable);
    compiled_free(variant->compiled);
    *variant = (struct variant){0};
}

static bool make_memory(struct tuner *tuner, struct variant *variant) {
    size_t bytes = variant->compiled->arena_bytes;
    size_t kernels = (size_t)variant->compiled->kernel_count;
    variant->samples = et_allocate(kernels * MOST_RUNS + 1, sizeof(double));
    variant->times = et_allocate(kernels + 1, sizeof(double));
    if (bytes > tuner->bytes || !tuner->memory) {
        et_release(tuner->memory);
        tuner->bytes = bytes + bytes / 4 + 1; /* seldom again */
        tuner->memory = et_allocate_aligned(tuner->bytes);
    }
    return (variant->samples && variant->times && tuner->memory) ||
           et_fail(tuner->error, "out of memory");
}

static bool make_inputs(struct tuner *tuner) {
    int count = et_program_input_count(tuner->program);
    tuner->inputs = et_allocate((size_t)count + 1, sizeof *tuner->inputs);
    if (!tuner->inputs)
        return et_fail(tuner->error, "out of memory");
    for (int i = 0; i < count; i++)
        tuner->inputs[i] = tuner->options->inputs[i];
    *(lap **)&tuner->inputs[count] = note_lap;
    return true;
}

static bool make_outputs(struct tuner *tuner, void ***outputs) {
    int count = et_program_output_count(tuner->program);
    *outputs = et_allocate((size_t)count + 1, sizeof(void *));
    bool good = *outputs != NULL;
    for (int i = 0; good && i < count; i++) {
        size_t bytes = et_program_output(tuner->program, i).bytes;
        good = ((*outputs)[i] = et_allocate_aligned(bytes + 1)) != NULL;
    }
    return good || et_fail(tuner->error, "out of memory");
}

static void free_outputs(const struct tuner *tuner, void **outputs) {
    for (int i = 0; outputs && i < et_program_output_count(tuner->program); i++)
        et_release(outputs[i]);
    et_release(outputs);
}

/* Compiles the program with each unit's choice, or its trial or winner in place of that. */
static bool open_variant(struct tuner *tuner, struct variant *variant) {
    close_variant(variant);
    for (int i = 0; i < tuner->unit_count; i++) {
        const struct unit *unit = &tuner->units[i];
        const char *tile = unit->tile, *blocking = unit->blocking;
        if (unit->trial && tuner->blockings)
            blocking = unit->trial;
        else if (unit->trial) {
            tile = unit->trial;
            blocking = NULL;
        }
        tuner->choices[i] = (struct tuned_choice){unit->contraction, tile, blocking, 0, 0};
    }
    struct tuning tuning = {.count = tuner->unit_count, .choices = tuner->choices};
    struct compile_options options = {.backend = tuner->options->backend->emits,
                                      .target = tuner->target,
                                      .limits = program_limits(tuner->program),
                                      .tuning = &tuning,
                                      .list_candidates = true,
                                      .profile = true};
    variant->compiled = compile(program_graph(tuner->program), &options, tuner->error);
    return variant->compiled &&
           backend_build(tuner->options->backend, variant->compiled, &tuner->options->building,
                         &variant->executable, tuner->error) &&
           make_memory(tuner, variant);
}

/* ---- Measuring ---- */

static void run_once(const struct tuner *tuner, const struct variant *variant, void **outputs,
                     double *laps) {
    lap_times = laps;
    variant->executable.entry(tuner->inputs, outputs, variant->compiled->weights, tuner->memory);
}

static void keep_laps(struct variant *variant, const double *laps) {
    for (int i = 0; i < variant->compiled->kernel_count; i++)
        variant->samples[i * MOST_RUNS + variant->runs] = laps[i + 1] - laps[i];
    variant->runs++;
}

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Clocks of a thread's own time are corrected now and then, so the least would not do. */
static void find_quartiles(struct variant *variant) {
    for (int i = 0; i < variant->compiled->kernel_count; i++) {
        double *samples = &variant->samples[i * MOST_RUNS];
        qsort(samples, (size_t)variant->runs, sizeof *samples, by_value);
        variant->times[i] = samples[variant->runs / 4];
    }
}

static bool same_outputs(const struct tuner *tuner) {
    for (int i = 0; i < et_program_output_count(tuner->program); i++)
        if (memcmp(tuner->outputs[i], tuner->expected[i],
                   et_program_output(tuner->program, i).bytes) != 0)
            return et_fail(tuner->error, "output %d: a candidate gives other bits", i);
    return true;
}

/* Both take turns for so long. */
static bool measure(const struct tuner *tuner, struct variant *a, struct variant *b,
                    double seconds) {
    struct variant *const sides[] = {a, b};
    size_t laps_count = 1;
    for (int i = 0; i < 2; i++) {
        size_t laps = (size_t)sides[i]->compiled->kernel_count + 1;
        laps_count = laps > laps_count ? laps : laps_count;
        sides[i]->runs = 0;
    }
    double *laps = et_allocate(laps_count, sizeof *laps);
    bool good = laps || et_fail(tuner->error, "out of memory");
    double begin = thread_seconds();
    if (good) {
        run_once(tuner, a, tuner->expected, laps);
        run_once(tuner, b, tuner->outputs, laps);
        good = same_outputs(tuner);
    }
    for (int run = 0; good && run < MOST_RUNS; run++) {
        if (run >= LEAST_RUNS && thread_seconds() - begin > seconds)
            break;
        for (int i = 0; i < 2; i++) {
            run_once(tuner, sides[(i + run) % 2], tuner->outputs, laps);
            keep_laps(sides[(i + run) % 2], laps);
        }
    }
    find_quartiles(a);
    find_quartiles(b);
    et_release(laps);
    return good;
}

static double whole_time(const struct variant *variant) {
    double time = 0;
    for (int i = 0; i < variant->compiled->kernel_count; i++)
        time += variant->times[i];
    return time;
}

double contraction_time(const struct compiled *compiled, const char *contraction,
                        const double *times) {
    double time = 0;
    int done = -1; /* contractions come in the order of their kernels */
    for (int i = 0; i < compiled->contraction_count; i++) {
        const struct contraction_facts *facts = &compiled->contractions[i];
        if (strcmp(facts->contraction, contraction) != 0)
            continue;
        for (int kernel = facts->first_kernel; kernel <= facts->kernel; kernel++)
            if (kernel > done) {
                time += times[kernel];
                done = kernel;
            }
    }
    return time;
}

static double unit_time(const struct variant *variant, const struct unit *unit) {
    return contraction_time(variant->compiled, unit->contraction, variant->times);
}

/* ---- Units ---- */

static const char *number_of(const struct tuner *tuner, const char *kernels, const char *name) {
    return arena_format(tuner->arena, "%s%s%.*s", kernels ? kernels : "", kernels ? " " : "",
                        (int)strcspn(name, "_"), name);
}

static struct unit *find_unit(const struct tuner *tuner, const char *contraction) {
    for (int i = 0; i < tuner->unit_count; i++)
        if (strcmp(tuner->units[i].contraction, contraction) == 0)
            return &tuner->units[i];
    return NULL;
}

static void find_units(struct tuner *tuner) {
    const struct compiled *compiled = tuner->before.compiled;
    size_t most = (size_t)compiled->contraction_count + 1;
    tuner->units = arena_array(tuner->arena, struct unit, most);
    tuner->choices = arena_array(tuner->arena, struct tuned_choice, most);
    int last_kernel = -1;
    for (int i = 0; i < compiled->contraction_count; i++) {
        const struct contraction_facts *facts = &compiled->contractions[i];
        struct unit *unit = find_unit(tuner, facts->contraction);
        if (!unit) {
            unit = &tuner->units[tuner->unit_count++];
            unit->contraction = facts->contraction;
            unit->tile = unit->tile_before = facts->tiles.items[facts->tiles.taken].text;
            unit->blocking = unit->blocking_before =
                facts->blockings.items[facts->blockings.taken].text;
            last_kernel = -1;
        }
        if (facts->kernel != last_kernel)
            unit->kernels = number_of(tuner, unit->kernels, compiled->kernels[facts->kernel].name);
        last_kernel = facts->kernel;
    }
}

/* ---- What is tried ---- */

/* A tile without its rows: how the operands are used, and how wide it is. */
static void kind_of_tile(const char *tile, char *kind, size_t capacity) {
    const char *width = strchr(tile, 'x'), *stream = strstr(tile, " stream ");
    const char *columns = strstr(tile, " columns ");
    if (width && stream && columns)
        snprintf(kind, capacity, "%c%.*s%s", *tile == 'l' ? 'l' : ' ', (int)(stream - width + 9),
                 width, columns);
    else
        snprintf(kind, capacity, "%s", tile);
}

static bool is_of_new_kind(const struct candidates *candidates, int candidate) {
    char kind[200], other[200];
    kind_of_tile(candidates->items[candidate].text, kind, sizeof kind);
    for (int i = 0; i < candidate; i++) {
        kind_of_tile(candidates->items[i].text, other, sizeof other);
        if (strcmp(kind, other) == 0)
            return false;
    }
    return true;
}

/* The cheapest, and the first of every other kind that is not beyond hope; of blocks those that do
 * not cost the same as the ones taken. */
static void list_trials(struct tuner *tuner, struct unit *unit,
                        const struct candidates *candidates) {
    int most = tuner->options->tries;
    double taken = candidates->items[candidates->taken].cost;
    unit->trials = arena_array(tuner->arena, const char *, (size_t)most + 1);
    unit->trial_count = unit->next = 0;
    unit->winner = NULL;
    for (int i = 0; i < candidates->count && unit->trial_count < most; i++) {
        const struct candidate *candidate = &candidates->items[i];
        bool near = i < most / 2;
        bool other =
            !tuner->blockings && candidate->cost < 2 * taken && is_of_new_kind(candidates, i);
        if (tuner->blockings)
            near = candidate->cost != taken && candidate->cost < 4 * taken + 1;
        if (i != candidates->taken && (near || other))
            unit->trials[unit->trial_count++] = arena_copy_text(tuner->arena, candidate->text);
    }
    tuner->total += unit->trial_count;
}

static void list_all_trials(struct tuner *tuner) {
    const struct compiled *compiled = tuner->base.compiled;
    for (int u = 0; u < tuner->unit_count; u++) {
        struct unit *unit = &tuner->units[u];
        unit->trial_count = unit->next = 0;
        for (int i = 0; i < compiled->contraction_count; i++) {
            const struct contraction_facts *facts = &compiled->contractions[i];
            if (strcmp(facts->contraction, unit->contraction) != 0)
                continue;
            list_trials(tuner, unit, tuner->blockings ? &facts->blockings : &facts->tiles);
            break;
        }
    }
}

/* ---- Rounds ---- */

/* Whether no kernel of the unit is a kernel of one that is tried in this round; then they are
 * taken. */
static bool take_kernels(const struct tuner *tuner, const struct unit *unit, bool *taken) {
    const struct compiled *compiled = tuner->base.compiled;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < compiled->contraction_count; i++) {
            const struct contraction_facts *facts = &compiled->contractions[i];
            if (strcmp(facts->contraction, unit->contraction) != 0)
                continue;
            if (pass == 0 && taken[facts->kernel])
                return false;
            taken[facts->kernel] = true;
        }
    return true;
}

/* Gives every unit its next trial, as far as they do not share kernels; false: none is left. */
static bool next_trials(struct tuner *tuner) {
    size_t kernels = (size_t)tuner->base.compiled->kernel_count;
    bool *taken = arena_array(tuner->arena, bool, kernels + 1);
    bool any = false;
    for (int i = 0; i < tuner->unit_count; i++) {
        struct unit *unit = &tuner->units[i];
        unit->trial = NULL;
        if (unit->next == unit->trial_count || !take_kernels(tuner, unit, taken))
            continue;
        unit->trial = unit->trials[unit->next++];
        tuner->done++;
        any = true;
    }
    return any;
}

static void judge_trials(struct tuner *tuner) {
    for (int i = 0; i < tuner->unit_count; i++) {
        struct unit *unit = &tuner->units[i];
        if (!unit->trial)
            continue;
        double share = unit_time(&tuner->trial, unit) / unit_time(&tuner->base, unit);
        if (share < (unit->winner ? unit->winner_share : MARGIN)) {
            unit->winner = unit->trial;
            unit->winner_share = share;
        }
    }
}

/* Gives every unit its winner as trial; false: there is none. */
static bool set_winners(struct tuner *tuner) {
    bool any = false;
    for (int i = 0; i < tuner->unit_count; i++) {
        tuner->units[i].trial = tuner->units[i].winner;
        any |= tuner->units[i].winner != NULL;
    }
    return any;
}

static void end_trials(struct tuner *tuner) {
    for (int i = 0; i < tuner->unit_count; i++)
        tuner->units[i].trial = NULL;
}

static void take_winners(struct tuner *tuner) {
    for (int i = 0; i < tuner->unit_count; i++) {
        struct unit *unit = &tuner->units[i];
        if (unit->winner && tuner->blockings) {
            unit->blocking = unit->winner;
        } else if (unit->winner) {
            unit->tile = unit->winner;
            unit->blocking = NULL;
        }
        unit->winner = NULL;
    }
}

/* All winners at once, in programs compiled anew: those that win each time are taken. */
static bool confirm(struct tuner *tuner) {
    for (int time = 0; time < CONFIRMATIONS && set_winners(tuner); time++) {
        bool good = open_variant(tuner, &tuner->trial);
        end_trials(tuner);
        if (!good || !open_variant(tuner, &tuner->base) ||
            !measure(tuner, &tuner->base, &tuner->trial, 2 * tuner->options->seconds))
            return false;
        for (int i = 0; i < tuner->unit_count; i++) {
            struct unit *unit = &tuner->units[i];
            if (unit_time(&tuner->trial, unit) >= MARGIN * unit_time(&tuner->base, unit))
                unit->winner = NULL;
        }
    }
    end_trials(tuner);
    take_winners(tuner);
    return open_variant(tuner, &tuner->base);
}

static bool try_all(struct tuner *tuner) {
    list_all_trials(tuner);
    while (next_trials(tuner)) {
        if (!open_variant(tuner, &tuner->trial) ||
            !measure(tuner, &tuner->base, &tuner->trial, tuner->options->seconds))
            return false;
        judge_trials(tuner);
        if (tuner->options->progress)
            tuner->options->progress(tuner->options->context, tuner->done, tuner->total);
    }
    return confirm(tuner);
}

/* ---- The result ---- */

/* The choices as they are now, the blocks in words too. */
static void note_taken(struct tuner *tuner) {
    const struct compiled *compiled = tuner->base.compiled;
    for (int i = 0; i < compiled->contraction_count; i++) {
        const struct contraction_facts *facts = &compiled->contractions[i];
        struct unit *unit = find_unit(tuner, facts->contraction);
        const char *blocking = facts->blockings.items[facts->blockings.taken].text;
        unit->blocking = arena_copy_text(tuner->arena, blocking);
    }
}

static bool is_changed(const struct unit *unit) {
    return strcmp(unit->tile, unit->tile_before) != 0 ||
           strcmp(unit->blocking, unit->blocking_before) != 0;
}

static void go_back(struct unit *unit) {
    unit->tile = unit->tile_before;
    unit->blocking = unit->blocking_before;
}

/* What is no gain goes back to the cost model's choice; false: nothing did. */
static bool drop_losses(struct tuner *tuner) {
    bool any = false;
    for (int i = 0; i < tuner->unit_count; i++) {
        struct unit *unit = &tuner->units[i];
        if (!is_changed(unit) ||
            unit_time(&tuner->base, unit) < SLIGHT_MARGIN * unit_time(&tuner->before, unit))
            continue;
        go_back(unit);
        any = true;
    }
    return any;
}

/* In longer runs every choice has to be a gain, and so has the whole, some time. */
static bool validate(struct tuner *tuner) {
    for (int time = 0; time < VALIDATIONS;) {
        if (!open_variant(tuner, &tuner->base) ||
            !measure(tuner, &tuner->before, &tuner->base, 4 * tuner->options->seconds))
            return false;
        if (drop_losses(tuner))
            continue;
        if (whole_time(&tuner->base) < whole_time(&tuner->before))
            return true;
        time++;
    }
    for (int i = 0; i < tuner->unit_count; i++)
        go_back(&tuner->units[i]);
    return true;
}

static void fill_result(struct tuner *tuner) {
    struct tuned *tuned = tuner->tuned;
    char cpu[128];
    cpu_model_name(cpu, sizeof cpu);
    tuned->rows = arena_array(tuner->arena, struct tuned_row, (size_t)tuner->unit_count + 1);
    tuned->tuning =
        (struct tuning){.digest = arena_copy_text(tuner->arena, et_program_digest(tuner->program)),
                        .target = tuner->target->name,
                        .cpu = arena_copy_text(tuner->arena, cpu),
                        .mode = tuner->options->backend->name,
                        .choices = tuner->choices};
    for (int i = 0; i < tuner->unit_count; i++) {
        const struct unit *unit = &tuner->units[i];
        struct tuned_row row = {.kernels = unit->kernels,
                                .contraction = unit->contraction,
                                .tile_before = unit->tile_before,
                                .blocking_before = unit->blocking_before,
                                .tile = unit->tile,
                                .blocking = unit->blocking,
                                .before = 1e6 * unit_time(&tuner->before, unit),
                                .after = 1e6 * unit_time(&tuner->base, unit)};
        row.changed = is_changed(unit);
        if (row.changed)
            tuner->choices[tuned->tuning.count++] = (struct tuned_choice){
                row.contraction, row.tile, row.blocking, row.before, row.after};
        tuned->rows[tuned->count++] = row;
    }
    tuned->before = 1e6 * whole_time(&tuner->before);
    tuned->after = 1e6 * whole_time(&tuner->base);
}

/* Texts of candidates belong to what was compiled first, which goes: they are copied. */
static void keep_texts(struct tuner *tuner) {
    struct tuned *tuned = tuner->tuned;
    for (int i = 0; i < tuned->count; i++) {
        struct tuned_row *row = &tuned->rows[i];
        const char **const texts[] = {&row->contraction, &row->tile_before, &row->blocking_before,
                                      &row->tile, &row->blocking};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            *texts[k] = arena_copy_text(tuner->arena, *texts[k]);
    }
    int choice = 0;
    for (int i = 0; i < tuned->count; i++)
        if (tuned->rows[i].changed) {
            tuner->choices[choice].contraction = tuned->rows[i].contraction;
            tuner->choices[choice].tile = tuned->rows[i].tile;
            tuner->choices[choice++].blocking = tuned->rows[i].blocking;
        }
}

static bool tune_all(struct tuner *tuner) {
    if (!make_inputs(tuner) || !make_outputs(tuner, &tuner->outputs) ||
        !make_outputs(tuner, &tuner->expected) || !open_variant(tuner, &tuner->before))
        return false;
    find_units(tuner);
    if (!open_variant(tuner, &tuner->base) || !try_all(tuner))
        return false;
    tuner->blockings = true;
    if (!try_all(tuner))
        return false;
    note_taken(tuner);
    if (!validate(tuner))
        return false;
    fill_result(tuner);
    keep_texts(tuner);
    return true;
}

/* Leaves early when memory runs out. */
static bool run_tuner(struct tuner *tuner) {
    jmp_buf out_of_memory;
    if (setjmp(out_of_memory))
        return et_fail(tuner->error, "out of memory");
    tuner->arena->escape = &out_of_memory;
    tuner->target = cpu_target(tuner->error);
    return tuner->target && tune_all(tuner);
}

struct tuned *tune(const struct et_program *program, const struct tune_options *options,
                   struct et_error *error) {
    struct tuned *tuned = et_allocate(1, sizeof *tuned);
    if (!tuned) {
        et_fail(error, "out of memory");
        return NULL;
    }
    struct tuner tuner = {.program = program,
                          .options = options,
                          .tuned = tuned,
                          .arena = &tuned->arena,
                          .error = error};
    bool good = run_tuner(&tuner);
    tuned->arena.escape = NULL;
    close_variant(&tuner.trial);
    close_variant(&tuner.base);
    close_variant(&tuner.before);
    free_outputs(&tuner, tuner.outputs);
    free_outputs(&tuner, tuner.expected);
    et_release(tuner.inputs);
    et_release(tuner.memory);
    if (good)
        return tuned;
    tuned_free(tuned);
    return NULL;
}

void tuned_free(struct tuned *tuned) {
    if (!tuned)
        return;
    arena_free(&tuned->arena);
    et_release(tuned);
}
