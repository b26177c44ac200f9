/**
 * What the server offers to the page; server/API.md describes it.
 *
 * @typedef {{state: string, microseconds?: number, digest?: string, message?: string}} ModeAnswer
 * @typedef {{prediction: number, probabilities: (number | null)[], outputs: (number | null)[],
 *     prepared: {width: number, height: number, pixels: Uint8Array},
 *     modes: Record<string, ModeAnswer>, agree: boolean}} Answer
 *     null: not a number, or infinite
 */

import { fromBase64 } from './text.js';

const PATIENCE_MS = 10_000;
const LONG_MS = 150; /* longer than this, an answer that is not wanted any more is not waited for */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 5_000;

/** The server answered, but not with what was asked for. */
export class Refusal extends Error {
    constructor(status, message, reason, retryAfter) {
        super(message);
        Object.assign(this, { status, reason, retryAfter });
    }

    /** True when the same request may succeed later. */
    get isPassing() {
        return this.status === 408 || this.status === 429 || this.status >= 500;
    }
}

let chosen = ''; /* the model that is asked; '': the server's first */

/** From now on all questions are about that model. */
export function chooseModel(name) {
    chosen = name;
}

/** A path that names the model. */
export function about(path, name = chosen) {
    if (!name) return path;
    return `${path}${path.includes('?') ? '&' : '?'}model=${encodeURIComponent(name)}`;
}

async function request(path, options = {}) {
    const ends = [AbortSignal.timeout(PATIENCE_MS), options.signal].filter(Boolean);
    const answer = await fetch(path, { ...options, signal: AbortSignal.any(ends) });
    if (answer.ok) return answer.json();
    const body = await answer.json().catch(() => ({}));
    const message = typeof body.detail === 'string' ? body.detail : `status ${answer.status}`;
    const retryAfter = 1000 * Number(answer.headers.get('Retry-After') ?? 0);
    throw new Refusal(answer.status, message, body.reason, retryAfter);
}

const send = (path, png, signal) =>
    request(about(path), {
        method: 'POST',
        body: png,
        headers: { 'Content-Type': 'image/png' },
        signal,
    });

/** @returns {Promise<Answer>} */
export async function fetchAnswer(png, modes, signal) {
    const answer = await send(`api/draw?modes=${modes.join(',')}`, png, signal);
    answer.prepared.pixels = fromBase64(answer.prepared.pixels);
    return answer;
}
/** A receipt of a run of that model on pixels, 0 to 255, by the server. */
export async function fetchReceipt(model, pixels) {
    const [{ name, shape }] = model.inputs;
    const data = Array.from(Float32Array.from(pixels, (value) => value / 255));
    const batched = shape.map((extent) => Math.max(1, extent));
    const answer = await request(`v2/models/${encodeURIComponent(model.name)}/infer`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({
            parameters: { receipt: true },
            inputs: [{ name, shape: batched, datatype: 'FP32', data }],
        }),
    });
    return answer.parameters.receipt;
}
export const fetchActivations = (png) => send('api/activations', png);
export const fetchModel = (name) => request(about('api/model', name));
export const fetchGraph = () => request(about('api/graph'));
export const fetchKernels = () => request(about('api/kernels'));

/**
 * Does one thing at a time: what is asked for meanwhile is done once, afterwards, with whatever is
 * newest then.
 */
export class Newest {
    #work;
    #isBusy = false;
    #isWanted = false;
    #running = new AbortController();
    #begun = 0;

    /** @param {(signal: AbortSignal) => Promise<void>} work  handles its own errors */
    constructor(work) {
        this.#work = work;
    }

    async ask() {
        this.#isWanted = true;
        if (this.#isBusy) return;
        this.#isBusy = true;
        while (this.#isWanted) {
            this.#isWanted = false;
            this.#running = new AbortController();
            this.#begun = performance.now();
            await this.#work(this.#running.signal);
        }
        this.#isBusy = false;
    }

    /** Asks for what will stay: older work that takes long is given up for it. */
    insist() {
        this.ask();
        const older = this.#running;
        const giveUp = () => {
            if (older === this.#running && this.#isWanted) older.abort();
        };
        const left = LONG_MS - (performance.now() - this.#begun);
        if (!this.#isWanted) return;
        if (left > 0) setTimeout(giveUp, left);
        else giveUp();
    }
}

/* What becomes of the drawing while the server is away. */
export const SAFE = 'Your drawing is safe';
export const GOES_ON = 'This browser goes on by itself';

/** Says what is wrong with the connection, and tries again by itself until nothing is. */
export class Connection {
    #line;
    #timer = 0;
    #delay = FIRST_RETRY_MS;
    #retry;
    /** Called once the server answers again. */
    onBack = () => {};
    /** SAFE or GOES_ON. */
    comfort = SAFE;

    /**
     * @param {HTMLElement} line  the message and a button
     * @param {() => void} retry
     */
    constructor(line, retry) {
        this.#line = line;
        this.#retry = retry;
        line.querySelector('button').addEventListener('click', () => this.#tryNow());
        addEventListener('online', () => this.#tryNow());
        document.addEventListener('visibilitychange', () => {
            if (!document.hidden) this.#tryNow();
        });
    }

    get isLost() {
        return !this.#line.hidden;
    }

    /** @param {unknown} error  why a request failed */
    lost(error) {
        const isRefusal = error instanceof Refusal;
        this.#say(
            !isRefusal
                ? this.#silence(error)
                : error.status === 503 || error.status === 429
                  ? `The server is busy. ${this.comfort}; trying again.`
                  : `The server could not answer: ${error.message}. Trying again.`,
        );
        clearTimeout(this.#timer);
        const delay = Math.max(this.#delay, isRefusal ? error.retryAfter : 0);
        this.#timer = setTimeout(() => this.#tryNow(), delay);
        this.#delay = Math.min(2 * this.#delay, LAST_RETRY_MS);
    }

    /** The server answered. */
    found() {
        this.#delay = FIRST_RETRY_MS;
        if (!this.isLost) return;
        clearTimeout(this.#timer);
        this.#line.hidden = true;
        this.onBack();
    }

    #silence(error) {
        if (!navigator.onLine) return `This device is offline. ${this.comfort}.`;
        return error?.name === 'TimeoutError'
            ? `The server takes too long. ${this.comfort}; trying again.`
            : `The server does not answer. ${this.comfort}; trying again until it does.`;
    }

    #say(message) {
        const text = this.#line.querySelector('span');
        if (text.textContent !== message) text.textContent = message;
        this.#line.hidden = false;
    }

    #tryNow() {
        if (!this.isLost) return;
        clearTimeout(this.#timer);
        this.#retry();
    }
}
