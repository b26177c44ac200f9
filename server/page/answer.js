/** Shows an answer: the digit, its probabilities, what the model saw, and the modes. */
import { oddity, ODD } from './oddity.js';
import { element, fromBase64, percent, say, time } from './text.js';

const SURE = 0.6;
const FAINT = 0.01; /* a probability that is not worth its number */
const NO_NUMBER = 'The model’s answer is not a number: there are no probabilities to show.';
const MAYBE_NO_DIGIT = 'This may not be a single digit.';
const TILE = 16; /* 16 × 16 bits are the 256 of a digest */

const MODES = {
    eager: ['Eager', 'interpreted, op by op'],
    jit: ['JIT', 'libtcc, in memory'],
    aot: ['AOT', 'gcc, ahead of time'],
    cuda: ['CUDA', 'on the GPU'], /* where the server has one */
};
const EVERYWHERE = ['eager', 'jit', 'aot'];
const NUMBERS = { 2: 'Both', 3: 'All three', 4: 'All four' };

const WAITING = {
    building: 'gcc is compiling …',
    absent: 'switched off',
    failed: 'failed',
};

/* Read once a theme: asking for them makes the browser compute all styles. */
const colours = { ink: '', bad: '' };

function readColours() {
    const styles = getComputedStyle(document.documentElement);
    for (const name of Object.keys(colours)) colours[name] = styles.getPropertyValue(`--${name}`);
}

const byId = (id) => document.getElementById(id);

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
                this.digest,
            ),
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

const withArticle = (digit) => `${digit === 8 ? 'an' : 'a'} ${digit}`;

const isNumeric = ({ probabilities, outputs }) =>
    [...probabilities, ...outputs].every((value) => Number.isFinite(value));

export class AnswerView {
    /** @type {import('./api.js').Answer | null} */
    #shown = null;
    #isOdd = false;
    #idle = 'Nothing is drawn.';
    #bars;
    #modes = {};

