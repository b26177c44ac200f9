/* Knows %d of one digit. */
#include <zephyr/sys/printk.h>

#include <stdarg.h>

void say(const char *text);

void printk(const char *format, ...) {
    va_list values;
    va_start(values, format);
    for (; *format; format++) {
        char text[2] = {*format, 0};
        if (format[0] == '%' && format[1] == 'd') {
            text[0] = (char)('0' + va_arg(values, int));
            format++;
        }
        say(text);
    }
    va_end(values);
}
