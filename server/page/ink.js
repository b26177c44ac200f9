/**
 * The drawing itself: a list of strokes and pictures that can be drawn again at any size, which is
 * what makes undo simple and lets the window change its size or pixel ratio at any time.
 *
 * It is drawn twice: by the browser for the eye, as sharp as the screen is, and by raster.js for
 * the model, always at the same size.
 *
 * Ink is black on transparent; the dark theme inverts the canvas in the style sheet.
 *
 * @typedef {{kind: 'stroke', width: number, erase: boolean, points: number[]}} Stroke
 *     points: x, y, x, y, … in units of the drawing
 * @typedef {{kind: 'picture', picture: import('./picture.js').InkPicture}} Picture
 *     fills the whole drawing
 * @typedef {{kind: 'clear'}} Clear
 * @typedef {Stroke | Picture | Clear} Item
 */
import { Raster, SIDE } from './raster.js';

const GRID = 4; /* to a unit: the same way of the pen is the same points in any size of window */

const onGrid = (value) => Math.round(value * GRID) / GRID;

/** A stroke that never left its first point. */
function isDot({ points }) {
    return points.every((value, i) => value === points[i % 2]);
}

/** Draws the part of a stroke from its point number `from` on; points are joined by curves. */
function drawStroke(context, stroke, from) {
    const { points } = stroke;
    const last = points.length / 2 - 1;
    const x = (i) => points[2 * i];
    const y = (i) => points[2 * i + 1];
    const middle = (i) => [(x(i - 1) + x(i)) / 2, (y(i - 1) + y(i)) / 2];

    context.globalCompositeOperation = stroke.erase ? 'destination-out' : 'source-over';
    context.lineWidth = stroke.width;
    context.beginPath();
    if (isDot(stroke)) {
        context.arc(x(0), y(0), stroke.width / 2, 0, 2 * Math.PI); /* a line of no length is none */
        context.fill();
        return;
    }
    if (from <= 1) {
        context.moveTo(x(0), y(0));
        context.lineTo(...(last > 0 ? middle(1) : [x(0), y(0)]));
    } else {
        context.moveTo(...middle(from - 1));
    }
    for (let i = Math.max(1, from - 1); i < last; i++) {
        context.quadraticCurveTo(x(i), y(i), ...middle(i + 1));
    }
    context.lineTo(x(last), y(last));
    context.stroke();
}

export class Ink {
    /** @type {Item[]} */
    #items = [];
    /** @type {Item[]} */
    #undone = [];
    #canvas;
    #context;
    #raster = new Raster();

    /**
     * @param {HTMLCanvasElement} canvas
     * @param {() => void} onChange  called after every change of the drawing
     */
    constructor(canvas, onChange) {
        this.#canvas = canvas;
        this.#context = canvas.getContext('2d');
        this.onChange = onChange;
    }

    get canvas() {
        return this.#canvas;
    }
    get canUndo() {
        return this.#items.length > 0;
    }
    get hasInk() {
        return this.#items.length > 0 && this.#items.at(-1).kind !== 'clear';
    }

    /** The drawing as it is sent: SENT_SIDE by SENT_SIDE, 255 where there is ink. */
    get pixels() {
        return this.#raster.ink();
    }

    /** Makes the canvas as sharp as the screen is, and draws everything anew. */
    resize(pixels) {
        const side = Math.min(2048, Math.max(64, Math.round(pixels)));
        if (this.#canvas.width === side) return;
        this.#canvas.width = this.#canvas.height = side;
        this.#redrawCanvas();
    }

    /** Begins a stroke; extend() adds to it. */
    begin(width, erase, x, y) {
        this.#add({ kind: 'stroke', width, erase, points: [onGrid(x), onGrid(y)] });
    }

    /** Adds points to the latest stroke: x, y, x, y, … */
    extend(points) {
        const stroke = this.#items.at(-1);
        if (stroke?.kind !== 'stroke' || points.length === 0) return;
        const from = stroke.points.length / 2;
        stroke.points.push(...points.map(onGrid));
        drawStroke(this.#context, stroke, from);
        this.onChange();
    }

    /** Takes the latest stroke back as if it had never begun. */
    abandon() {
        if (this.#items.at(-1)?.kind !== 'stroke') return;
        this.#items.pop();
        this.#redraw();
        this.onChange();
    }

    addPicture(picture) {
        this.#add({ kind: 'picture', picture });
    }

    clear() {
        if (this.hasInk) this.#add({ kind: 'clear' });
    }

    undo() {
        this.#move(this.#items, this.#undone);
    }

    redo() {
        this.#move(this.#undone, this.#items);
    }

    /** Forgets everything, without a way back. */
    reset() {
        this.#items = [];
        this.#undone = [];
        this.#redraw();
        this.onChange();
    }

    #add(item) {
        this.#items.push(item);
        this.#undone = [];
        this.#raster.add(item);
        this.#draw(item);
        this.onChange();
    }

    #move(from, to) {
        const item = from.pop();
        if (!item) return;
        to.push(item);
        this.#redraw();
        this.onChange();
    }

    /** What is left after the latest clear. */
    get #visible() {
        return this.#items.slice(this.#items.findLastIndex((item) => item.kind === 'clear') + 1);
    }

    #redraw() {
        this.#redrawCanvas();
        this.#raster.clear();
        for (const item of this.#visible) this.#raster.add(item);
    }

    #redrawCanvas() {
        const context = this.#context;
        const scale = this.#canvas.width / SIDE;
        context.setTransform(scale, 0, 0, scale, 0, 0);
        context.lineCap = context.lineJoin = 'round';
        context.clearRect(0, 0, SIDE, SIDE);
        for (const item of this.#visible) this.#draw(item);
    }

    #draw(item) {
        const context = this.#context;
        if (item.kind === 'stroke') {
            drawStroke(context, item, 0);
        } else if (item.kind === 'picture') {
            context.globalCompositeOperation = 'source-over';
            context.drawImage(item.picture.bitmap, 0, 0, SIDE, SIDE);
        } else {
            context.clearRect(0, 0, SIDE, SIDE);
        }
    }
}
