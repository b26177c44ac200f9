/* The backend for GPUs: kernels in CUDA C++, which threads run, and behind them, for compilers that
 * compile for the CPU too, the functions that launch them. NVRTC compiles the kernels alone, and
 * has no headers. */
#include "compiler/emit/cuda/cuda.h"

#include <inttypes.h>

static void add_prelude(struct emitter *emitter, struct text *text) {
    text_add(text, "#ifndef __CUDACC_RTC__\n#include \"%s.h\"\n#endif\n\n", emitter->prefix);
    sections_print_one(&emitter->sections, "cuda", text);
}

static const char *function(struct emitter *emitter, const char *name) {
    struct arena *arena = emitter->ir->arena;
    const int threads = emitter->block_threads ? emitter->block_threads : BLOCK_THREADS;
    if (!emitter->is_entry)
        return arena_format(arena, "DEVICE void %s", name);
    return emitter->least_blocks
               ? arena_format(arena, "KERNEL __launch_bounds__(%d, %d)\n%s", threads,
                              emitter->least_blocks, name)
               : arena_format(arena, "KERNEL __launch_bounds__(%d)\n%s", threads, name);
}

static void begin(struct emitter *emitter) {
    if (!emitter->is_entry)
        return;
    if (emitter->few_blocks) {
        sections_want(&emitter->sections, "let_next_begin");
        emit_line(emitter, "let_next_begin();");
    }
    if (emitter->waits_later)
        return;
    sections_want(&emitter->sections, "wait_for_kernels");
    emit_line(emitter, "wait_for_kernels();");
}

static const char *launch(struct emitter *emitter, const struct kernel *kernel,
                          struct launch *launch) {
    const struct statement *first = kernel->statements[0];
    struct thread_tile tile;
    launch->tile = emit_begins_with_tile(emitter, kernel, &tile);
    launch->threads = launch->tile ? tile.threads : emit_kernel_threads(emitter, kernel);
    launch->blocks = runs_scan(first)    ? 1
                     : runs_alone(first) ? emit_whole_blocks(kernel)
                                         : emit_kernel_blocks(emitter, kernel);
    return arena_format(emitter->ir->arena, "LAUNCH(%s, %" PRId64 ", %d, inputs->cuda_stream,",
                        kernel->name, launch->blocks, launch->threads);
}

static const char *constant(struct emitter *emitter, enum dtype dtype, uint64_t bits) {
    const char *zero = emit_hidden_zero(emitter, dtype, bits);
    return zero ? zero : emit_constant(emitter, dtype, bits);
}

static void open_alone(struct emitter *emitter) {
    emit_open(emitter, "if (threadIdx.x == 0) {");
}

static void open_shared(struct emitter *emitter, const char *name, int64_t count) {
    emit_open(emitter, "for (long %s = threadIdx.x; %s < %" PRId64 "; %s += %d) {", name, name,
              count, name, BLOCK_THREADS);
}

static void wait(struct emitter *emitter) {
    emit_line(emitter, "__syncthreads();");
}

static const struct emit_threads threads = {
    .function = function,
    .begin = begin,
    .kernel = emit_thread_kernel,
    .whole = emit_thread_whole,
    .launch = launch,
    .constant = constant,
    .begin_host = "#ifndef __CUDACC_RTC__\n"
                  "#ifndef LAUNCH\n"
                  "#define LAUNCH(kernel, blocks, threads, stream, ...)"
                  "                                       \\\n"
                  "    kernel<<<blocks, threads, 0, stream>>>(__VA_ARGS__)\n"
                  "#endif\n\n",
    .end_host = "#endif // __CUDACC_RTC__\n",
    .open_alone = open_alone,
    .open_shared = open_shared,
    .wait = wait,
};

/* None of its statements are tiles of a CPU's. */
static void declare_tile(struct emitter *emitter, struct text *text,
                         const struct wanted_tile *tile) {
    (void)emitter;
    (void)text;
    (void)tile;
    unreachable();
}

static void declare_array(struct emitter *emitter, const char *type, const char *name,
                          const char *count) {
    emit_line(emitter, "%s %s[%s];", type, name, count);
}

static const char *const templates[] = {template_cuda,
                                        template_cuda_contract,
                                        template_cuda_contract_bytes,
                                        template_cuda_contract_line,
                                        template_cuda_contract_window,
                                        NULL};

const struct emit_backend emit_cuda = {
    .name = "cuda",
    .ending = "cu",
    .has_metadata = true,
    .has_system_headers = true,
    .outlined = "",
    .templates = templates,
    .prelude = add_prelude,
    .declare_tile = declare_tile,
    .declare_array = declare_array,
    .statements = emit_statement_loops,
    .epilogue = emit_epilogue_loops,
    .copy_out = emit_copy_loop,
    .reduction = emit_thread_reduction,
    .threads = &threads,
};
