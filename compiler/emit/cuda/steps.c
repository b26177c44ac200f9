/* How loads move through memory as an axis does. */
#include "compiler/emit/cuda/cuda.h"

int64_t emit_step_of(const struct expression *load, const struct axis *axis) {
    bool plain = true;
    return index_coefficient(load->index, axis, &plain);
}

bool emit_steps_are(const struct expression *load, int count, const struct axis *const *axes,
                    int64_t of) {
    for (int i = 0; i < count; i++)
        if (axes[i]->extent > 1 && emit_step_of(load, axes[i]) % of != 0)
            return false;
    return true;
}
