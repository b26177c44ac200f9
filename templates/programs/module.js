
/* ---- The same in all modules ---- */

/* float16 and bfloat16 are given as their bits; a bool is 0 or 1. */
const ARRAYS = {
    float32: Float32Array,
    float64: Float64Array,
    float16: Uint16Array,
    bfloat16: Uint16Array,
    int8: Int8Array,
    int16: Int16Array,
    int32: Int32Array,
    int64: BigInt64Array,
    uint8: Uint8Array,
    uint16: Uint16Array,
    uint32: Uint32Array,
    uint64: BigUint64Array,
    bool: Uint8Array,
};

const PAGE = 65_536; /* bytes of memory that a module can grow by */
const LINE = 64; /* bytes of a line of memory, where each tensor begins */

const lineAfter = (bytes) => Math.ceil(bytes / LINE) * LINE;
const product = (numbers) => numbers.reduce((all, number) => all * number, 1);

/** A shape in which the number of images takes the place of -1. */
const withImages = (shape, images) => shape.map((extent) => (extent < 0 ? images : extent));

const asText = (dtype, shape) => `${dtype}[${shape.map((n) => (n < 0 ? 'N' : n)).join(',')}]`;

/* Bundlers need not look for what only Node and Deno have. */
const FILES = 'node:fs/promises';

