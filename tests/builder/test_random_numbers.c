/* Random numbers of graphs beside Philox4x32-10 as its authors define it, whose known answers come
 * with their Random123. */
#include "compiler/builder/random.h"
#include "runtime/eager.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static void philox(const uint32_t key[2], uint32_t counter[4]) {
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t first = (uint64_t)0xd2511f53 * counter[0];
        uint64_t second = (uint64_t)0xcd9e8d57 * counter[2];
        uint32_t mixed[] = {(uint32_t)(second >> 32) ^ counter[1] ^ k0, (uint32_t)second,
                            (uint32_t)(first >> 32) ^ counter[3] ^ k1, (uint32_t)first};
        memcpy(counter, mixed, sizeof mixed);
        k0 += 0x9e3779b9;
        k1 += 0xbb67ae85;
    }
}

Test(random_numbers, the_reference_is_philox) {
    static const struct {
        uint32_t key[2], counter[4], words[4];
    } answers[] = {
        {{0, 0}, {0, 0, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u}, {~0u, ~0u, ~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0xa4093822, 0x299f31d0},
         {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        uint32_t counter[4];
        memcpy(counter, answers[i].counter, sizeof counter);
        philox(answers[i].key, counter);
        cr_expect_arr_eq(counter, answers[i].words, sizeof counter);
    }
}

/* ---- Graphs ---- */

/* What `make` gives of an input `seed`. */
static void run(uint64_t seed, uint64_t stream, int64_t count, void *result,
                struct tensor (*make)(struct tensor seed, uint64_t stream, int64_t count)) {
    struct tensor_context *context = tensor_context_new("random");
    struct et_error error = {0};
    struct tensor key = add_graph_input(context, "seed", DTYPE_UINT64, SCALAR_SHAPE);
    struct graph *graph =
        compile_to_graph(context, OUTPUTS({"y", make(key, stream, count)}), &error);
    cr_assert(graph, "%s", error.message);
    cr_assert(eager_run(graph, (const void *[]){&seed}, (void *[]){result}, &error), "%s",
              error.message);
    graph_free(graph);
}

Test(random_numbers, bits_are_those_of_philox) {
    static const uint64_t seeds[] = {0, 1, 0xffffffffffffffff, 0x299f31d0a4093822},
                          streams[] = {0, 7, 0xfedcba9876543210};
    enum { COUNT = 1027 };
    for (int s = 0; s < 4; s++)
        for (int t = 0; t < 3; t++) {
            uint32_t bits[COUNT], key[] = {(uint32_t)seeds[s], (uint32_t)(seeds[s] >> 32)};
            run(seeds[s], streams[t], COUNT, bits, random_bits);
            for (uint32_t i = 0; i < COUNT; i++) {
                uint32_t counter[] = {i / 4, 0, (uint32_t)streams[t], (uint32_t)(streams[t] >> 32)};
                philox(key, counter);
                cr_assert_eq(bits[i], counter[i % 4], "%d %d %u", s, t, i);
            }
        }
}

static struct tensor make_uniform(struct tensor seed, uint64_t stream, int64_t count) {
    return random_uniform(seed, stream, SHAPE(count));
}

static struct tensor make_normal(struct tensor seed, uint64_t stream, int64_t count) {
    return random_normal(seed, stream, SHAPE(count));
}

Test(random_numbers, uniform_ones_are_the_upper_bits) {
    enum { COUNT = 999 };
    float numbers[COUNT];
    uint32_t bits[COUNT];
    run(5, 6, COUNT, bits, random_bits);
    run(5, 6, COUNT, numbers, make_uniform);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(numbers[i], (float)(bits[i] >> 8) / 16777216);
}

Test(random_numbers, normal_ones_have_the_moments_that_they_should) {
    enum { COUNT = 20001 };
    static float numbers[COUNT];
    double powers[5] = {0};
    run(1, 0, COUNT, numbers, make_normal);
    for (int i = 0; i < COUNT; i++)
        for (int power = 1; power <= 4; power++)
            powers[power] += pow((double)numbers[i], power) / COUNT;
    cr_expect(fabs(powers[1]) < 0.03 && fabs(powers[2] - 1) < 0.05 && fabs(powers[3]) < 0.1 &&
                  fabs(powers[4] - 3) < 0.3,
              "%g %g %g %g", powers[1], powers[2], powers[3], powers[4]);
}

Test(random_numbers, none_and_too_many) {
    struct et_error error = {0};
    struct tensor_context *context = tensor_context_new("none");
    struct tensor key = add_graph_input(context, "seed", DTYPE_UINT64, SCALAR_SHAPE);
    struct graph *graph =
        compile_to_graph(context, OUTPUTS({"y", random_normal(key, 0, SHAPE(3, 0))}), &error);
    cr_assert(graph, "%s", error.message);
    graph_free(graph);
    context = tensor_context_new("many");
    key = add_graph_input(context, "seed", DTYPE_UINT64, SCALAR_SHAPE);
    int64_t large = (int64_t)1 << 39;
    graph = compile_to_graph(context, OUTPUTS({"y", random_uniform(key, 0, SHAPE(large, large))}),
                             &error);
    cr_expect(!graph && strstr(error.message, "too many elements"), "%s", error.message);
}
