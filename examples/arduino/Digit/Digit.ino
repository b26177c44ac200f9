// Classifies the digit in digit.h again and again, and says so on the serial port. The model stands
// beside this file, in mnist.c and mnist.h, as `eigentensor emit` writes it.
#include "digit.h"
#include "mnist.h"

static float image[DIGIT_PIXELS];

void setup() {
    Serial.begin(115200);
    digit_draw(image);
}

void loop() {
    float logits[DIGIT_CLASSES];
    const mnist_inputs inputs = {image};
    const mnist_outputs outputs = {logits};
    const unsigned long begin = micros();
    mnist_run(&inputs, &outputs);
    const unsigned long taken = micros() - begin;
    Serial.print("This is a ");
    Serial.print(digit_class(logits));
    Serial.print(", after ");
    Serial.print(taken);
    Serial.println(" microseconds.");
    delay(1000);
}
