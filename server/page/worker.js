/**
 * The model in this browser, in a thread of its own: what the page asks, and what it is told.
 *
 *     {id, graph}                          make the module of that graph ready
 *     {id, drawing: {width, height, ink}}  run it
 *     {id, pixels}                         run it on 28 by 28 pixels, for a receipt
 *     {id, facts} {id, run} {id, blank} {id, receipt} {id, missing} {id, message}
 *
 * A drawing is made ready by the same C as on the server (runtime/formats/image_prepare.c).
 */
import { modules } from './modules/index.js';

const SIDE = 28;

let model = null;
let choices = 0;
let preparing = null;

async function loadPreparing() {
    const answer = await fetch(new URL('./modules/prepare.wasm', import.meta.url));
    if (!answer.ok) throw new Error(`prepare.wasm: status ${answer.status}`);
    const { instance } = await WebAssembly.instantiate(await answer.arrayBuffer(), {});
    return instance.exports;
}

/** Makes the graph's module ready; of whichever there is first without one. */
async function choose(graph) {
    const choice = ++choices;
    model = null;
    const found = modules[graph] ?? (graph ? null : Object.values(modules)[0]);
    if (!found) return { missing: Object.keys(modules).length === 0 ? 'all' : 'one' };
    preparing ??= await loadPreparing();
    const module = await found();
    const ready = await module.load();
    ready.run(new Float32Array(SIDE * SIDE)); /* engines take their time the first time */
    if (choice === choices) model = { ...module, ...ready }; /* else another one was chosen since */
    return { facts: { name: module.name, digest: module.digest } };
}

/** The 28 by 28 pixels that the model is shown; null: the drawing is blank. */
function prepare({ width, height, ink }) {
    const memory = () => new Uint8Array(preparing.memory.buffer);
    memory().set(ink, preparing.ink());
    if (!preparing.prepare(width, height)) return null;
    const at = preparing.digit();
    return memory().slice(at, at + SIDE * SIDE);
}

const asInput = (pixels) => Float32Array.from(pixels, (value) => value / 255);

function run(drawing) {
    const digit = prepare(drawing);
    if (!digit) return { blank: true };
    const input = asInput(digit);
    const begun = performance.now();
    const result = model.run(input);
    const microseconds = 1000 * (performance.now() - begun);
    const [{ data }] = Object.values(result.outputs);
    return { run: { digit, outputs: [...data], microseconds, digest: result.digest } };
}

async function answerTo({ graph, drawing, pixels }) {
    if (graph !== undefined) return choose(graph);
    if (!model) throw new Error('there is no model');
    if (drawing) return run(drawing);
    return { receipt: model.run(asInput(pixels), { receipt: true }).receipt };
}

addEventListener('message', async ({ data: { id, ...question } }) => {
    try {
        postMessage({ id, ...(await answerTo(question)) });
    } catch (error) {
        postMessage({ id, message: error.message });
    }
});