    constructor() {
        this.#bars = Array.from({ length: 10 }, (_, digit) => {
            const bar = element('i');
            const text = element('span.share', {}, '');
            const row = element(
                'li',
                {},
                text,
                element('div.bar', {}, bar),
                element('b', {}, String(digit)),
            );
            byId('bars').append(row);
            return { bar, text, row };
        });
        this.offerModes(EVERYWHERE);
        readColours();
        new MutationObserver(() => {
            readColours();
            if (this.#shown) this.#showModes(this.#shown);
        }).observe(document.documentElement, { attributeFilter: ['data-theme'] });
        this.clear();
    }

    /** Makes a card for each mode of the model, if there are not these already. */
    offerModes(names) {
        if (names.join() === Object.keys(this.#modes).join()) return;
        this.#modes = Object.fromEntries(names.map((name) => [name, new ModeCard(name)]));
        byId('modes').replaceChildren(...Object.values(this.#modes).map((mode) => mode.element));
    }

    /** True while what is shown is the answer to an older drawing. */
    set isBusy(busy) {
        byId('answer').ariaBusy = String(busy);
    }
    get isBusy() {
        return byId('answer').ariaBusy === 'true';
    }

    /** @param {import('./api.js').Answer} answer */
    show(answer) {
        this.#shown = answer;
        this.#isOdd = isNumeric(answer) && oddity(fromBase64(answer.prepared.pixels)) > ODD;
        if (isNumeric(answer)) this.#showDigit(answer);
        else this.#showNone('?', 'no answer', NO_NUMBER);
        this.#showSeen(answer.prepared);
        this.#showModes(answer);
    }

    /** Nothing is drawn. */
    clear() {
        this.#empty('waiting for ink', 'Nothing is drawn.');
    }

    /** The server does not take what is drawn. */
    refuse() {
        this.#empty('no answer', 'There is no answer.');
    }

    /** The answer as a sentence. */
    spoken() {
        if (!this.#shown) return this.#idle;
        return (
            `${this.#sentence(this.#shown)} ` +
            (this.#shown.agree ? 'All modes agree, bit for bit.' : 'The modes do not agree.')
        );
    }

    #sentence(answer) {
        if (!isNumeric(answer)) return NO_NUMBER;
        const { prediction, probabilities } = answer;
        const digit = withArticle(prediction);
        if (this.#isOdd) return `${MAYBE_NO_DIGIT} The nearest is ${digit}.`;
        return `This is ${digit}, ${percent(probabilities[prediction])} sure.`;
    }

    #showDigit(answer) {
        const { prediction, probabilities } = answer;
        const share = probabilities[prediction];
        say(byId('digit'), String(prediction));
        byId('answer').dataset.digit = String(prediction);
        byId('answer').dataset.odd = String(this.#isOdd);
        if (this.#isOdd) say(byId('sure'), 'nearest digit');
        else say(byId('sure'), share > SURE ? `${percent(share)} sure` : this.#doubt(answer));
        say(byId('doubt'), MAYBE_NO_DIGIT);
        byId('doubt').hidden = !this.#isOdd;
        probabilities.forEach((probability, digit) => {
            const { bar, text, row } = this.#bars[digit];
            bar.style.transform = `scaleY(${probability})`;
            say(text, probability < FAINT ? '' : percent(probability));
            row.classList.toggle('best', digit === prediction);
        });
    }

    /** No digit and no probabilities; an empty `doubt` hides its line. */
    #showNone(digit, sure, doubt) {
        say(byId('digit'), digit);
        byId('answer').dataset.digit = '';
        byId('answer').dataset.odd = 'false';
        say(byId('sure'), sure);
        say(byId('doubt'), doubt);
        byId('doubt').hidden = !doubt;
        for (const { bar, text, row } of this.#bars) {
            bar.style.transform = 'scaleY(0)';
            text.textContent = '';
            row.classList.remove('best');
        }
    }

    #empty(sure, sentence) {
        this.#shown = null;
        this.#idle = sentence;
        this.#showNone('–', sure, '');
        byId('seen').getContext('2d').clearRect(0, 0, 28, 28);
        for (const mode of Object.values(this.#modes)) mode.clear();
        this.#agree('waiting', 'Same bits?', 'Draw, and the runs of one graph are compared.');
    }

    #doubt({ probabilities }) {
        const order = probabilities
            .map((_, digit) => digit)
            .sort((a, b) => probabilities[b] - probabilities[a]);
        return `or perhaps ${order[1]}?`;
    }

    #showSeen({ width, height, pixels }) {
        const grey = fromBase64(pixels);
        const image = new ImageData(width, height);
        grey.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
        const canvas = byId('seen');
        [canvas.width, canvas.height] = [width, height];
        canvas.getContext('2d').putImageData(image, 0, 0);
    }

    #showModes(answer) {
        const { modes } = answer;
        const reference = Object.values(modes).find((mode) => mode.digest)?.digest;
        for (const [name, card] of Object.entries(this.#modes)) {
            card.show(modes[name], reference, modes.eager?.microseconds);
        }
        const ready = Object.values(modes).filter((mode) => mode.digest).length;
        if (!answer.agree) {
            this.#agree(
                'differs',
                'The bits differ.',
                'The red squares say where. This is a defect.',
            );
        } else if (ready < 2) {
            this.#agree('waiting', 'One answer so far.', 'The others are being compiled.');
        } else {
            this.#agree(
                'same',
                'Same bits.',
                `${NUMBERS[ready]} runs gave the same ` +
                    `${32 * answer.outputs.length} output bits. The squares are their SHA-256.`,
            );
        }
    }

    #agree(state, title, text) {
        const line = byId('agree');
        line.dataset.state = state;
        say(line.querySelector('b'), title);
        say(line.querySelector('span'), text);
    }
}
