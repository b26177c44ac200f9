/** The ways the graph is run, each with its time and digest, and whether they agree. */
import { counted, element, say, time } from './text.js';

const TILE = 16; /* 16 × 16 bits are the 256 of a digest */

/** True for a page without a server. */
export const isAlone = 'alone' in document.documentElement.dataset;

const MODES = {
    eager: ['Eager', 'interpreted, op by op'],
    jit: ['JIT', 'libtcc, in memory'],
    aot: ['AOT', 'gcc, ahead of time'],
    cuda: ['CUDA', 'on the GPU'], /* where the server has one */
    browser: ['This browser', 'WebAssembly'],
};
const OF_SERVERS = isAlone ? [] : ['eager', 'jit', 'aot'];

const WAITING = {
    building: 'gcc is compiling …',
    loading: 'loading …',
    absent: 'switched off',
    missing: 'not here',
    silent: 'no answer',
    failed: 'failed',
};

const byId = (id) => document.getElementById(id);

/* Read once a theme: asking for them makes the browser compute all styles. */
const colours = { ink: '', bad: '' };

function readColours() {
    const styles = getComputedStyle(document.documentElement);
    for (const name of Object.keys(colours)) colours[name] = styles.getPropertyValue(`--${name}`);
}

function bitsOf(digest) {
    return [...digest].flatMap((digit) =>
        [8, 4, 2, 1].map((bit) => (parseInt(digit, 16) & bit) > 0),
    );
}

/** One of the modes: its time, and its digest as text and as a picture of its bits. */
class ModeCard {
    constructor(name) {
        this.tile = element('canvas', { width: TILE, height: TILE, 'aria-hidden': 'true' });
        this.number = element('span', {}, '–');
        this.unit = element('small');
        this.times = element('span.times');
        this.digest = element('code.digest', {}, '\u00a0');
        const [title, subtitle] = MODES[name];
        this.element = element(
            'li.mode',
            { 'data-mode': name, 'data-state': 'waiting' },
            element('h3', {}, title, element('small', {}, subtitle)),
            this.tile,
            element(
                'div',
                {},
                element('p.time', {}, this.number, ' ', this.unit),
                this.times,
            ),
            this.digest,
        );
    }

    /** @param {import('./api.js').ModeAnswer | undefined} answer */
    show(answer, reference, eagerTime) {
        if (!answer) {
            /* not asked for while the pen moves: what is shown is older */
            if (this.element.dataset.state === 'ready') this.element.dataset.state = 'older';
            return;
        }
        this.element.dataset.state = answer.state;
        if (answer.state !== 'ready') {
            this.#say(WAITING[answer.state] ?? answer.state, '', '', answer.message ?? '\u00a0');
            this.#draw(null);
            return;
        }
        const times = eagerTime / answer.microseconds;
        this.#say(
            ...time(answer.microseconds),
            times > 1.05 ? `${times.toFixed(times < 10 ? 1 : 0)}× as fast` : '',
            `${answer.digest.slice(0, 8)}…${answer.digest.slice(-4)}`,
        );
        this.digest.title = `SHA-256 of the output: ${answer.digest}`;
        this.#draw(answer.digest, reference);
    }

    clear() {
        this.#say('–', '', '', '\u00a0');
        this.element.dataset.state = 'waiting';
        this.#draw(null);
    }

    #say(number, unit, times, digest) {
        say(this.number, number);
        say(this.unit, unit);
        say(this.times, times);
        say(this.digest, digest);
    }

    /** The digest's bits; those that differ from the reference are marked. */
    #draw(digest, reference) {
        const context = this.tile.getContext('2d');
        context.clearRect(0, 0, TILE, TILE);
        if (!digest) return;
        const [same, different] = [new Path2D(), new Path2D()];
        const expected = bitsOf(reference);
        bitsOf(digest).forEach((bit, i) => {
            const differs = bit !== expected[i];
            if (bit || differs)
                (differs ? different : same).rect(i % TILE, Math.floor(i / TILE), 1, 1);
        });
        context.fillStyle = colours.ink;
        context.fill(same);
        context.fillStyle = colours.bad;
        context.fill(different);
    }
}

