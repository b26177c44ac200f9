#!/bin/sh
# emit --budget: what does not fit is refused by name, with the rewrite that would make it fit; and
# the code that PREFIX.h promises at most is more than there is.
. "$(dirname "$0")/../support/shell.sh"

emit=$build/eigentensor out=$build/budget.out small=$build/budget
rm -rf "$small"
mkdir -p "$small"

# refused BUDGET WORDS...: is refused, and says all of these.
refused() {
    budget=$1
    shift
    "$emit" emit models/mnist/mnist.json -T cortex-m4 --budget="$budget" -o "$small" >"$out" 2>&1 &&
        wrong "$budget fits"
    for words in "$@"; do says "$out" "$words"; done
}

refused ram=64K,flash=256K 'flash: 262144 bytes given' 'RAM: 65536 bytes given' \
    'rewrite quantize` would make it fit'
refused flash=200K 'store-weights --type=float16` would make it fit'
refused ram=4K 'no rewrite that there is would make it fit'
refused ram=64Q 'expected ram=BYTES, flash=BYTES or both'
refused flash=90000000000000M 'expected ram=BYTES, flash=BYTES or both'
refused rom=64K 'expected ram=BYTES, flash=BYTES or both'
"$emit" emit models/mnist/mnist-int8.json -T cortex-m4 --budget=flash=80K -o "$small" \
    >"$out" 2>&1 &&
    wrong "integers fit"
says "$out" 'no rewrite that there is would make it fit' # it is quantised already
[ ! -e "$small/mnist.c" ] || wrong "a text was written"
"$emit" emit models/mnist/mnist.json --budget=ram=1M -o "$small" >"$out" 2>&1 &&
    wrong "with vectors"
says "$out" 'expected a --target without vectors'
"$emit" emit models/mnist/mnist.json -T cortex-m4 --budget=ram=90K,flash=360K -o "$small" ||
    wrong "what fits is refused"

command -v arm-none-eabi-gcc >/dev/null || { echo "there is no arm-none-eabi-gcc"; exit; }
promised=$(sed -n 's/.* \([0-9]*\) bytes of code.*/\1/p' "$small/mnist.h")
for level in -O2 -Os; do
    arm-none-eabi-gcc "$level" -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -c "$small/mnist.c" \
        -o "$small/mnist.o" || wrong "it does not compile"
    taken=$(arm-none-eabi-size "$small/mnist.o" | awk 'NR == 2 { print $1 }')
    [ "$taken" -le "$promised" ] || wrong "$level: $taken bytes of code, not $promised"
done
