#!/bin/sh
# The mode cuda from the graph to the result where there is no GPU: stand_in.c is the driver and
# NVRTC, and kernels run on the CPU.
. "$(dirname "$0")/../support/shell.sh"

command -v g++ >/dev/null || skip "no g++, which compiles kernels here"
enter_work_folder
gcc -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -I"$top" -fPIC -shared -o libcuda.so.1 \
    "$top/tests/cuda/stand_in.c" "$top/tests/support/on_cpu.c" -ldl -lpthread || exit 1
ln -s "$build/libeigentensor.so" libeigentensor.so.1
gcc -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -I"$top" -o runs \
    "$top/tests/cuda/stand_in_runs.c" libeigentensor.so.1 -ldl -lpthread || exit 1
export STAND_IN="$work/libcuda.so.1" EIGENTENSOR_NVRTC="$work/libcuda.so.1"
export LD_LIBRARY_PATH="$work" XDG_CACHE_HOME="$work/cache"
cd "$top" || exit 1

"$work/runs" models/mnist/mnist.json || failed=1
"$build/tests/cuda/device" 1 3 || failed=1

# Kept for the next process, which does not compile.
picture=models/mnist/samples/3-pen.png
digest_of() {
    env PATH="$path" "$build/eigentensor" run models/mnist/mnist.json "$picture" "$@" | tail -n 1
}
path=$PATH
wanted=$(digest_of --mode eager)
[ "$(digest_of --mode cuda --keep)" = "$wanted" ] || wrong 'other bits'
ls "$work"/cache/eigentensor/*.cubins >/dev/null || wrong 'nothing was kept'
path=/nowhere # where there is no g++
[ "$(digest_of --mode cuda --keep)" = "$wanted" ] || wrong 'other bits of what was kept'
path=$PATH
for file in "$work"/cache/eigentensor/*.cubins; do
    printf 'x' | dd of="$file" bs=1 seek=100 conv=notrunc status=none
done
[ "$(digest_of --mode cuda --keep)" = "$wanted" ] || wrong 'what was kept is taken though changed'

# For a GPU the graph stays as it is.
[ "$(digest_of --mode cuda --fast)" = "$wanted" ] || wrong 'another graph'

# A program that has its kernels inside needs no compiler to run.
cd "$work" || exit 1
expect 0 "$build/eigentensor" run "$top/models/mnist/mnist.json" "$top/$picture" -m eager \
    -o eager.npy
cd "$top" || exit 1
"$build/eigentensor" build models/mnist/mnist.json --target=sm_90 -m runner -o "$work/on-gpu" ||
    failed=1
env PATH=/nowhere EIGENTENSOR_NVRTC=/nowhere "$work/on-gpu" "$picture" -o "$work/cuda.npy" ||
    failed=1
cmp "$work/eager.npy" "$work/cuda.npy" || wrong 'a program has other bits'

# Each array: shape, bytes, file.
npy() {
    printf '\223NUMPY\001\000v\000%-117s\n' \
        "{'descr': '<f4', 'fortran_order': False, 'shape': $1, }" >"$3"
    head -c "$2" /dev/zero >>"$3"
}
"$build/eigentensor" build examples/linear.json --target=sm_80 -o "$work/older" || failed=1
cd "$work" || exit 1
npy '(4, 8)' 128 x.npy
npy '(8, 16)' 512 w.npy
npy '(16,)' 64 b.npy
expect 1 ./older x.npy w.npy b.npy
says err 'a stand-in has compute capability 9.0: this program was built for 8.0'
LD_LIBRARY_PATH=/nowhere expect 1 ./older x.npy w.npy b.npy
says err 'there is no libcuda.so.1: the driver of an NVIDIA GPU brings it'
cd "$top" || exit 1
EIGENTENSOR_LIBRARY="$build/libeigentensor.so" PYTHONDONTWRITEBYTECODE=1 \
    "${PYTHON:-python3}" tests/cuda/stand_in_python.py || failed=1
SERVER="$build/eigentensor-server" "${PYTHON:-python3}" tests/cuda/stand_in_server.py || failed=1
LD_LIBRARY_PATH=/nowhere "$build/eigentensor-server" --cuda --port 0 2>"$work/said" && failed=1
grep -q 'there is no libcuda.so.1' "$work/said" || wrong "$(cat "$work/said")"
