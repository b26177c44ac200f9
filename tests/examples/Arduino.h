/* As much of Arduino's interface as examples/arduino uses, on the board of examples/cortex-m4. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stdint.h>

struct SerialPort {
    void begin(unsigned long baud);
    void print(const char *text);
    void print(long number);
    void println(const char *text);
};
extern SerialPort Serial;

unsigned long micros();
void delay(unsigned long milliseconds);

#endif
