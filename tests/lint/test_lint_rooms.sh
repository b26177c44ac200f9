#!/bin/sh
# What scripts/lint_rooms.py must find: each fault is planted in a copy of the tree.
. "$(dirname "$0")/../support/shell.sh"

command -v python3 >/dev/null || skip "no python3 on this machine"
enter_work_folder
mkdir -p scripts tests/support
cp -r "$top/bench" "$top/compiler" "$top/runtime" "$top/server" "$top/templates" .
cp "$top/scripts/rooms.txt" scripts
cp "$top/tests/support/trial.h" tests/support

# finds FAULT FILE LINE...: the fault is said once the file ends with these lines.
finds() {
    fault=$1 file=$2
    shift 2
    mkdir -p "$(dirname "$file")"
    [ ! -e "$file" ] || cp "$file" kept
    printf '%s\n' "$@" >>"$file"
    expect 1 "$top/scripts/lint_rooms.py" .
    grep -Eq "$fault" out || wrong "\"$fault\" was not found: $(cat out)"
    rm "$file"
    [ ! -e kept ] || mv kept "$file"
}

# ---- Includes ----

finds '^compiler/graph/view.c:[0-9]+: compiler/graph includes .*, but compiler/emit is above it$' \
    compiler/graph/view.c '#include "compiler/emit/emit.h"'
finds '^compiler/store/store.c:[0-9]+: .* but compiler/evaluate is beside it$' \
    compiler/store/store.c '  #  include "compiler/evaluate/evaluate.h"'
finds '^runtime/eager.c:[0-9]+: .* but tests is above it$' \
    runtime/eager.c '#include "tests/support/trial.h"'
finds '^compiler/lower/fuse.c:[0-9]+: no file fuse.h: ' compiler/lower/fuse.c '#include "fuse.h"'
finds '^compiler/attic/old.c: compiler/attic is no room' compiler/attic/old.c 'int old;'

# ---- Tags ----

finds '^runtime/eager.c:[0-9]+: statement is defined at compiler/ir/[a-z]*.h:[0-9]+ already$' \
    runtime/eager.c 'enum statement' '{ ONE };'
finds '^runtime/eager.c:([0-9]+): planted is defined at runtime/eager.c:' \
    runtime/eager.c '/* struct planted { */ struct planted { int a; };' 'union planted { int a; };'
[ "$(grep -c planted out)" -eq 1 ] || wrong "a comment is taken for code: $(cat out)"

# ---- Passes ----

finds '^compiler/lower/lower.h:[0-9]+: the pass plant has no row in compiler/passes.def$' \
    compiler/lower/lower.h 'void plant(struct ir *ir);'
finds '^compiler/plan/planted.c:1: the pass plant has no row in compiler/passes.def$' \
    compiler/plan/planted.c 'void plant(struct ir *ir) {' '}'
