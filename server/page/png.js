/** A drawing as PNG: grey, 8 bits, black ink on white; and pictures from elsewhere as ink. */

const SENT_SIDE = 256;
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

const small = document.createElement('canvas');
small.width = small.height = SENT_SIDE;
const smallContext = small.getContext('2d', { willReadFrequently: true });
smallContext.imageSmoothingQuality = 'high';

/** Left, top, right and bottom of all ink, with a margin of paper where there is room for one. */
function inkBox(rgba) {
    let [left, top, right, bottom, darkest] = [SENT_SIDE, SENT_SIDE, 0, 0, 0];
    for (let y = 0, at = 3; y < SENT_SIDE; y++) {
        for (let x = 0; x < SENT_SIDE; x++, at += 4) {
            const alpha = rgba[at];
            if (alpha === 0) continue;
            if (alpha > darkest) darkest = alpha;
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
 * The drawing as a PNG file of no more than the ink, which is all that the model is shown; null when
 * there is none. canvas.toBlob() would wait for an idle moment, a Blob for another process.
 * @param {HTMLCanvasElement} canvas  ink in its alpha channel
 * @returns {Uint8Array | null}
 */
export function encodeDrawing(canvas) {
    smallContext.clearRect(0, 0, SENT_SIDE, SENT_SIDE);
    smallContext.drawImage(canvas, 0, 0, SENT_SIDE, SENT_SIDE);
    const rgba = smallContext.getImageData(0, 0, SENT_SIDE, SENT_SIDE).data;
    const { left, top, right, bottom, darkest } = inkBox(rgba);
    if (darkest < FAINTEST_INK) return null;

    const [width, height] = [right - left, bottom - top];
    const rows = new Uint8Array(height * (width + 1));
    for (let y = 0, to = 0; y < height; y++) {
        to++; /* the row's filter: none */
        let from = 4 * ((top + y) * SENT_SIDE + left) + 3;
        for (let x = 0; x < width; x++, from += 4) rows[to++] = 255 - rgba[from];
    }
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

/** The paper of a picture: the mean brightness along its border. */
function borderBrightness(brightness, side) {
    let sum = 0;
    for (let i = 0; i < side; i++) {
        sum += brightness[i] + brightness[side * (side - 1) + i];
        sum += brightness[side * i] + brightness[side * i + side - 1];
    }
    return sum / (4 * side);
}

/**
 * A picture of a digit, whatever its colours, as ink on a transparent square.
 * Throws when the file is no picture, or one without anything on it.
 * @param {Blob} file
 * @returns {Promise<HTMLCanvasElement>}
 */
export async function pictureToInk(file) {
    const bitmap = await createImageBitmap(file);
    const side = 512;
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = side;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const scale = side / Math.max(bitmap.width, bitmap.height);
    const [width, height] = [bitmap.width * scale, bitmap.height * scale];
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, (side - width) / 2, (side - height) / 2, width, height);

    const image = context.getImageData(0, 0, side, side);
    const pixels = image.data;
    const alphaAt = (x, y) => pixels[4 * (Math.floor(y) * side + Math.floor(x)) + 3];
    const left = (side - width) / 2 + 1;
    const top = (side - height) / 2 + 1;
    const isTransparent = [
        [left, top],
        [side - left - 1, top],
        [left, side - top - 1],
        [side - left - 1, side - top - 1],
    ].every(([x, y]) => alphaAt(x, y) < 128);

    const ink = new Float32Array(side * side);
    if (isTransparent) {
        for (let i = 0; i < ink.length; i++) ink[i] = pixels[4 * i + 3];
    } else {
        const bright = bitmapBrightness(bitmap, 64);
        const paper = borderBrightness(bright, 64);
        for (let i = 0; i < ink.length; i++) {
            const grey =
                0.299 * pixels[4 * i] + 0.587 * pixels[4 * i + 1] + 0.114 * pixels[4 * i + 2];
            ink[i] = pixels[4 * i + 3] < 128 ? 0 : Math.abs(grey - paper);
        }
    }
    const strongest = ink.reduce((most, value) => Math.max(most, value), 0);
    if (strongest < FAINTEST_INK) throw new Error('there is nothing drawn on it');
    for (let i = 0; i < ink.length; i++) {
        pixels[4 * i] = pixels[4 * i + 1] = pixels[4 * i + 2] = 0;
        const share = ink[i] / strongest;
        pixels[4 * i + 3] = share < 0.15 ? 0 : Math.round(255 * share);
    }
    context.putImageData(image, 0, 0);
    return canvas;
}

function bitmapBrightness(bitmap, side) {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = side;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0, side, side);
    const { data } = context.getImageData(0, 0, side, side);
    return Float32Array.from(
        { length: side * side },
        (_, i) => 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2],
    );
}
