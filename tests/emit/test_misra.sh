#!/bin/sh
# Text for small machines deviates from the rules of MISRA C that docs/misra.md lists, and from no
# others.
. "$(dirname "$0")/../support/shell.sh"

command -v cppcheck >/dev/null || skip "no cppcheck on this machine (apt-get install cppcheck)"
enter_work_folder

for model in mnist mnist-int8; do
    "$build/eigentensor" emit "$top/models/mnist/$model.json" --prefix="${model%-*}" -T cortex-m4 \
        --weights-as=assembler --arena=static -o $model || exit 1
    (cd $model && cppcheck --addon=misra --std=c11 --platform=arm32-wchar_t4 -D__GNUC__=12 \
        -D__ARM_FEATURE_FMA=1 -D__ARM_FEATURE_SIMD32=1 -D__ARM_FP=4 \
        --suppress=missingIncludeSystem mnist.c) >$model.said 2>&1 ||
        wrong "cppcheck: $(tail -n 3 $model.said)"
done
cat mnist.said mnist-int8.said >said
sed -n 's/.*\[misra-c2012-\([0-9.]*\)\]$/\1/p' said | sort -u >found
sed -n 's/^| \([0-9][0-9., ]*\) |.*/\1/p' "$top/docs/misra.md" | tr -d ' ' | tr ',' '\n' |
    sort -u >listed
[ -s found ] || wrong "cppcheck's addon finds nothing: $(tail -n 3 said)"
diff listed found >differing || wrong "listed (<) and found (>): $(cat differing)"
