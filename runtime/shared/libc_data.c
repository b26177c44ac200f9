/* libtcc comes as a static library whose code reads these variables of libc as a program may, but a
 * shared library may not. The linker (--wrap) leads it here instead. */
#include <stdio.h>

extern FILE *__real_stdout, *__real_stderr;
extern char **__real_environ;
FILE *__wrap_stdout, *__wrap_stderr;
char **__wrap_environ;

__attribute__((constructor)) static void copy_from_libc(void) {
    __wrap_stdout = __real_stdout;
    __wrap_stderr = __real_stderr;
    __wrap_environ = __real_environ;
}
