/** The pipeline: a card for each kernel, and one of them in detail. */
import { drawActivation } from './activations.js';
import { about } from './api.js';
import { highlightC, highlightFormula } from './highlight.js';
import { bytes, counted, element, flops, shape, time } from './text.js';

const CARD_TILES = 12;
const CARD_COLUMNS = 6;

const WORDS = { contract: 'convolve', relu: 'ReLU', pool: 'pool' };

/** "k02_contract_relu_pool" as ["k02", "convolve · ReLU · pool"]. */
function title(kernel) {
    const [number, ...words] = kernel.name.split('_');
    const isWindow =
        /over \d+x\d+x?\d*\(/.test(kernel.formula) && /,\d+,\d+\] =/.test(kernel.formula);
    return [
        number,
        words
            .map((word) => (word === 'contract' && !isWindow ? 'linear' : (WORDS[word] ?? word)))
            .join(' · '),
    ];
}

const outputShape = (kernel) =>
    shape(
        kernel.output
            .match(/\[(.*)\]/)[1]
            .split(',')
            .map(Number),
    );
const timeText = (microseconds) => (microseconds ? time(microseconds).join('\u00a0') : '');

async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = element('textarea', { value: text, className: 'hidden' });
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    if (!copied) throw new Error('the browser does not allow it');
    return undefined;
}

export class KernelView {
    #cards = document.getElementById('cards');
    #detail = document.getElementById('detail');
    #kernels = [];
    #compiler = 'jit';
    #nodes = [];
    /** @type {Map<string, import('./activations.js').Activation>} */
    #activations = new Map();
    #selected = -1;

    constructor() {
        this.#cards.addEventListener('keydown', (event) => this.#keyDown(event));
    }

    get isEmpty() {
        return this.#kernels.length === 0;
    }
    get isUntimed() {
        return this.#kernels.some((kernel) => !kernel.microseconds);
    }

    /** The model's facts, above the cards. */
    showModel(model) {
        document.getElementById('pipeline-title').textContent =
            `${model.nodes} graph nodes become ${counted(model.kernels)} C functions`;
        const memory = `${bytes(model.arena_bytes)} of memory`;
        document
            .getElementById('pipeline-facts')
            .replaceChildren(
                element('code', {}, `${model.name}.json`),
                ` asks for ${flops(model.flops)} on ` +
                    `${model.parameters.toLocaleString('en')} weights. The compiler fuses it ` +
                    `into ${counted(model.kernels)} loops that work in ${memory}. Pick one.`,
            );
    }

    /** @param {{mode: string, kernels: object[]}} answer */
    showKernels({ mode, kernels }, graph) {
        const isSame =
            JSON.stringify(kernels.map((kernel) => kernel.source)) ===
            JSON.stringify(this.#kernels.map((kernel) => kernel.source));
        this.#kernels = kernels;
        this.#compiler = mode;
        this.#nodes = graph?.nodes ?? [];
        if (isSame) {
            this.#showTimes();
            return;
        }
        const most = Math.max(...kernels.map((kernel) => kernel.flops));
        this.#cards.replaceChildren(...kernels.map((kernel, i) => this.#card(kernel, i, most)));
        this.#select(Math.max(0, this.#selected), false);
        this.#paint();
    }

    /** @param {import('./activations.js').Activation[]} activations */
    showActivations(activations) {
        this.#activations = new Map(activations.map((each) => [each.name, each]));
        this.#paint();
    }

    clearActivations() {
        this.#activations.clear();
        for (const canvas of document.querySelectorAll('.tiles')) {
            canvas.width = canvas.height = 1;
        }
        const range = document.getElementById('range');
        if (range) range.textContent = '';
    }

    #card(kernel, i, most) {
        const [number, words] = title(kernel);
        const share = element('i');
        share.style.transform = `scaleX(${Math.max(0.004, kernel.flops / most)})`;
        return element(
            'button.card',
            {
                type: 'button',
                role: 'tab',
                id: `card-${i}`,
                'aria-controls': 'detail',
                onclick: () => this.#select(i, false),
            },
            element('span.number', {}, number),
            element('strong', {}, words),
            element('canvas.tiles', { width: 1, height: 1, 'aria-hidden': 'true' }),
            element('span.shape', {}, outputShape(kernel)),
            element(
                'span.cost',
                {},
                flops(kernel.flops),
                element('span.took', {}, timeText(kernel.microseconds)),
            ),
            element('span.share', { title: 'share of the arithmetic' }, share),
        );
    }

