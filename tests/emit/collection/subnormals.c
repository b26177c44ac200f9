/* Seven products that are subnormal. Exit status: 0 all are there, 1 some are not. */
#include <stdint.h>
#include <string.h>

#include "products.h"

int main(void) {
    enum { COUNT = 7 };
    float x[COUNT], y[COUNT], z[COUNT];
    const void *inputs[] = {x, y};
    void *outputs[] = {z};
    int lost = 0;
    for (int i = 0; i < COUNT; i++) {
        x[i] = 0x1p-100f;
        y[i] = 0x1p-40f;
    }
    products_run_array(inputs, outputs, 0, 0);
    for (int i = 0; i < COUNT; i++) {
        uint32_t bits;
        memcpy(&bits, &z[i], sizeof bits);
        lost |= bits != 0x200;
    }
    return lost;
}
