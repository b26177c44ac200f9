// Classifies the digit in digit.h with an emitted model, compiled as C++ too: one program, no
// library of ours. The weights stand in mnist.c, and the memory of a run belongs to the program.
#include "digit.h"
#include "mnist.h"

#include <array>
#include <cmath>
#include <iostream>
#include <memory>
#include <numeric>
#include <span>

// A model that may be run by many threads at once, each with an object of its own.
class Digits {
  public:
    std::array<float, DIGIT_CLASSES> classify(std::span<const float, DIGIT_PIXELS> image) {
        std::array<float, DIGIT_CLASSES> logits;
        const mnist_inputs inputs{image.data()};
        const mnist_outputs outputs{logits.data()};
        mnist_run(&inputs, &outputs, arena->bytes);
        return logits;
    }

  private:
    struct alignas(64) Arena {
        std::byte bytes[MNIST_ARENA_BYTES];
    };
    std::unique_ptr<Arena> arena = std::make_unique<Arena>();
};

// What share of e^logits a class has.
static float probability(std::span<const float> logits, int of) {
    const float sum = std::accumulate(logits.begin(), logits.end(), 0.0f, [&](float sum, float x) {
        return sum + std::exp(x - logits[of]);
    });
    return 1 / sum;
}

int main() {
    std::array<float, DIGIT_PIXELS> image;
    digit_draw(image.data());
    Digits digits;
    const auto logits = digits.classify(image);
    const int found = digit_class(logits.data());
    std::cout << "This is a " << found << ", with " << 100 * probability(logits, found) << " %.\n";
}
