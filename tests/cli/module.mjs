/* module.mjs TOOL MODELS: the modules that test_module.sh built in this folder, as their users run
 * them, beside `eigentensor run` on the same arrays. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [tool, models] = process.argv.slice(2);

const NUMPY = { Float32Array: '<f4', Uint8Array: '|u1', BigInt64Array: '<i8' };

/** Writes an array as NumPy stores it. */
function writeArray(path, { data, shape }) {
    const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
    const descr = NUMPY[data.constructor.name];
    const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
    const start = Buffer.from(`\x93NUMPY\x01\0\x76\0${header.padEnd(117)}\n`, 'latin1');
    writeFileSync(path, Buffer.concat([start, Buffer.from(data.buffer)]));
}

/** Writes the inputs; what the tool is given to read them. */
function writeInputs(inputs) {
    return Object.entries(inputs).map(([name, tensor], i) => {
        writeArray(`${i}.npy`, tensor);
        return `${name}=${i}.npy`;
    });
}

const say = (...given) => execFileSync(tool, given, { encoding: 'utf8' });

/** What the tool's interpreter prints as digest of the same run. */
function digestOf(model, files) {
    return /^digest (.*)$/m.exec(say('run', '--mode=eager', model, ...files))[1];
}

/**
 * The module's receipt is verified by the interpreter; that of a run by this CPU's vectors, AVX-512
 * where it has them, is verified here, and by the interpreter, too.
 */
function checkReceipt(receipt, model, files) {
    writeFileSync('ours.json', JSON.stringify(receipt));
    const verify = (name) => say('verify', '--mode=eager', name, model, ...files);
    assert.match(verify('ours.json'), /^same: .*wasm for wasm32/);
    say('run', '--mode=jit', '--receipt=theirs.json', model, ...files);
    assert.match(verify('theirs.json'), /^same: .*jit for/);
    const theirs = JSON.parse(readFileSync('theirs.json', 'utf8'));
    assert.equal(theirs.ran.mode, 'jit');
    assert.match(receipt.ran.target, /^wasm32/);
    assert.deepEqual({ ...receipt, ran: theirs.ran }, theirs);
}

const load = async (name, source) => {
    const module = await import(pathToFileURL(`${name}/${name}.js`));
    return { ...module, ...(await module.load(source)) };
};

/** Numbers of all magnitudes, the same in each run. */
function numbers(count) {
    let state = 12345;
    return new Float32Array(count).map(() => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return (state / 2 ** 31 - 1) * 2 ** ((state >>> 5) % 9);
    });
}

const tensor = (...shape) => ({ data: numbers(shape.reduce((a, b) => a * b, 1)), shape });

/** The module gives the digest of the interpreter. */
function check(module, model, inputs) {
    const files = writeInputs(inputs);
    const { outputs, digest, receipt } = module.run(inputs, { receipt: true });
    assert.equal(digest, digestOf(model, files), JSON.stringify(module.inputs));
    checkReceipt(receipt, model, files);
    assert.equal(module.run(inputs).receipt, undefined);
    return outputs;
}

/* ---- The stored models ---- */

for (const name of ['mnist', 'mnist_int8', 'plain']) {
    const module = await load(name);
    const model = `${models}/mnist/mnist${name === 'mnist_int8' ? '-int8' : ''}.json`;
    const [{ name: input, shape }] = module.inputs;
    const pixels = tensor(...shape);
    const { logits } = check(module, model, { [input]: pixels });
    assert.deepEqual([logits.dtype, logits.shape], ['float32', [1, 10]]);
    assert.deepEqual(module.run(pixels).outputs.logits, logits); // the only one, by itself
    assert.deepEqual(module.run(pixels.data).outputs.logits, logits);
    assert.deepEqual(module.run([pixels.data]).outputs.logits, logits); // by position
    const inspected = execFileSync(tool, ['inspect', model], { encoding: 'utf8' });
    assert.ok(inspected.includes(module.digest));
}

const bytes = readFileSync('mnist/mnist.wasm');
const mnist = await load('mnist', bytes);
const again = await load('mnist', await WebAssembly.compile(bytes));
const pixels = numbers(784);
assert.equal(mnist.run(pixels).digest, again.run(pixels).digest);

/* ---- What does not fit is said ---- */

const input = mnist.inputs[0].name;
const refused = [
    [new Float32Array(783), `"${input}" float32[1,1,28,28]; found "${input}" of 783 elements`],
    [{ data: pixels, shape: [784] }, `found "${input}" float32[784]`],
    [{ data: pixels, shape: [2, 2] }, `784 elements for float32[2,2]`],
    [new Float64Array(784), `input "${input}": expected a Float32Array, found Float64Array`],
    [{ [input]: [...pixels] }, `expected a Float32Array, found undefined`],
    [{ other: pixels }, `input "${input}": not given`],
    [undefined, `input "${input}": not given`],
];
for (const [given, message] of refused) {
    assert.throws(() => mnist.run(given), (error) => {
        assert.ok(error.message.includes(message), `${error.message} has no ${message}`);
        return true;
    });
}
await assert.rejects(load('mnist', 'absent.wasm'), /absent\.wasm/);

/* ---- Several inputs, images, sizes, counts ---- */

const linear = await load('linear');
check(linear, '../linear.json', { x: tensor(4, 8), w: tensor(8, 16), b: tensor(16) });
assert.throws(() => linear.run({ x: numbers(32), w: numbers(128) }), /input "b": not given/);

const batched = await load('batched');
for (const images of [1, 3, 70]) {
    const outputs = check(batched, 'batched.json', { [input]: tensor(images, 1, 28, 28) });
    assert.deepEqual(outputs.logits.shape, [images, 10]);
}
assert.equal(batched.run(numbers(2 * 784)).outputs.logits.shape[0], 2);
assert.throws(() => batched.run(new Float32Array(0)), /float32\[N,1,28,28\]/);
assert.throws(() => batched.run(numbers(785)), /of 785 elements/);

const sized = await load('sized');
assert.deepEqual(sized.sizes.map(({ name }) => name).sort(), ['width=4', 'width=5']);
for (const width of [4, 5]) {
    const outputs = check(sized, 'sized.onnx', { x: tensor(1, 3, width) });
    assert.deepEqual(outputs.y.shape, [3, width]);
    assert.equal(sized.run(numbers(3 * width)).outputs.y.data.length, 3 * width);
}
assert.throws(() => sized.run(numbers(9)), /float32\[1,3,5\] or "x" float32\[1,3,4\]/);

const columns = await load('columns');
const x = { data: Uint8Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] };
for (const [n, shape, data] of [
    [0n, [2, 0], []],
    [2n, [2, 2], [1, 2, 4, 5]],
    [3n, [2, 3], [1, 2, 3, 4, 5, 6]],
    [9n, [2, 3], [1, 2, 3, 4, 5, 6]],
    [-1n, [2, 0], []],
]) {
    const n_ = { data: BigInt64Array.of(n), shape: [] };
    const { y } = check(columns, 'columns.json', { x, n: n_ });
    assert.deepEqual([y.shape, [...y.data]], [shape, data]);
}
