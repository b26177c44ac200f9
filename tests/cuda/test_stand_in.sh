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

EIGENTENSOR_LIBRARY="$build/libeigentensor.so" PYTHONDONTWRITEBYTECODE=1 \
    "${PYTHON:-python3}" tests/cuda/stand_in_python.py || failed=1
