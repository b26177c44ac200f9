#!/bin/sh
# Outputs whose extent depends on the data, as every command shows them.
. "$(dirname "$0")/../support/shell.sh"

tool=$build/eigentensor
enter_work_folder

# y: the first n columns of x, and zeros behind them.
cat >columns.json <<'END'
{"format": "eigentensor", "version": 2, "name": "columns",
 "inputs": [
  {"name": "x", "dtype": "uint8", "shape": [2, 3]},
  {"name": "n", "dtype": "int64", "shape": []}],
 "nodes": [
  {"id": 0, "op": "input", "src": [], "name": "x", "dtype": "uint8", "shape": [2, 3]},
  {"id": 1, "op": "input", "src": [], "name": "n", "dtype": "int64", "shape": []},
  {"id": 2, "op": "iota", "src": [], "dtype": "int64", "shape": [3]},
  {"id": 3, "op": "reshape", "src": [1], "dtype": "int64", "shape": [1]},
  {"id": 4, "op": "expand", "src": [3], "dtype": "int64", "shape": [3]},
  {"id": 5, "op": "lt", "src": [2, 4], "dtype": "bool", "shape": [3]},
  {"id": 6, "op": "reshape", "src": [5], "dtype": "bool", "shape": [1, 3]},
  {"id": 7, "op": "expand", "src": [6], "dtype": "bool", "shape": [2, 3]},
  {"id": 8, "op": "const", "src": [], "value": 0, "dtype": "uint8", "shape": [2, 3]},
  {"id": 9, "op": "where", "src": [7, 0, 8], "dtype": "uint8", "shape": [2, 3]}],
 "outputs": [
  {"name": "y", "node": 9, "count": {"axis": 1, "output": "y.count"}},
  {"name": "y.count", "node": 1}]}
END
npy '|u1' '(2, 3)' '\001\002\003\004\005\006' >x.npy
npy '<i8' '()' '\0\0\0\0\0\0\0\0' >0.npy
npy '<i8' '()' '\002\0\0\0\0\0\0\0' >2.npy
npy '<i8' '()' '\003\0\0\0\0\0\0\0' >3.npy
# what nobody should count to
npy '<i8' '()' '\011\0\0\0\0\0\0\0' >9.npy
npy '<i8' '()' '\377\377\377\377\377\377\377\377' >minus.npy
npy '|u1' '(2, 0)' '' >none.npy
npy '|u1' '(2, 2)' '\001\002\004\005' >two.npy

# columns N FILE: what the columns are.
columns() {
    for mode in eager jit aot; do
        expect 0 "$tool" run --mode=$mode columns.json x.npy n="$1.npy" -o y.npy
        same y.npy "$2"
        grep '^digest' out >>"digests.$1"
    done
    [ "$(sort -u "digests.$1" | wc -l)" -eq 1 ] || wrong "digests: $(cat "digests.$1")"
    expect 0 ./program x.npy n="$1.npy" -o y.npy
    same y.npy "$2"
}

expect 0 "$tool" build columns.json -o program
columns 0 none.npy
columns 2 two.npy
columns 3 x.npy
columns 9 x.npy
columns minus none.npy

expect 0 "$tool" run columns.json x.npy 2.npy
says out 'y uint8[2,2]'
! grep -q 'y.count' out || wrong "the count is shown: $(cat out)"
expect 0 ./program x.npy 2.npy
says out 'y uint8[2,2]'
! grep -q 'y.count' out || wrong "the count is shown: $(cat out)"
expect 0 "$tool" run columns.json x.npy 2.npy -o y.count=count.npy
same count.npy 2.npy

expect 0 "$tool" inspect columns.json
says out 'count       y: along axis 1 as many as y.count says'
expect 0 "$tool" emit columns.json -o emitted
says emitted/columns.h '#define COLUMNS_OUTPUT_0_AXIS 1'
says emitted/columns.h '#define COLUMNS_OUTPUT_0_COUNT 1'
expect 1 "$tool" batch columns.json -o batched.json
says err 'depends on the data'
expect 0 "$tool" check -n 1 columns.json
