/* Preloaded into a program: lets its n-th call of a kind fail, once, and looks for what it leaks.
 *
 *   FAULT_KIND  allocation, mapping, open, read, write, thread or process
 *   FAULT_NTH   which call fails, from 1
 *   FAULT_MARK  a file: made when a call has failed; at the end the number of blocks of memory
 *               follows that the program's own code allocated and never released
 *   FAULT_SPARE "BEGIN-END", hexadecimal: the addresses within the program whose calls never fail,
 *               those of libtcc where that is a part of it
 *   FAULT_CONTROL  instead of the first three: a file, which holds a struct control. Whoever maps
 * it chooses what fails while the program runs, and sees how much memory it holds.
 *
 * Calls that the C library makes for itself count where they can be seen from outside, as those to
 * malloc can. Programs that are started from here are let alone. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { ALLOCATION, MAPPING, OPEN, READ, WRITE, THREAD, PROCESS, KINDS };
static const char *const kind_names[KINDS] = {"allocation", "mapping", "open",   "read",
                                              "write",      "thread",  "process"};

static struct control {
    atomic_long kind; /* KINDS: nothing fails */
    atomic_long nth, calls;
    atomic_long failed; /* 1: a call has */
    atomic_long live;   /* blocks of memory that the program's own code allocated and holds */
} own = {.kind = KINDS}, *control = &own;
static int mark = -1;

/* ---- Whose call it is ---- */

struct range {
    uintptr_t begin, end;
};
static struct range program, spared, spared_library;

static bool lies_in(struct range range, const void *address) {
    return (uintptr_t)address >= range.begin && (uintptr_t)address < range.end;
}

static bool fails(enum kind kind, const void *caller) {
    if (kind != control->kind || lies_in(spared, caller) || lies_in(spared_library, caller))
        return false;
    if (atomic_fetch_add(&control->calls, 1) + 1 != control->nth)
        return false;
    control->failed = 1;
    if (mark >= 0)
        syscall(SYS_write, mark, "failed\n", 7);
    return true;
}

/* ---- What the program's own code allocated ---- */

enum { PLACES = 1 << 16 };
static void *places[PLACES]; /* a hash table, open; the whole address is the key */
static atomic_flag busy = ATOMIC_FLAG_INIT;

static void lock(void) {
    while (atomic_flag_test_and_set(&busy))
        ;
}

static size_t place_of(const void *memory) {
    return ((uintptr_t)memory >> 4) * 0x9e3779b97f4a7c15u >> 48;
}

/* Where it is, or the free place where it belongs. */
static size_t find(const void *memory) {
    size_t at = place_of(memory);
    while (places[at] && places[at] != memory)
        at = (at + 1) % PLACES;
    return at;
}

static void *note(void *memory, const void *caller) {
    if (!memory || !lies_in(program, caller))
        return memory;
    lock();
    places[find(memory)] = memory;
    control->live++;
    atomic_flag_clear(&busy);
    return memory;
}

/* Those behind it move up, as far as they may. */
static void remove_place(size_t hole) {
    for (size_t at = (hole + 1) % PLACES; places[at]; at = (at + 1) % PLACES) {
        size_t home = place_of(places[at]);
        if ((at - home) % PLACES >= (at - hole) % PLACES) {
            places[hole] = places[at];
            hole = at;
        }
    }
    places[hole] = NULL;
}

static void forget(const void *memory) {
    if (!memory)
        return;
    lock();
    size_t at = find(memory);
    if (places[at]) {
        remove_place(at);
        control->live--;
    }
    atomic_flag_clear(&busy);
}

/* The C library names its parameters in its own way. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

/* ---- Allocations ---- */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

#define CALLER __builtin_return_address(0)
#define NO_MEMORY(kind) (fails(kind, CALLER) && (errno = ENOMEM))

void *malloc(size_t bytes) {
    return NO_MEMORY(ALLOCATION) ? NULL : note(__libc_malloc(bytes), CALLER);
}

void *calloc(size_t count, size_t size) {
    return NO_MEMORY(ALLOCATION) ? NULL : note(__libc_calloc(count, size), CALLER);
}

