/* NumPy's arrays. Those that are taken are written and read back as the same. */
#include "tests/fuzz/fuzz.h"

#include "runtime/formats/npy.h"

static void write_and_read(const struct npy *npy) {
    struct et_error error = {0};
    struct text file = {0};
    struct npy again;
    must(npy_encode(npy, &file, &error), "%s", error.message);
    must(npy_decode(file.bytes, file.length, "again", &again, &error), "%s", error.message);
    must(memcmp(npy->descr, again.descr, sizeof npy->descr) == 0, "%.4s", again.descr);
    must(npy->rank == again.rank && npy->byte_count == again.byte_count, "%d", again.rank);
    for (int i = 0; i < npy->rank; i++)
        must(npy->shape[i] == again.shape[i], "axis %d", i);
    must(npy->byte_count == 0 || memcmp(npy->bytes, again.bytes, npy->byte_count) == 0, "bytes");
    npy_free(&again);
    text_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct et_error error = {0};
    struct npy npy;
    bool good = npy_decode(data, size, "fuzz", &npy, &error);
    must(good || error.message[0], "no message");
    if (good) {
        write_and_read(&npy);
        npy_free(&npy);
    }
    return 0;
}
