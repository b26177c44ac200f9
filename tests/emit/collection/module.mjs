/* module.mjs FILE.wasm: runs the graphs of module.c and compares their outputs, as main.c does. */
import { readFileSync } from 'node:fs';

const LINE = 64;
const PAGE = 65_536;
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const { count, graph, run, memory, __heap_base: heap } = instance.exports;

function textAt(at) {
    const bytes = new Uint8Array(memory.buffer);
    return new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));
}

/** A row of graphs.h: struct graph in memory. */
function readGraph(index) {
    const words = new Uint32Array(memory.buffer, graph(index));
    const [name, file, , weights, arena, , inputs, outputs] = words;
    const bytes = [...words.subarray(8, 8 + inputs + outputs)];
    return { name: textAt(name), file: textAt(file), weights, arena, inputs, outputs, bytes };
}

/** The places of blocks of so many bytes, one after another. */
function layOut(lengths) {
    let end = Math.ceil(heap.value / LINE) * LINE;
    const places = lengths.map((length) => {
        const at = end;
        end += Math.ceil((length + 1) / LINE) * LINE;
        return at;
    });
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    return places;
}

/** The first output that differs; -1: none does. */
function differing(index) {
    const { file, weights, arena, inputs, outputs, bytes } = readGraph(index);
    const places = layOut([arena, 4 * bytes.length, weights, ...bytes]);
    const [arenaAt, table, weightsAt, ...tensors] = places;
    const [data, at] = [readFileSync(file), new Uint8Array(memory.buffer)];
    let from = weights;
    at.set(data.subarray(0, weights), weightsAt);
    for (let i = 0; i < inputs; i++) {
        at.set(data.subarray(from, from + bytes[i]), tensors[i]);
        from += bytes[i];
    }
    new Uint32Array(memory.buffer, table, tensors.length).set(tensors);
    run(index, table, table + 4 * inputs, weightsAt, arenaAt);
    for (let i = inputs; i < inputs + outputs; i++) {
        const expected = data.subarray(from, from + bytes[i]);
        const found = at.subarray(tensors[i], tensors[i] + bytes[i]);
        if (Buffer.compare(expected, found) !== 0) return i - inputs;
        from += bytes[i];
    }
    return -1;
}

for (let i = 0; i < count(); i++) {
    const output = differing(i);
    if (output < 0) continue;
    console.log(`${readGraph(i).name}: output ${output} differs`);
    process.exitCode = 1;
}
if (count() === 0) process.exitCode = 2;