void *realloc(void *memory, size_t bytes) {
    if (NO_MEMORY(ALLOCATION))
        return NULL;
    forget(memory);
    return note(__libc_realloc(memory, bytes), CALLER);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    return NO_MEMORY(ALLOCATION) ? NULL : note(__libc_memalign(alignment, bytes), CALLER);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
    if (NO_MEMORY(ALLOCATION))
        return ENOMEM;
    *memory = note(__libc_memalign(alignment, bytes), CALLER);
    return *memory ? 0 : ENOMEM;
}

void free(void *memory) {
    forget(memory);
    __libc_free(memory);
}

/* ---- Everything else ---- */

#define REAL(function) ((__typeof__(&(function)))real(#function))
static void *real(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset) {
    if (NO_MEMORY(MAPPING))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
}

int mprotect(void *address, size_t bytes, int protection) {
    return NO_MEMORY(MAPPING) ? -1 : (int)syscall(SYS_mprotect, address, bytes, protection);
}

int memfd_create(const char *name, unsigned flags) {
    return NO_MEMORY(MAPPING) ? -1 : (int)syscall(SYS_memfd_create, name, flags);
}

int ftruncate(int file, off_t bytes) {
    return NO_MEMORY(MAPPING) ? -1 : (int)syscall(SYS_ftruncate, file, bytes);
}

#define NO_FILE (fails(OPEN, CALLER) && (errno = EMFILE))

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    return NO_FILE ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    return NO_FILE ? -1 : (int)syscall(SYS_openat, folder, path, flags, mode);
}

DIR *opendir(const char *path) {
    return NO_FILE ? NULL : REAL(opendir)(path);
}

FILE *fdopen(int file, const char *mode) {
    return NO_FILE ? NULL : REAL(fdopen)(file, mode);
}

FILE *fopen(const char *path, const char *mode) {
    return NO_FILE ? NULL : REAL(fopen)(path, mode);
}

char *mkdtemp(char *path) {
    return NO_FILE ? NULL : REAL(mkdtemp)(path);
}

int mkdir(const char *path, mode_t mode) {
    return NO_FILE ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int epoll_create1(int flags) {
    return NO_FILE ? -1 : (int)syscall(SYS_epoll_create1, flags);
}

int epoll_ctl(int epoll, int operation, int file, struct epoll_event *event) {
    if (operation == EPOLL_CTL_ADD && fails(OPEN, CALLER)) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epoll, operation, file, event);
}

int eventfd(unsigned count, int flags) {
    return NO_FILE ? -1 : (int)syscall(SYS_eventfd2, count, flags);
}

int socket(int family, int type, int protocol) {
    return NO_FILE ? -1 : (int)syscall(SYS_socket, family, type, protocol);
}

int accept4(int listener, struct sockaddr *restrict address, socklen_t *restrict bytes, int flags) {
    return NO_FILE ? -1 : (int)syscall(SYS_accept4, listener, address, bytes, flags);
}

#define CANNOT_READ (fails(READ, CALLER) && (errno = EIO))

ssize_t read(int file, void *bytes, size_t count) {
    return CANNOT_READ ? -1 : syscall(SYS_read, file, bytes, count);
}

size_t fread(void *bytes, size_t size, size_t count, FILE *file) {
    return CANNOT_READ ? 0 : REAL(fread)(bytes, size, count, file);
}

ssize_t getline(char **line, size_t *capacity, FILE *file) {
    return CANNOT_READ ? -1 : REAL(getline)(line, capacity, file);
}

char *fgets(char *line, int capacity, FILE *file) {
    return CANNOT_READ ? NULL : REAL(fgets)(line, capacity, file);
}

#define IS_RESET(kind) (fails(kind, CALLER) && (errno = ECONNRESET))

ssize_t recv(int file, void *bytes, size_t count, int flags) {
    return IS_RESET(READ) ? -1 : syscall(SYS_recvfrom, file, bytes, count, flags, NULL, NULL);
}

ssize_t send(int file, const void *bytes, size_t count, int flags) {
    return IS_RESET(WRITE) ? -1 : syscall(SYS_sendto, file, bytes, count, flags, NULL, 0);
}