async function bytesOf(source) {
    if (typeof source !== 'string' && !(source instanceof URL)) return source;
    const url = new URL(source, import.meta.url);
    if (url.protocol === 'file:') {
        const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ FILES);
        return readFile(url);
    }
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${url}: status ${answer.status}`);
    return answer.arrayBuffer();
}

/** Makes the model ready to run, from a URL, bytes or a WebAssembly.Module. */
export async function load(source = new URL(FILE, import.meta.url)) {
    const found = await bytesOf(source);
    const isModule = found instanceof WebAssembly.Module;
    const module = isModule ? found : await WebAssembly.compile(found);
    const { exports } = await WebAssembly.instantiate(module, {});
    return { run: (given, options) => run(exports, given, options) };
}

/* ---- Inputs ---- */

/** What was given for an input: { data, shape }, without a shape where none was said. */
function tensorOf(given, input, index) {
    const isOnly = inputs.length === 1 && (ArrayBuffer.isView(given) || given?.data);
    const found = isOnly ? given : given?.[Array.isArray(given) ? index : input.name];
    if (found === undefined) throw new TypeError(`input "${input.name}": not given`);
    const { data, shape } = ArrayBuffer.isView(found) ? { data: found } : found;
    const wanted = ARRAYS[input.dtype];
    const isHalf = input.dtype === 'float16' && data?.constructor.name === 'Float16Array';
    if (!(data instanceof wanted) && !isHalf) {
        const name = data?.constructor.name ?? String(data);
        throw new TypeError(`input "${input.name}": expected a ${wanted.name}, found ${name}`);
    }
    if (shape && product(shape) !== data.length) {
        const elements = `${data.length} elements for ${asText(input.dtype, shape)}`;
        throw new RangeError(`input "${input.name}": ${elements}`);
    }
    if (input.dtype === 'bool' && data.some((value) => value > 1))
        throw new RangeError(`input "${input.name}": a bool is 0 or 1`);
    return { data, shape };
}

/** How many images a tensor holds if it has that shape; 1 where the shape has none; else NaN. */
function imagesIn({ data, shape }, wanted) {
    const one = product(withImages(wanted, 1));
    const images = wanted[0] < 0 ? (shape ? shape[0] : data.length / one) : 1;
    const isSame =
        Number.isInteger(images) &&
        images > 0 &&
        data.length === images * one &&
        (!shape || (shape.length === wanted.length && shape.every(isExtentOf(wanted))));
    return isSame ? images : NaN;
}
const isExtentOf = (wanted) => (extent, axis) => wanted[axis] < 0 || extent === wanted[axis];

/** The images of all tensors together, if they fit the size. */
function imagesAt(size, tensors) {
    let images = 0;
    for (const [i, tensor] of tensors.entries()) {
        const found = imagesIn(tensor, size.inputs[i]);
        if (Number.isNaN(found)) return NaN;
        if (size.inputs[i][0] >= 0) continue;
        if (images && images !== found) return NaN;
        images = found;
    }
    return images || 1;
}

function refuse(tensors) {
    const found = tensors.map(({ data, shape }, i) => {
        const { name, dtype } = inputs[i];
        return `"${name}" ${shape ? asText(dtype, shape) : `of ${data.length} elements`}`;
    });
    const described = (shape, i) => `"${inputs[i].name}" ${asText(inputs[i].dtype, shape)}`;
    const wanted = sizes.map(({ inputs: shapes }) => shapes.map(described).join(', '));
    return new RangeError(`expected ${wanted.join(' or ')}; found ${found.join(', ')}`);
}

/* ---- Runs ---- */

/** Where everything lies in the module's memory, behind what it has itself. */
function layOut(exports, lengths) {
    const pointers = lineAfter(exports.__heap_base.value);
    let end = pointers + lineAfter(4 * lengths.length);
    const places = lengths.map((bytes) => {
        const at = end;
        end += lineAfter(bytes);
        return at;
    });
    const missing = end - exports.memory.buffer.byteLength;
    if (missing > 0) exports.memory.grow(Math.ceil(missing / PAGE));
    new Uint32Array(exports.memory.buffer, pointers, places.length).set(places);
    return { pointers, places };
}

function run(exports, given, { receipt = false } = {}) {
    const tensors = inputs.map((input, i) => tensorOf(given, input, i));
    const size = sizes.find((each) => imagesAt(each, tensors));
    if (!size) throw refuse(tensors);
    const images = imagesAt(size, tensors);
    const results = outputs.map(({ name, dtype }, i) => {
        const shape = withImages(size.outputs[i], images);
        return { name, dtype, shape, bytes: product(shape) * ARRAYS[dtype].BYTES_PER_ELEMENT };
    });
    const lengths = [...tensors.map(({ data }) => data.byteLength), ...results.map((r) => r.bytes)];
    const { pointers, places } = layOut(exports, lengths);
    const memory = new Uint8Array(exports.memory.buffer);
    tensors.forEach(({ data }, i) => {
        memory.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), places[i]);
    });
    exports.run(pointers, pointers + 4 * inputs.length, images, ...size.sizes);
    const made = results.map(({ bytes, ...result }, i) => {
        const at = places[inputs.length + i];
        return { ...result, data: new ARRAYS[result.dtype](memory.slice(at, at + bytes).buffer) };
    });
    return new Result(made, receipt ? receiptOf(size, images, tensors, made) : undefined);
}

/** What is true of an output whose extent along an axis another output counts. */
function cut({ dtype, shape, data }, counted, all) {
    if (!counted) return { dtype, shape, data };
    const most = shape[counted.axis];
    const extent = Math.max(0, Math.min(most, Number(all[counted.output].data[0])));
    const row = product(shape.slice(counted.axis + 1));
    const step = most * row;
    const parts = Array.from({ length: product(shape.slice(0, counted.axis)) }, (_, i) =>
        data.subarray(i * step, i * step + extent * row),
    );
    const whole = new ARRAYS[dtype](parts.length * extent * row);
    parts.forEach((part, i) => whole.set(part, i * extent * row));
    const found = shape.map((length, axis) => (axis === counted.axis ? extent : length));
    return { dtype, shape: found, data: whole };
}

class Result {
    #all;

    constructor(all, receipt) {
        this.#all = all;
        this.receipt = receipt;
        this.outputs = Object.fromEntries(
            all.map((result, i) => [result.name, cut(result, COUNTED[i], all)]),
        );
    }

    /** The same digits that every other way of running the graph gives to these inputs. */
    get digest() {
        return digestOf(this.#all);
    }
}

/* ---- Digests and receipts ---- */

const asHex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** Of a tensor: its type, shape and elements. */
const sha256OfTensor = ({ dtype, shape, data }) =>
    sha256([
        bytesOfText(`${asText(dtype, shape)}\n`),
        new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    ]);

/** Of all outputs together. */
const digestOf = (all) =>
    asHex(sha256(all.flatMap((each) => [bytesOfText(`${each.name}\0`), sha256OfTensor(each)])));

/** An output of one image. */
function imageOf(result, wanted, index) {
    if (wanted[0] >= 0) return result;
    const shape = withImages(wanted, 1);
    const one = product(shape);
    return { ...result, shape, data: result.data.subarray(index * one, (index + 1) * one) };
}

/** What was computed, as `eigentensor verify` and the server's /verify take it. */
function receiptOf(size, images, tensors, made) {
    const given = inputs.map(({ name, dtype }, i) => {
        const shape = withImages(size.inputs[i], images);
        return { name, dtype, shape, data: tensors[i].data };
    });
    const entry = (each) => ({
        name: each.name,
        tensor: asText(each.dtype, each.shape),
        digest: asHex(sha256OfTensor(each)),
    });
    const isBatched = [...size.inputs, ...size.outputs].some((shape) => shape[0] < 0);
    const ofImage = (index) =>
        digestOf(made.map((each, i) => imageOf(each, size.outputs[i], index)));
    return {
        format: 'eigentensor-receipt',
        version: 1,
        graph: { name, digest: size.digest },
        inputs: given.map(entry),
        outputs: made.map(entry),
        result: digestOf(made),
        ran: RAN,
        ...(isBatched && {
            batch: images,
            images: Array.from({ length: images }, (_, index) => ofImage(index)),
        }),
    };
}

/* ---- SHA-256: browsers have their own on pages of https alone ---- */

const bytesOfText = (text) => new TextEncoder().encode(text);

/* The first 32 bits of the fractions of cube roots of primes. */
const ROUNDS = new Uint32Array([
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);
/* Of square roots. */
const BEGINNING = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

const turned = (x, bits) => (x >>> bits) | (x << (32 - bits));

/** Mixes 64 bytes into the state. */
function mix(state, words, view, at) {
    for (let i = 0; i < 16; i++) words[i] = view.getUint32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
        const [x, y] = [words[i - 15], words[i - 2]];
        const low = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
        const high = turned(y, 17) ^ turned(y, 19) ^ (y >>> 10);
        words[i] = words[i - 16] + low + words[i - 7] + high;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
        const high = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
        const first = (h + high + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i]) | 0;
        const low = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
        const second = (low + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => {
        state[i] += word;
    });
}

/** The 32 bytes of SHA-256 of some arrays of bytes, one after another. */
function sha256(parts) {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const bytes = new Uint8Array(Math.ceil((length + 9) / 64) * 64);
    let end = 0;
    for (const part of parts) {
        bytes.set(part, end);
        end += part.length;
    }
    bytes[length] = 128;
    const view = new DataView(bytes.buffer);
    view.setBigUint64(bytes.length - 8, 8n * BigInt(length));
    const [state, words] = [new Uint32Array(BEGINNING), new Uint32Array(64)];
    for (let at = 0; at < bytes.length; at += 64) mix(state, words, view, at);
    const digest = new DataView(new ArrayBuffer(32));
    state.forEach((word, i) => digest.setUint32(4 * i, word));
    return new Uint8Array(digest.buffer);
}
