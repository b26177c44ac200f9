/** The drawing pad: mouse, pen, finger and keyboard become ink. */
import { SIDE } from './raster.js';

const KEY_STEP = 20;
const ERASER_WIDTH = 1.4; /* of the pen's */
const FINE_STEP = 5;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const clamp = (value) => Math.min(SIDE, Math.max(0, value));

export class Pad {
    width = 36;
    erasing = false;
    /** Called when a person begins to draw, before the ink changes. */
    onBegin = () => {};
    /** Called when a stroke has ended. */
    onEnd = () => {};
    /** Called with a sentence when the keyboard's pen changes. */
    onPen = () => {};

    #ink;
    #surface;
    #cursor;
    #pointer = null;
    #box = null; /* where the surface is; to ask at every move would make as many layouts */
    #pen = { x: SIDE / 2, y: SIDE * 0.2, isDown: false };
    #held = new Set();

    /**
     * @param {import('./ink.js').Ink} ink
     * @param {HTMLElement} cursor  shows where the keyboard's pen is
     */
    constructor(ink, cursor) {
        this.#ink = ink;
        this.#surface = ink.canvas;
        this.#cursor = cursor;
        const listen = (type, handler) => this.#surface.addEventListener(type, handler);
        listen('pointerdown', (event) => this.#pointerDown(event));
        listen('pointermove', (event) => this.#pointerMove(event));
        for (const type of ['pointerup', 'pointercancel', 'lostpointercapture']) {
            listen(type, (event) => this.#pointerUp(event));
        }
        listen('keydown', (event) => this.#keyDown(event));
        listen('keyup', (event) => this.#held.delete(event.key));
        listen('blur', () => this.#leave());
        listen('focus', () => this.#showCursor());
        listen('contextmenu', (event) => event.preventDefault());
        addEventListener('scroll', () => this.#measure(), { passive: true });
        new ResizeObserver(() => this.fit()).observe(this.#surface);
        this.#watchPixelRatio();
    }

    /** Matches the canvas to its size on the screen. */
    fit() {
        this.#ink.resize(this.#surface.clientWidth * devicePixelRatio);
        this.#measure();
        this.#showCursor();
    }

    /** Lifts whatever is drawing. */
    stop() {
        this.#pointer = null;
        this.#pen.isDown = false;
        this.#showCursor();
    }

    #watchPixelRatio() {
        matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener(
            'change',
            () => {
                this.fit();
                this.#watchPixelRatio();
            },
            { once: true },
        );
    }

    #measure() {
        this.#box = this.#surface.getBoundingClientRect();
    }

    #place(event) {
        const box = this.#box;
        return [
            ((event.clientX - box.left) * SIDE) / box.width,
            ((event.clientY - box.top) * SIDE) / box.height,
        ];
    }

    #begin(erasing, x, y) {
        this.onBegin();
        this.#ink.begin(this.width * (erasing ? ERASER_WIDTH : 1), erasing, x, y);
    }

    #pointerDown(event) {
        if (this.#pointer !== null || !event.isPrimary || ![0, 2, 5].includes(event.button)) return;
        event.preventDefault();
        this.#surface.focus({ preventScroll: true });
        this.stop();
        this.#surface.classList.add('by-pointer');
        this.#surface.setPointerCapture(event.pointerId);
        this.#pointer = event.pointerId;
        this.#measure();
        this.#begin(this.erasing || event.button !== 0, ...this.#place(event));
    }

    #pointerMove(event) {
        if (event.pointerId !== this.#pointer) return;
        const coalesced = event.getCoalescedEvents?.() ?? [];
        const events = coalesced.length > 0 ? coalesced : [event];
        this.#ink.extend(events.flatMap((each) => this.#place(each)));
    }

    #pointerUp(event) {
        if (event.pointerId !== this.#pointer) return;
        this.#pointer = null;
        /* the browser scrolls or zooms with what looked like a pen: two fingers, a resting hand */
        if (event.type === 'pointercancel') this.#ink.abandon();
        this.onEnd();
    }

    #keyDown(event) {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key in ARROWS) {
            this.#held.add(event.key);
            this.#movePen(event.shiftKey ? FINE_STEP : KEY_STEP);
        } else if (event.key === ' ' || event.key === 'Enter') {
            if (!event.repeat) this.#togglePen();
        } else {
            return;
        }
        event.preventDefault();
        this.#surface.classList.remove('by-pointer');
    }

    #movePen(step) {
        let [right, down] = [0, 0];
        for (const key of this.#held) {
            right += ARROWS[key][0];
            down += ARROWS[key][1];
        }
        this.#pen.x = clamp(this.#pen.x + right * step);
        this.#pen.y = clamp(this.#pen.y + down * step);
        this.#showCursor();
        if (this.#pen.isDown) this.#ink.extend([this.#pen.x, this.#pen.y]);
    }

    #togglePen() {
        this.#pen.isDown = !this.#pen.isDown;
        if (this.#pen.isDown) {
            this.#begin(this.erasing, this.#pen.x, this.#pen.y);
        } else {
            this.onEnd();
        }
        this.#showCursor();
        this.onPen(this.#pen.isDown ? 'Pen down.' : 'Pen up.');
    }

    #leave() {
        this.#held.clear();
        this.#surface.classList.remove('by-pointer');
        if (this.#pen.isDown) {
            this.#pen.isDown = false;
            this.onEnd();
        }
        this.#showCursor();
    }

    #showCursor() {
        const scale = this.#surface.clientWidth / SIDE;
        const [x, y] = [this.#pen.x * scale, this.#pen.y * scale];
        this.#cursor.style.transform = `translate(${x}px, ${y}px)`;
        this.#cursor.style.setProperty('--pen', `${this.width * scale}px`);
        this.#cursor.classList.toggle('down', this.#pen.isDown);
    }
}
