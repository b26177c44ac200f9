#!/bin/sh
# tool_targets.sh BUILD [COUNT]: the last part of docs/targets.md, on standard output: the machines
# that the command itself was built for and, in an emulator, ran on: the MNIST models and COUNT
# random graphs (100), by tests/modes/test_aarch64.sh. Fails if one differs.
set -eu

export BUILD="$1" EIGENTENSOR_AARCH64_COUNT="${2:-100}"
said=$(mktemp)
trap 'rm -f "$said"' EXIT

triplets='aarch64-linux-gnu riscv64-linux-gnu i686-linux-gnu'
for triplet in $triplets; do
    EIGENTENSOR_TRIPLET=$triplet tests/modes/test_aarch64.sh >>"$said" 2>&1 ||
        { tail -n 40 "$said" >&2 && exit 1; }
done

cat <<'END'

## The command itself

`make CROSS=TRIPLET` builds the command and the library for other machines. Under QEMU they ran the
MNIST models and random graphs in each of their modes, with the digests of x86-64, as
`EIGENTENSOR_TRIPLET=TRIPLET make test T=modes/test_aarch64` tries on any; CI has AArch64. x86-64
by musl is `make static-musl`, with a test of its own.

| machine | modes | bits | random graphs | models |
|---|---|---|--:|--:|
END
counted='\(.*\) random graphs and \(.*\) models'
sed -n "s/^# \([^ ]*\), by \(.*\): the same bits in $counted/\1|\2|\3|\4/p" "$said" |
    while IFS='|' read -r machine modes graphs models; do
        echo "| $machine | $modes | same | $graphs | $models |"
    done
cat <<'END'

The sources compile for machines with addresses of 32 bits, too. On armhf the command gave the
digests of both MNIST models by the interpreter, and by gcc that of the float32 one; no random
graphs were tried there. Libtcc is left out for these and for RISC-V (for i686 it computes by the
x87, whose bits are others). A machine must have its lowest byte first.

**macOS** is not supported, and nothing here was tried there. Besides argp, which is inside
(`templates/libc/argp.h`), these ask for Linux or for ELF, and would need a second form: pages of
the JIT's code (`memfd_create` in `runtime/backend/code_pages.c`; there `MAP_JIT`, and Mach-O for
libtcc); the size and the constants of loaded code (`dl_iterate_phdr`, `<link.h>`, `<elf.h>` in
`runtime/backend/aot.c` and `runtime/compiled_cache.c`); what names the CPU (`/proc/cpuinfo` in
`runtime/backend/cache.c`, `getauxval` in `runtime/kernels/dots.c`, `sched_getaffinity` in
`runtime/kernels/cpu.c`); `getdents64` in `runtime/backend/scratch.c` and `pipe2` in
`runtime/backend/process.c`; the directives that put weights into programs (`.type`, `.section
.rodata` in `runtime/backend/aot.c`) and the linker's options (`--wrap`, `-z`, version scripts); and
the server as a whole (`epoll`, `eventfd`, `inotify`, `accept4`). Emitted C asks for none of that.
END