const digestsOf = (modes) =>
    Object.values(modes)
        .map((mode) => mode?.digest)
        .filter(Boolean);

export class ModesView {
    #cards = {};
    #answer = null;
    #seen = -1;
    #browser = { mode: { state: 'loading' }, seen: -1 };
    #agrees = true;

    constructor() {
        this.offer(OF_SERVERS);
        readColours();
        new MutationObserver(() => {
            readColours();
            this.#show();
        }).observe(document.documentElement, { attributeFilter: ['data-theme'] });
    }

    /** Makes a card for each mode of the server and for this browser, unless they are there. */
    offer(names) {
        const all = [...names, 'browser'];
        if (all.join() === Object.keys(this.#cards).join()) return;
        this.#cards = Object.fromEntries(all.map((name) => [name, new ModeCard(name)]));
        byId('modes').replaceChildren(...Object.values(this.#cards).map((card) => card.element));
        this.#show();
    }

    /** @param {import('./api.js').Answer} answer  to the drawing `seen` */
    show(answer, seen) {
        this.#answer = answer;
        this.#seen = seen;
        this.#show();
    }

    /** @param {import('./api.js').ModeAnswer} mode  of this browser, of the drawing `seen` */
    showBrowser(mode, seen) {
        this.#browser = { mode, seen };
        this.#show();
    }

    clear() {
        this.#answer = null;
        for (const card of Object.values(this.#cards)) card.clear();
        this.#showIdle();
        if (isAlone) this.#say('waiting', 'No server.', 'Draw, and this browser answers.');
        else this.#say('waiting', 'Same bits?', 'Draw, and the runs of one graph are compared.');
    }

    /** Whether they agree, as a sentence. */
    spoken() {
        if (digestsOf(this.#all()).length < 2) return '';
        return this.#agrees ? 'All modes agree, bit for bit.' : 'The modes do not agree.';
    }

    /** All modes of the drawing that is shown; this browser's is undefined while it is older. */
    #all() {
        const { mode, seen } = this.#browser;
        const isOlder = mode.state === 'ready' && seen !== this.#seen;
        return { browser: isOlder ? undefined : mode, ...this.#answer.modes };
    }

    /** What cannot run in this browser says so, also where nothing is drawn. */
    #showIdle() {
        if (this.#browser.mode.state !== 'ready') this.#cards.browser.show(this.#browser.mode);
    }

    #show() {
        if (!this.#answer) return this.#showIdle();
        const modes = this.#all();
        const digests = digestsOf(modes);
        for (const [name, card] of Object.entries(this.#cards)) {
            card.show(modes[name], digests[0], modes.eager?.microseconds);
        }
        this.#agrees = this.#answer.agree && new Set(digests).size < 2;
        this.#sayAgreement(modes, digests.length);
        return undefined;
    }

    #sayAgreement(modes, count) {
        const bits = 32 * this.#answer.outputs.length;
        const isSame = byId('agree').dataset.state === 'same';
        if (!this.#agrees) {
            const text = 'The red squares say where. This is a defect.';
            this.#say('differs', 'The bits differ.', text);
        } else if (isAlone) {
            const text = `No server is asked. The squares are the SHA-256 of ${bits} output bits.`;
            this.#say('waiting', 'Found here.', text);
        } else if (modes.eager?.state === 'silent') {
            const text = `These ${bits} output bits are this browser’s; no server answers.`;
            this.#say('waiting', 'One answer.', text);
        } else if (count < 2) {
            this.#say('waiting', 'One answer so far.', 'The others are being compiled.');
        } else if (modes.browser || !isSame) {
            const runs = count === 2 ? 'Both' : `All ${counted(count)}`;
            const text = `${runs} runs gave the same ${bits} output bits.`;
            this.#say('same', 'Same bits.', `${text} The squares are their SHA-256.`);
        } /* else: this browser's answer is on its way */
    }

    #say(state, title, text) {
        const line = byId('agree');
        line.dataset.state = state;
        say(line.querySelector('b'), title);
        say(line.querySelector('span'), text);
    }
}
