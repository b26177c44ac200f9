/* Hardened systems for tests: what their kernels refuse, as filters that the process cannot lay off
 * again. */
#ifndef EIGENTENSOR_HARDENED_H
#define EIGENTENSOR_HARDENED_H

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>

/* The low half of an argument; what is looked at fits it. */
#define ARGUMENT(index)                                                                            \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[index]))
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* A call whose argument `index` has all the bits of `mask` is refused. */
#define REFUSE_BITS(call, index, mask)                                                             \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 5), ARGUMENT(index),                              \
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),                                                 \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mask, 0, 1), REFUSE, ALLOW
#define LOAD_CALL BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))

static inline bool install_filter(struct sock_filter *rows, size_t count) {
    const struct sock_fprog filter = {(unsigned short)count, rows};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/* No page may be writable and executable at once, and none may become executable: what systemd does
 * for MemoryDenyWriteExecute=yes. False where filters are not to be had. */
static inline bool deny_write_execute(void) {
    struct sock_filter rows[] = {
        LOAD_CALL,
        REFUSE_BITS(SYS_mmap, 2, PROT_WRITE | PROT_EXEC),
        REFUSE_BITS(SYS_mprotect, 2, PROT_EXEC),
        REFUSE_BITS(SYS_pkey_mprotect, 2, PROT_EXEC),
        REFUSE_BITS(SYS_shmat, 2, SHM_EXEC),
        ALLOW,
    };
    return install_filter(rows, sizeof rows / sizeof *rows);
}

/* And there are no files in memory (`files`), or no mapping is executable at all. */
static inline bool deny_machine_code(bool files) {
    struct sock_filter no_files[] = {
        LOAD_CALL, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1), REFUSE, ALLOW};
    struct sock_filter no_mappings[] = {LOAD_CALL, REFUSE_BITS(SYS_mmap, 2, PROT_EXEC), ALLOW};
    return deny_write_execute() &&
           (files ? install_filter(no_files, sizeof no_files / sizeof *no_files)
                  : install_filter(no_mappings, sizeof no_mappings / sizeof *no_mappings));
}

#endif
