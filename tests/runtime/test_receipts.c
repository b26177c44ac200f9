/* Receipts by the public interface: of a run, checked here against another one. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/eigentensor.h"

enum { X = 4 * 8, W = 8 * 16, B = 16, Y = 4 * 16 };

static struct et_program *program;
static float x[X], w[W], b[B], y[Y];
static const void *const inputs[] = {x, w, b};
static const void *const found[] = {y};

static void open_program(void) {
    struct et_error error = {0};
    program = et_program_open("examples/linear.json", NULL, &error);
    cr_assert_not_null(program, "%s", error.message);
    for (int i = 0; i < X; i++)
        x[i] = (float)i / 7;
    for (int i = 0; i < W; i++)
        w[i] = (float)(i % 13) / 3;
    void *const outputs[] = {y};
    cr_assert(et_program_run(program, ET_EAGER, inputs, outputs, NULL, &error));
}

static void close_program(void) {
    et_program_free(program);
}

TestSuite(receipts, .init = open_program, .fini = close_program, .timeout = 60);

static bool is_right(const char *receipt, int64_t batch, const void *const *outputs,
                     struct et_error *error) {
    return et_receipt_check(receipt, strlen(receipt), program, batch, inputs, outputs, error);
}

static void refused(const char *receipt, int64_t batch, const void *const *outputs,
                    const char *why) {
    struct et_error error = {0};
    cr_expect(!is_right(receipt, batch, outputs, &error), "%s", why);
    cr_expect(strstr(error.message, why), "%s: expected \"%s\"", error.message, why);
}

Test(receipts, are_of_a_graph_its_inputs_and_its_outputs) {
    struct et_error error = {0};
    char *receipt = et_receipt_of_run(program, ET_JIT, 1, inputs, found, &error);
    cr_assert_not_null(receipt, "%s", error.message);
    cr_expect(strstr(receipt, et_program_digest(program)));
    cr_expect(strstr(receipt, et_program_output_digest(program, found).text));
    cr_expect(strstr(receipt, "\"jit\""));
    cr_expect(is_right(receipt, 1, found, &error), "%s", error.message);
    cr_expect(is_right(receipt, 1, NULL, &error), "%s", error.message);

    float other[Y];
    memcpy(other, y, sizeof y);
    other[3] += 1;
    refused(receipt, 1, (const void *const[]){other}, "output \"y\" differs");
    refused(receipt, 2, found, "of 1 images, the inputs hold 2");
    x[5] += 1;
    refused(receipt, 1, NULL, "input \"x\" differs");
    et_receipt_free(receipt);
    et_receipt_free(NULL);
}

Test(receipts, may_come_from_anybody) {
    struct et_error error = {0};
    char *receipt = et_receipt_of_run(program, ET_EAGER, 1, inputs, found, &error);
    cr_assert_not_null(receipt, "%s", error.message);
    refused("", 1, found, "the receipt");
    refused("[]", 1, found, "expected an object, found an array");
    char *digest = strstr(receipt, et_program_digest(program));
    digest[0] = digest[0] == '0' ? '1' : '0';
    refused(receipt, 1, found, "the receipt is of the graph");
    receipt[strlen(receipt) - 10] = 0;
    refused(receipt, 1, found, "the receipt");
    et_receipt_free(receipt);
}
