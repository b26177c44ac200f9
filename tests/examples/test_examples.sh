#!/bin/sh
# Each folder of examples/: the commands of its README, one after the other, in the build folder.
# Boards are QEMU's; for a board's own software a few lines of this folder stand.
. "$(dirname "$0")/../support/shell.sh"

examples=$build/examples
rm -rf "$examples"
mkdir -p "$examples"
left=

# lacks NAME TOOL...: says so, and is true, where one of the tools is not there.
lacks() {
    name=$1
    shift
    for tool in "$@"; do
        command -v "$tool" >/dev/null || [ -e "$tool" ] || {
            left="$left $name ($tool)"
            return 0
        }
    done
    return 1
}

# commands NAME: of its README, but for make, which was here before; build/ is the build folder's.
commands() {
    awk '/^```/ { inside = !inside; next } inside' "examples/$1/README.md" >"$examples/$1.sh"
    [ "$(wc -l <"$examples/$1.sh")" -le 5 ] || wrong "$1: more than 5 commands"
    sed -i "/^make/d; s|build/eigentensor|$build/eigentensor|g; s|-L build|-L $build|
            s|rpath,build|rpath,$build|; s|\([ =]\)build/|\1$examples/|g; s|^build/|$examples/|" \
        "$examples/$1.sh"
}

# answers NAME [SED]: its commands, changed so, say what the digit is.
answers() {
    commands "$1"
    sed "${2:-}" "$examples/$1.sh" >"$examples/changed.sh"
    timeout 120 sh -e "$examples/changed.sh" >"$examples/$1.out" 2>&1 </dev/null ||
        wrong "$1: status $?: $(tail -n 5 "$examples/$1.out")"
    says "$examples/$1.out" 'This is a 7'
}

int8='s|mnist.json|mnist-int8.json --prefix=mnist|'

lacks cpp g++ || answers cpp
answers c
lacks python python3 || {
    EIGENTENSOR_LIBRARY=$build/libeigentensor.so PYTHONDONTWRITEBYTECODE=1
    export EIGENTENSOR_LIBRARY PYTHONDONTWRITEBYTECODE
    answers python
}
lacks cortex-m4 arm-none-eabi-gcc qemu-system-arm || {
    answers cortex-m4
    answers cortex-m4 "$int8"
}
lacks riscv riscv64-unknown-elf-gcc qemu-system-riscv64 /usr/lib/picolibc/riscv64-unknown-elf || {
    answers riscv
    answers riscv "$int8; s|riscv32|riscv64|; s|rv32imafc|rv64gc|; s|ilp32f|lp64d -mcmodel=medany|
                   s|system-riscv32|system-riscv64|"
}

# As arduino-cli does it: the sketch with its core's header before it, all else by its ending.
arduino() {
    commands arduino
    sed '/arduino-cli/d' "$examples/arduino.sh" >"$examples/changed.sh"
    sh -e "$examples/changed.sh" || wrong "arduino: status $?"
    cpu='-Os -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -fno-exceptions -Wall -Wextra -Werror'
    cd "$examples/Digit" || exit 1
    cp "$top/examples/cortex-m4/startup.c" "$top/tests/examples/arduino.cpp" .
    # shellcheck disable=SC2086  # words
    {
        arm-none-eabi-g++ $cpu -x c++ -include Arduino.h -I "$top/tests/examples" -c Digit.ino
        arm-none-eabi-g++ $cpu -I "$top/tests/examples" -c arduino.cpp
        arm-none-eabi-gcc $cpu -std=gnu11 -c mnist.c startup.c
        arm-none-eabi-gcc $cpu -nostdlib -T "$top/examples/cortex-m4/board.ld" ./*.o -lm -lgcc \
            -o digit.elf
        timeout 60 qemu-system-arm -M mps2-an386 -nographic -semihosting -kernel digit.elf
    } >../arduino.out 2>&1 </dev/null || wrong "arduino: $(tail -n 5 ../arduino.out)"
    cd "$top" || exit 1
    says "$examples/arduino.out" 'This is a 7, after 0 microseconds.'
}
lacks arduino arm-none-eabi-g++ qemu-system-arm || arduino

# Debian's package is Debian's Python's, which need not be the first.
kconfig_python() {
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import kconfiglib' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
}

zephyr() {
    export ZEPHYR_BASE="$top/tests/examples/zephyr"
    {
        cmake -S examples/zephyr/app -B "$examples/zephyr" -DEIGENTENSOR="$build/eigentensor" \
            -DKCONFIG_PYTHON="$(kconfig_python)" &&
            cmake --build "$examples/zephyr" &&
            timeout 60 qemu-system-arm -M mps2-an385 -nographic -semihosting \
                -kernel "$examples/zephyr/zephyr.elf"
    } >"$examples/zephyr.out" 2>&1 </dev/null ||
        wrong "zephyr: $(tail -n 20 "$examples/zephyr.out")"
    says "$examples/zephyr.out" 'This is a 7.'
    says "$examples/zephyr/modules/module/mnist.c" '--target=cortex-m3'
}
if [ -z "$(kconfig_python)" ]; then
    left="$left zephyr (kconfiglib)"
else
    lacks zephyr cmake arm-none-eabi-gcc qemu-system-arm || zephyr
fi

[ -z "$left" ] || echo "# left out:$left"
