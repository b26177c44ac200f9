#include "runtime/backend/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/backend/limit.h"

#define SAID_BYTES ((size_t)64 * 1024)

enum { LOOK_MILLISECONDS = 50, LOOKS_UNTIL_KILLED = 40 };

#ifndef __GLIBC__ /* musl has it, too, but in no header */
extern char **__environ;
#endif

/* Not `environ`: in the shared library that is a copy (shared/libc_data.c), which points to freed
 * memory once the process has set a variable.
 *
 * Starts with nothing to read, `output` for all it writes, and the signals as a shell leaves them,
 * whatever this process ignores or blocks; in a group of its own, if wanted. */
static int start(const char *const *arguments, int output, bool grouped, pid_t *process) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int problem = posix_spawn_file_actions_init(&files);
    if (problem)
        return problem;
    if ((problem = posix_spawnattr_init(&attributes))) {
        posix_spawn_file_actions_destroy(&files);
        return problem;
    }
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    posix_spawnattr_setflags(&attributes, (short)(flags | (grouped ? POSIX_SPAWN_SETPGROUP : 0)));
    problem = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (!problem)
        problem = posix_spawn_file_actions_adddup2(&files, output, 1);
    if (!problem)
        problem = posix_spawn_file_actions_adddup2(&files, output, 2);
    if (!problem)
        problem = posix_spawnp(process, arguments[0], &files, &attributes,
                               (char *const *)(uintptr_t)arguments, __environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return problem;
}

/* While nothing is heard: once cancelled, asks the group to end, so that it takes away what it
 * made, and ends it a while later. */
static void look(const int *cancelled, pid_t group, int *looks) {
    if (!is_cancelled(cancelled))
        return;
    if (*looks == 0)
        kill(-group, SIGTERM);
    if (*looks == LOOKS_UNTIL_KILLED)
        kill(-group, SIGKILL);
    ++*looks;
}

/* Reads to the end, so that the writer never waits; keeps the beginning. False: it cannot be read.
 */
static bool listen(int input, const int *cancelled, pid_t group, struct text *said) {
    struct pollfd one = {.fd = input, .events = POLLIN};
    int looks = 0;
    char bytes[4096];
    for (;;) {
        if (cancelled && poll(&one, 1, LOOK_MILLISECONDS) == 0) {
            look(cancelled, group, &looks);
            continue;
        }
        ssize_t count = read(input, bytes, sizeof bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count == 0;
        size_t room = said->length < SAID_BYTES ? SAID_BYTES - said->length : 0;
        text_add_bytes(said, bytes, (size_t)count < room ? (size_t)count : room);
    }
}

bool process_run_until(const int *cancelled, const char *const *arguments, struct text *said,
                       int *status, struct et_error *error) {
    int ends[2];
    if (is_cancelled(cancelled))
        return et_fail(error, "%s: it was cancelled", arguments[0]);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return et_fail(error, "%s: cannot make a pipe: %s", arguments[0], strerror(errno));
    pid_t process;
    int problem = start(arguments, ends[1], cancelled, &process);
    close(ends[1]);
    if (problem) {
        close(ends[0]);
        *status = 127;
        return problem == ENOENT ||
               et_fail(error, "%s: cannot start: %s", arguments[0], strerror(problem));
    }
    bool heard = listen(ends[0], cancelled, process, said);
    int broken = errno;
    close(ends[0]);
    int state = 0;
    while (waitpid(process, &state, 0) < 0)
        if (errno != EINTR)
            return et_fail(error, "%s: cannot wait for it: %s", arguments[0], strerror(errno));
    if (!heard)
        return et_fail(error, "%s: cannot read what it says: %s", arguments[0], strerror(broken));
    if (is_cancelled(cancelled))
        return et_fail(error, "%s: it was cancelled", arguments[0]);
    *status = WIFSIGNALED(state) ? 128 + WTERMSIG(state) : WEXITSTATUS(state);
    return true;
}

bool process_run(const char *const *arguments, struct text *said, int *status,
                 struct et_error *error) {
    return process_run_until(NULL, arguments, said, status, error);
}
