/**
 * This browser as one more engine: the model as a WebAssembly module, run by a worker. Once it is
 * there it needs no server.
 *
 * @typedef {import('./api.js').Answer} Answer
 */

const NO_MODULES = 'clang and lld were not there when this server was built';
const NO_MODULE = 'there is no module of this model';

/** Scores to probabilities, for the eye. */
function softmax(scores) {
    const greatest = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - greatest));
    const sum = powers.reduce((total, power) => total + power, 0);
    return powers.map((power) => power / sum);
}

/** What the worker made of a drawing, as the server would say it. */
function answerOf({ digit, outputs, microseconds, digest }) {
    return {
        prediction: outputs.indexOf(Math.max(...outputs)),
        probabilities: softmax(outputs),
        outputs,
        prepared: { width: 28, height: 28, pixels: digit },
        modes: { browser: { state: 'ready', microseconds, digest } },
        agree: true,
    };
}

export class Browser {
    #worker = null;
    #asked = new Map();
    #count = 0;
    #graph = null;
    /** The state of the mode, as the server would say it: {state, message}. */
    mode = { state: 'loading' };
    /** The model's name and digest; null: there is none. */
    model = null;

    get isReady() {
        return this.mode.state === 'ready';
    }

    /** Makes the module of a graph ready, named by its digest; '': whichever there is first. */
    async choose(graph) {
        if (this.#graph === graph) return;
        this.#graph = graph;
        this.mode = { state: 'loading' };
        const { facts, missing, message } = await this.#ask({ graph });
        if (this.#graph !== graph) return; /* another one is wanted by now */
        if (facts) this.mode = { state: 'ready' };
        else if (missing)
            this.mode = { state: 'missing', message: missing === 'all' ? NO_MODULES : NO_MODULE };
        else this.mode = { state: 'failed', message };
        this.model = facts ?? null;
    }

    /**
     * Runs the model on a drawing (png.js).
     * @returns {Promise<Answer | null>}  null: it is blank, or there is no module
     */
    async run(drawing) {
        if (!this.isReady) return null;
        const { run, message } = await this.#ask({ drawing });
        if (message) this.mode = { state: 'failed', message };
        return run ? answerOf(run) : null;
    }

    /** A receipt of its run on 28 by 28 pixels. */
    async receipt(pixels) {
        const { receipt, message } = await this.#ask({ pixels });
        if (!receipt) throw new Error(message);
        return receipt;
    }

    #ask(question) {
        const id = ++this.#count;
        return new Promise((resolve) => {
            this.#asked.set(id, resolve);
            this.#begin();
            this.#worker.postMessage({ id, ...question });
        });
    }

    #begin() {
        if (this.#worker) return;
        this.#worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
        this.#worker.addEventListener('message', ({ data }) => {
            this.#asked.get(data.id)?.(data);
            this.#asked.delete(data.id);
        });
        /* A worker that cannot begin answers nothing at all. */
        this.#worker.addEventListener('error', (event) => {
            event.preventDefault();
            this.#worker.terminate();
            this.#worker = null; /* the next question begins another */
            const message = event.message || 'its worker cannot begin';
            for (const resolve of this.#asked.values()) resolve({ message });
            this.#asked.clear();
        });
    }
}