    #showTimes() {
        this.#kernels.forEach((kernel, i) => {
            this.#cards.children[i].querySelector('.took').textContent = timeText(
                kernel.microseconds,
            );
        });
        const shown = this.#detail.querySelector('[data-fact="Time"]');
        const kernel = this.#kernels[this.#selected];
        if (shown && kernel) shown.textContent = this.#speed(kernel);
    }

    #speed({ microseconds, flops: count }) {
        if (!microseconds) return '–';
        return `${timeText(microseconds)}, ${(count / microseconds / 1000).toFixed(1)} GFLOP/s`;
    }

    #keyDown(event) {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        const last = this.#kernels.length - 1;
        const to =
            event.key === 'Home'
                ? 0
                : event.key === 'End'
                  ? last
                  : step
                    ? Math.min(last, Math.max(0, this.#selected + step))
                    : -1;
        if (to < 0) return;
        event.preventDefault();
        this.#select(to, true);
    }

    #select(which, focus) {
        this.#selected = Math.min(which, this.#kernels.length - 1);
        [...this.#cards.children].forEach((card, i) => {
            card.ariaSelected = String(i === this.#selected);
            card.tabIndex = i === this.#selected ? 0 : -1;
        });
        const card = this.#cards.children[this.#selected];
        if (!card) return;
        if (focus) card.focus();
        this.#detail.setAttribute('aria-labelledby', card.id);
        this.#detail.replaceChildren(...this.#details(this.#kernels[this.#selected]));
        this.#detail.hidden = false;
        this.#paintDetail();
    }

    #details(kernel) {
        const facts = [
            ['Stores', `${outputShape(kernel)} numbers, ${bytes(kernel.bytes_written)}`],
            ['Reads', `${bytes(kernel.bytes_read)}, weights included`],
            [
                'Arithmetic',
                flops(kernel.flops) + (kernel.steps ? `, in each of ${kernel.steps} steps` : ''),
            ],
            ['Time', this.#speed(kernel)],
            [
                'Graph nodes',
                kernel.nodes.map((id) => `${id}\u00a0${this.#nodes[id]?.op ?? ''}`).join(', '),
            ],
        ];
        const list = element(
            'dl',
            {},
            ...facts.flatMap(([name, value]) => [
                element('dt', {}, name),
                element('dd', { 'data-fact': name }, value),
            ]),
        );
        const tiles = element('canvas.tiles', {
            id: 'activations',
            width: 1,
            height: 1,
            role: 'img',
            'aria-label': `What ${kernel.name} makes of the drawing, ${outputShape(kernel)}`,
        });
        return [
            element(
                'div.about',
                {},
                element('p.formula', {}, highlightFormula(kernel.formula)),
                element('figure', {}, tiles, element('figcaption', { id: 'range' })),
                list,
            ),
            this.#code(kernel),
        ];
    }

    #code(kernel) {
        const said = element('span', { role: 'status' });
        const button = element(
            'button',
            {
                type: 'button',
                onclick: async () => {
                    try {
                        await copy(kernel.source);
                        said.textContent = 'Copied.';
                    } catch (error) {
                        said.textContent = `Not copied: ${error.message}`;
                    }
                    setTimeout(() => {
                        said.textContent = '';
                    }, 2000);
                },
            },
            'Copy',
        );
        const compiler = this.#compiler === 'aot' ? 'gcc' : 'libtcc';
        return element(
            'div.code',
            {},
            element(
                'p',
                {},
                `The C that ${compiler} gets`,
                said,
                button,
                element('a', { href: about(`api/source?mode=${this.#compiler}`) }, 'Whole file'),
            ),
            element(
                'pre',
                { tabIndex: 0, role: 'region', 'aria-label': `C source of ${kernel.name}` },
                element('code', {}, highlightC(kernel.source.trim())),
            ),
        );
    }

    #paint() {
        this.#kernels.forEach((kernel, i) => {
            const activation = this.#activations.get(kernel.name);
            const canvas = this.#cards.children[i].querySelector('canvas');
            const isFlat = activation && activation.height === 1;
            if (activation)
                drawActivation(
                    activation,
                    canvas,
                    isFlat ? 10 : CARD_COLUMNS,
                    isFlat ? 10 : CARD_TILES,
                );
        });
        this.#paintDetail();
    }

    #paintDetail() {
        const kernel = this.#kernels[this.#selected];
        const activation = kernel && this.#activations.get(kernel.name);
        if (!activation) return;
        const columns = activation.height === 1 ? 10 : activation.shown > 32 ? 16 : 8;
        drawActivation(activation, document.getElementById('activations'), columns);
        document.getElementById('range').textContent =
            `${activation.shown < activation.tiles ? `${activation.shown} of ` : ''}` +
            `${activation.tiles} × ${activation.width} × ${activation.height}, from ` +
            `${activation.minimum.toPrecision(3)} (dark) to ` +
            `${activation.maximum.toPrecision(3)} (light)`;
    }
}
