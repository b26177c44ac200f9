/** Shows an answer: the digit, its probabilities, what the model saw, and how it was found. */
import { ModesView } from './modes.js';
import { oddity, ODD } from './oddity.js';
import { element, percent, say } from './text.js';

const SURE = 0.6;
const FAINT = 0.01; /* a probability that is not worth its number */
const NO_NUMBER = 'The model’s answer is not a number: there are no probabilities to show.';
const MAYBE_NO_DIGIT = 'This may not be a single digit.';

const byId = (id) => document.getElementById(id);

const withArticle = (digit) => `${digit === 8 ? 'an' : 'a'} ${digit}`;

const isNumeric = ({ probabilities, outputs }) =>
    [...probabilities, ...outputs].every((value) => Number.isFinite(value));

export class AnswerView {
    /** @type {import('./api.js').Answer | null} */
    #shown = null;
    #isOdd = false;
    #idle = 'Nothing is drawn.';
    #bars;
    #modes = new ModesView();

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
        this.clear();
    }

    /** Makes a card for each mode of the server, and one for this browser. */
    offerModes(names) {
        this.#modes.offer(names);
    }

    /** True while what is shown is the answer to an older drawing. */
    set isBusy(busy) {
        byId('answer').ariaBusy = String(busy);
    }
    get isBusy() {
        return byId('answer').ariaBusy === 'true';
    }

    /**
     * @param {import('./api.js').Answer} answer
     * @param {number} seen  of which drawing: any number that is another for another drawing
     */
    show(answer, seen) {
        this.#shown = answer;
        byId('save').hidden = false;
        this.#isOdd = isNumeric(answer) && oddity(answer.prepared.pixels) > ODD;
        if (isNumeric(answer)) this.#showDigit(answer);
        else this.#showNone('?', 'no answer', NO_NUMBER);
        this.#showSeen(answer.prepared);
        this.#modes.show(answer, seen);
    }

    /**
     * What this browser has found, which stands beside the answer of the same drawing.
     * @param {import('./api.js').ModeAnswer} mode  ready, or why it is not
     */
    showBrowser(mode, seen) {
        this.#modes.showBrowser(mode, seen);
    }

    /** What the model was shown; undefined where no answer is. */
    get pixels() {
        return this.#shown?.prepared.pixels;
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
        return `${this.#sentence(this.#shown)} ${this.#modes.spoken()}`;
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
        byId('save').hidden = true;
        this.#idle = sentence;
        this.#showNone('–', sure, '');
        byId('seen').getContext('2d').clearRect(0, 0, 28, 28);
        this.#modes.clear();
    }

    #doubt({ probabilities }) {
        const order = probabilities
            .map((_, digit) => digit)
            .sort((a, b) => probabilities[b] - probabilities[a]);
        return `or perhaps ${order[1]}?`;
    }

    #showSeen({ width, height, pixels }) {
        const image = new ImageData(width, height);
        pixels.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
        const canvas = byId('seen');
        [canvas.width, canvas.height] = [width, height];
        canvas.getContext('2d').putImageData(image, 0, 0);
    }
}