ssize_t sendmsg(int file, const struct msghdr *message, int flags) {
    return IS_RESET(WRITE) ? -1 : syscall(SYS_sendmsg, file, message, flags);
}

#define DISK_IS_FULL (fails(WRITE, CALLER) && (errno = ENOSPC))

ssize_t write(int file, const void *bytes, size_t count) {
    return DISK_IS_FULL ? -1 : syscall(SYS_write, file, bytes, count);
}

size_t fwrite(const void *bytes, size_t size, size_t count, FILE *file) {
    if (!DISK_IS_FULL)
        return REAL(fwrite)(bytes, size, count, file);
    file->_flags |= 0x20; /* as ferror() sees it */
    return 0;
}

int fflush(FILE *file) {
    return DISK_IS_FULL ? EOF : REAL(fflush)(file);
}

int fclose(FILE *file) {
    bool failed = DISK_IS_FULL;
    int problem = errno, status = REAL(fclose)(file);
    errno = failed ? problem : errno;
    return failed ? EOF : status;
}

int rename(const char *from, const char *to) {
    return DISK_IS_FULL ? -1 : REAL(rename)(from, to);
}

int fsync(int file) {
    return DISK_IS_FULL ? -1 : (int)syscall(SYS_fsync, file);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *context) {
    return fails(THREAD, CALLER) ? EAGAIN : REAL(pthread_create)(thread, attributes, run, context);
}

int posix_spawnp(pid_t *process, const char *path, const posix_spawn_file_actions_t *files,
                 const posix_spawnattr_t *attributes, char *const arguments[],
                 char *const environment[]) {
    if (fails(PROCESS, CALLER))
        return EAGAIN;
    return REAL(posix_spawnp)(process, path, files, attributes, arguments, environment);
}

int pipe2(int ends[2], int flags) {
    if (fails(PROCESS, CALLER)) {
        errno = EMFILE;
        return -1;
    }
    return (int)syscall(SYS_pipe2, ends, flags);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* ---- Beginning and end ---- */

static struct range range_of(const struct dl_phdr_info *object) {
    struct range range = {.begin = object->dlpi_addr};
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t end = object->dlpi_addr + part->p_vaddr + part->p_memsz;
        if (part->p_type == PT_LOAD && end > range.end)
            range.end = end;
    }
    return range;
}

/* The first object is the program itself. */
static int find_objects(struct dl_phdr_info *object, size_t bytes, void *context) {
    (void)bytes, (void)context;
    if (!program.end)
        program = range_of(object);
    else if (strstr(object->dlpi_name, "libtcc"))
        spared_library = range_of(object);
    return 0;
}

static void read_spared(const char *text) {
    char *end;
    if (!text || !*text)
        return;
    spared.begin = program.begin + strtoul(text, &end, 16);
    spared.end = program.begin + strtoul(end + 1, NULL, 16);
}

static void map_control(const char *path) {
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    void *mapped = (void *)syscall(SYS_mmap, NULL, sizeof *control, PROT_READ | PROT_WRITE,
                                   MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        control = mapped;
    syscall(SYS_close, file);
}

__attribute__((constructor)) static void begin(void) {
    const char *kind = getenv("FAULT_KIND"), *path = getenv("FAULT_MARK"),
               *nth = getenv("FAULT_NTH");
    dl_iterate_phdr(find_objects, NULL);
    read_spared(getenv("FAULT_SPARE"));
    unsetenv("LD_PRELOAD");
    if (getenv("FAULT_CONTROL"))
        map_control(getenv("FAULT_CONTROL"));
    if (!path)
        return;
    mark = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    control->nth = atol(nth ? nth : "0");
    for (int i = 0; kind && i < KINDS; i++)
        if (strcmp(kind, kind_names[i]) == 0)
            control->kind = i;
}

__attribute__((destructor)) static void end(void) {
    char line[64];
    control->kind = KINDS;
    int length = snprintf(line, sizeof line, "%ld leaks\n", control->live);
    if (mark >= 0)
        syscall(SYS_write, mark, line, (size_t)length);
}
