/** What of a drawing is sent, and grey pixels as PNG. */
import { SENT_SIDE } from './raster.js';

const FAINTEST_INK = 96; /* the eraser may leave the edge of a stroke */

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    return value;
});

function crc32(bytes) {
    let crc = ~0;
    for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
    return ~crc >>> 0;
}

function chunk(name, data) {
    const bytes = new Uint8Array(data.length + 12);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, data.length);
    for (let i = 0; i < 4; i++) bytes[4 + i] = name.charCodeAt(i);
    bytes.set(data, 8);
    view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
    return bytes;
}

function joined(parts) {
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
        bytes.set(part, at);
        at += part.length;
    }
    return bytes;
}

const STORED_MOST = 65_535; /* bytes of a stored block */

/**
 * A zlib stream that holds the bytes as they are: a compressor would answer from another thread,
 * later than the server does.
 */
function stored(bytes) {
    const parts = [[0x78, 0x01]];
    for (let at = 0; at < bytes.length; at += STORED_MOST) {
        const block = bytes.subarray(at, at + STORED_MOST);
        const isLast = at + STORED_MOST >= bytes.length;
        const [low, high] = [block.length & 255, block.length >> 8];
        parts.push([Number(isLast), low, high, low ^ 255, high ^ 255], block);
    }
    let [a, b] = [1, 0]; /* Adler-32 */
    for (const byte of bytes) {
        a = (a + byte) % 65_521;
        b = (b + a) % 65_521;
    }
    return joined([...parts, [b >> 8, b & 255, a >> 8, a & 255]]);
}

/** Left, top, right and bottom of all ink, with a margin of paper where there is room for one. */
function inkBox(ink) {
    let [left, top, right, bottom, darkest] = [SENT_SIDE, SENT_SIDE, 0, 0, 0];
    for (let y = 0, at = 0; y < SENT_SIDE; y++) {
        for (let x = 0; x < SENT_SIDE; x++, at++) {
            if (ink[at] === 0) continue;
            if (ink[at] > darkest) darkest = ink[at];
            if (x < left) left = x;
            if (x >= right) right = x + 1;
            if (y < top) top = y;
            bottom = y + 1;
        }
    }
    return {
        left: Math.max(0, left - 1),
        top: Math.max(0, top - 1),
        right: Math.min(SENT_SIDE, right + 1),
        bottom: Math.min(SENT_SIDE, bottom + 1),
        darkest,
    };
}

/**
 * No more of the drawing than the ink, which is all that the model is shown; null when there is
 * none.
 *
 * @typedef {{width: number, height: number, ink: Uint8Array}} Drawing  row by row
 * @param {Uint8Array} ink  SENT_SIDE by SENT_SIDE, row by row
 * @returns {Drawing | null}
 */
export function cropDrawing(ink) {
    const { left, top, right, bottom, darkest } = inkBox(ink);
    if (darkest < FAINTEST_INK) return null;
    const [width, height] = [right - left, bottom - top];
    const cropped = new Uint8Array(width * height);
    for (let y = 0; y < height; y++) {
        const from = (top + y) * SENT_SIDE + left;
        cropped.set(ink.subarray(from, from + width), y * width);
    }
    return { width, height, ink: cropped };
}

/**
 * Grey pixels as a PNG file. canvas.toBlob() would wait for an idle moment, a Blob for another
 * process.
 * @returns {Uint8Array}
 */
export function encodePng(width, height, grey) {
    const rows = new Uint8Array(height * (width + 1)); /* each after its filter: none */
    for (let y = 0; y < height; y++)
        rows.set(grey.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
    const header = new Uint8Array(13);
    const view = new DataView(header.buffer);
    view.setUint32(0, width);
    view.setUint32(4, height);
    header[8] = 8; /* bits; colour type 0 is grey */
    return joined([
        [137, 80, 78, 71, 13, 10, 26, 10],
        chunk('IHDR', header),
        chunk('IDAT', stored(rows)),
        chunk('IEND', []),
    ]);
}

/** A drawing as PNG: black ink on white. */
export const encodeDrawing = ({ width, height, ink }) =>
    encodePng(
        width,
        height,
        ink.map((value) => 255 - value),
    );
