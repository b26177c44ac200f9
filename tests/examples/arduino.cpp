/* What stands behind Arduino.h, and a main that lets the sketch loop once. */
#include "Arduino.h"

extern "C" void say(const char *text);

void SerialPort::begin(unsigned long) {
}

void SerialPort::print(const char *text) {
    say(text);
}

void SerialPort::print(long number) {
    char digits[12] = {0}, *at = digits + sizeof digits - 1;
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    say(at);
}

void SerialPort::println(const char *text) {
    say(text);
    say("\n");
}

SerialPort Serial;

unsigned long micros() {
    return 0;
}

void delay(unsigned long) {
}

void setup();
void loop();

int main() {
    setup();
    loop();
    return 0;
}
