"""hardened.py KIND COMMAND...: runs a command where the system refuses what hardened systems do.

write-execute     pages that are writable and executable, or become executable: what systemd does
                  for MemoryDenyWriteExecute=yes
no-memory-files   that, and files in memory"""
import ctypes
import errno
import os
import platform
import struct
import sys

CALLS = {"x86_64": {"mmap": 9, "mprotect": 10, "pkey_mprotect": 329, "memfd_create": 319},
         "aarch64": {"mmap": 222, "mprotect": 226, "pkey_mprotect": 288, "memfd_create": 279}}
WRITE, EXECUTE = 2, 4
LOAD, AND, JUMP_IF_EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
NUMBER, THIRD_ARGUMENT = 0, 16 + 2 * 8  # in struct seccomp_data


def rows(kind):
    calls = CALLS[platform.machine()]
    yield LOAD, 0, 0, NUMBER
    for name, bits in [("mmap", WRITE | EXECUTE), ("mprotect", EXECUTE),
                       ("pkey_mprotect", EXECUTE)]:
        yield JUMP_IF_EQUAL, 0, 5, calls[name]
        yield LOAD, 0, 0, THIRD_ARGUMENT
        yield AND, 0, 0, bits
        yield JUMP_IF_EQUAL, 0, 1, bits
        yield RETURN, 0, 0, REFUSE
        yield RETURN, 0, 0, ALLOW
    if kind == "no-memory-files":
        yield JUMP_IF_EQUAL, 0, 1, calls["memfd_create"]
        yield RETURN, 0, 0, REFUSE
    yield RETURN, 0, 0, ALLOW


def main(kind, *command):
    program = b"".join(struct.pack("HBBI", *row) for row in rows(kind))
    text = ctypes.create_string_buffer(program)
    filter_ = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(text)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    no_new_privileges, filter_calls, by_filter = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or \
            libc.prctl(filter_calls, by_filter, ctypes.addressof(filter_), 0, 0):
        sys.exit("hardened.py: " + os.strerror(ctypes.get_errno()))
    os.execvp(command[0], command)


main(*sys.argv[1:])
