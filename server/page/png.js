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

async function deflate(bytes) {
    const { writable, readable } = new CompressionStream('deflate');
    const writer = writable.getWriter();
    writer.write(bytes);
    writer.close();
    return new Uint8Array(await new Response(readable).arrayBuffer());
}

const small = document.createElement('canvas');
small.width = small.height = SENT_SIDE;
const smallContext = small.getContext('2d', { willReadFrequently: true });
smallContext.imageSmoothingQuality = 'high';

/**
 * The drawing as a PNG file; null when there is no ink on it.
 * canvas.toBlob() would wait for an idle moment, a Blob for another process; this does not.
 * @param {HTMLCanvasElement} canvas  ink in its alpha channel
 * @returns {Promise<Uint8Array | null>}
 */
export async function encodeDrawing(canvas) {
    smallContext.clearRect(0, 0, SENT_SIDE, SENT_SIDE);
    smallContext.drawImage(canvas, 0, 0, SENT_SIDE, SENT_SIDE);
    const rgba = smallContext.getImageData(0, 0, SENT_SIDE, SENT_SIDE).data;

    const rows = new Uint8Array(SENT_SIDE * (SENT_SIDE + 1));
    let darkest = 0;
    for (let y = 0, from = 3, to = 0; y < SENT_SIDE; y++) {
        to++; /* the row's filter: none */
        for (let x = 0; x < SENT_SIDE; x++, from += 4) {
            const alpha = rgba[from];
            if (alpha > darkest) darkest = alpha;
            rows[to++] = 255 - alpha;
        }
    }
    if (darkest < FAINTEST_INK) return null;

    const header = new Uint8Array(13);
    const view = new DataView(header.buffer);
    view.setUint32(0, SENT_SIDE);
    view.setUint32(4, SENT_SIDE);
    header[8] = 8; /* bits; colour type 0 is grey */
    return joined([
        [137, 80, 78, 71, 13, 10, 26, 10],
        chunk('IHDR', header),
        chunk('IDAT', await deflate(rows)),
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
