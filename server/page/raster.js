/**
 * The drawing as it is sent: ink on a square of fixed size, whatever the window or the screen.
 *
 * It is drawn here, not by the browser: with additions, multiplications and square roots alone, so
 * the same strokes give the same bytes in every browser, after undo and redo, and whether they came
 * point by point or at once. Each pixel of a stroke takes the greatest of what the stroke's pieces
 * give it, so their order and number do not matter.
 *
 * @typedef {import('./ink.js').Stroke} Stroke
 * @typedef {import('./ink.js').Item} Item
 */

/** The side of a drawing, in units; strokes and pictures are told in them. */
export const SIDE = 512;
/** The side of what is sent, in pixels. */
export const SENT_SIDE = 256;

const UNIT = SIDE / SENT_SIDE; /* units of a pixel */
const AREA = SENT_SIDE * SENT_SIDE;
const PIECE = 8; /* units: curves are drawn as straight pieces of about that length */
const MOST_PIECES = 8;

/** The first and last pixel with a centre within `reach` of the units from `low` to `high`. */
function pixels(low, high, reach) {
    const first = Math.max(0, Math.floor((low - reach) / UNIT));
    return [first, Math.min(SENT_SIDE - 1, Math.floor((high + reach) / UNIT))];
}

/** Draws a straight piece with round ends: to `ink`, 0 to 255 a pixel. */
function drawPiece(ink, radius, ax, ay, bx, by) {
    const [dx, dy] = [bx - ax, by - ay];
    const square = dx * dx + dy * dy;
    const reach = radius + UNIT / 2;
    const [left, right] = pixels(Math.min(ax, bx), Math.max(ax, bx), reach);
    const [top, bottom] = pixels(Math.min(ay, by), Math.max(ay, by), reach);
    const inside = Math.max(0, radius - UNIT / 2);
    for (let row = top; row <= bottom; row++) {
        const py = (row + 0.5) * UNIT - ay;
        for (let column = left; column <= right; column++) {
            const px = (column + 0.5) * UNIT - ax;
            const along = square > 0 ? (px * dx + py * dy) / square : 0;
            const share = along < 0 ? 0 : along > 1 ? 1 : along;
            const [x, y] = [px - share * dx, py - share * dy];
            const away = x * x + y * y;
            if (away >= reach * reach) continue;
            const value =
                away <= inside * inside
                    ? 255
                    : Math.floor((255 * (reach - Math.sqrt(away))) / UNIT + 0.5);
            const at = row * SENT_SIDE + column;
            if (value > ink[at]) ink[at] = value;
        }
    }
}

/** Draws the curve from a to c that leaves towards b. */
function drawCurve(ink, radius, [ax, ay], [bx, by], [cx, cy]) {
    const length = Math.abs(bx - ax) + Math.abs(by - ay) + Math.abs(cx - bx) + Math.abs(cy - by);
    const count = Math.min(MOST_PIECES, 1 + Math.floor(length / PIECE));
    let [fromX, fromY] = [ax, ay];
    for (let i = 1; i <= count; i++) {
        const [t, rest] = [i / count, 1 - i / count];
        const x = rest * rest * ax + 2 * rest * t * bx + t * t * cx;
        const y = rest * rest * ay + 2 * rest * t * by + t * t * cy;
        drawPiece(ink, radius, fromX, fromY, x, y);
        [fromX, fromY] = [x, y];
    }
}

/** Lays ink over what is there, or takes it away. */
function blend(below, ink, erase) {
    for (let i = 0; i < AREA; i++) {
        if (ink[i] === 0) continue;
        const kept = Math.floor((below[i] * (255 - ink[i]) + 127) / 255);
        below[i] = erase ? kept : ink[i] + kept;
    }
}

export class Raster {
    #below = new Uint8Array(AREA); /* all before the latest stroke */
    /** @type {Stroke | null} */
    #stroke = null;
    #curves = new Uint8Array(AREA); /* what is settled of that stroke: all but its tail */
    #drawn = 0; /* the points whose curves are */

    /** Begins anew. */
    clear() {
        this.#stroke = null;
        this.#below.fill(0);
    }

    /** @param {Item} item  drawn on top; a stroke may go on growing while it is the latest */
    add(item) {
        this.#below = this.ink();
        this.#stroke = null;
        if (item.kind === 'clear') this.#below.fill(0);
        else if (item.kind === 'picture') blend(this.#below, item.picture.ink, false);
        else this.#begin(item);
    }

    /** @returns {Uint8Array} 0 to 255 a pixel, row by row; the caller's own */
    ink() {
        const ink = this.#below.slice();
        if (!this.#stroke) return ink;
        this.#advance();
        blend(ink, this.#withTail(), this.#stroke.erase);
        return ink;
    }

    #begin(stroke) {
        this.#stroke = stroke;
        this.#curves.fill(0);
        this.#drawn = 1;
    }

    #point(i) {
        return [this.#stroke.points[2 * i], this.#stroke.points[2 * i + 1]];
    }

    /** Half of the way from point i - 1 to point i: there the curve around i begins. */
    #middle(i) {
        const [[ax, ay], [bx, by]] = [this.#point(i - 1), this.#point(i)];
        return [(ax + bx) / 2, (ay + by) / 2];
    }

    #advance() {
        const { points, width } = this.#stroke;
        const last = points.length / 2 - 1;
        for (; this.#drawn < last; this.#drawn++) {
            const i = this.#drawn;
            const start = this.#middle(i);
            if (i === 1) drawPiece(this.#curves, width / 2, ...this.#point(0), ...start);
            drawCurve(this.#curves, width / 2, start, this.#point(i), this.#middle(i + 1));
        }
    }

    /** The curves and the straight way on to the last point. */
    #withTail() {
        const ink = this.#curves.slice();
        const last = this.#stroke.points.length / 2 - 1;
        const from = last > 1 ? this.#middle(last) : this.#point(0);
        drawPiece(ink, this.#stroke.width / 2, ...from, ...this.#point(last));
        return ink;
    }
}
