/** Pictures from elsewhere as ink. */
import { flatten, PAPER_SIDE } from './paper.js';
import { SENT_SIDE, SIDE } from './raster.js';

const FAINTEST_INK = 96; /* of 255, that a picture must differ by somewhere */
const FAINTEST_SHARE = 0.15; /* of the strongest ink; less is none */
const OPAQUE = 128;

/** @typedef {{bitmap: HTMLCanvasElement, ink: Uint8Array}} InkPicture  for the eye; as sent */

/** The pixels of a picture drawn so large, its middle in the middle. */
function pixelsOf(source, width, height, wide = width, high = height) {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.imageSmoothingQuality = 'high';
    context.drawImage(source, (width - wide) / 2, (height - high) / 2, wide, high);
    return context.getImageData(0, 0, width, height).data;
}

const brightnessAt = (rgba, i) =>
    0.299 * rgba[4 * i] + 0.587 * rgba[4 * i + 1] + 0.114 * rgba[4 * i + 2];

/** The paper of a picture: the mean brightness along its border. */
function borderBrightness(bitmap) {
    const side = 64;
    const rgba = pixelsOf(bitmap, side, side);
    const last = side - 1;
    let sum = 0;
    for (let i = 0; i < side; i++) {
        for (const place of [i, side * last + i, side * i, side * i + last])
            sum += brightnessAt(rgba, place);
    }
    return sum / (4 * side);
}

/** Is it drawn on nothing? Its corners tell. */
function isTransparent(rgba, width, height) {
    const [left, top] = [Math.ceil((SIDE - width) / 2), Math.ceil((SIDE - height) / 2)];
    return [left, SIDE - 1 - left].every((x) =>
        [top, SIDE - 1 - top].every((y) => rgba[4 * (y * SIDE + x) + 3] < OPAQUE),
    );
}

/** What covers the transparent, or differs from the paper. */
function inkOf(bitmap, width, height) {
    const photographed = photographedInk(bitmap);
    const rgba = pixelsOf(photographed ?? bitmap, SIDE, SIDE, width, height);
    const ink = new Float32Array(SIDE * SIDE);
    if (photographed || isTransparent(rgba, width, height))
        return ink.map((_, i) => rgba[4 * i + 3]);
    const paper = borderBrightness(bitmap);
    return ink.map((_, i) =>
        rgba[4 * i + 3] < OPAQUE ? 0 : Math.abs(brightnessAt(rgba, i) - paper),
    );
}

/** The ink of a photograph in uneven light, on a canvas; null where it is none. */
function photographedInk(bitmap) {
    const scale = Math.min(1, PAPER_SIDE / Math.max(bitmap.width, bitmap.height));
    const width = Math.max(1, Math.round(bitmap.width * scale));
    const height = Math.max(1, Math.round(bitmap.height * scale));
    const rgba = pixelsOf(bitmap, width, height);
    const at = new Uint8Array(width * height);
    for (let i = 0; i < at.length; i++) {
        if (rgba[4 * i + 3] < 255) return null;
        at[i] = Math.round(brightnessAt(rgba, i));
    }
    if (!flatten({ width, height, at })) return null;
    return inkCanvas(at, width, height);
}

/** Ink, 0 to 255, as black on transparent. */
function inkCanvas(ink, width, height) {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, height];
    const image = new ImageData(width, height);
    ink.forEach((value, i) => {
        image.data[4 * i + 3] = value;
    });
    canvas.getContext('2d').putImageData(image, 0, 0);
    return canvas;
}

/** The ink as it is sent: each pixel the mean of those it covers. */
function sentInk(ink) {
    const scale = SIDE / SENT_SIDE;
    const sums = new Uint16Array(SENT_SIDE * SENT_SIDE);
    ink.forEach((value, i) => {
        const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
        sums[Math.floor(y / scale) * SENT_SIDE + Math.floor(x / scale)] += value;
    });
    return Uint8Array.from(sums, (sum) => Math.floor(sum / (scale * scale) + 0.5));
}

/**
 * A picture of a digit, whatever its colours, as ink on a transparent square.
 * Throws when the file is no picture, or one without anything on it.
 * @param {Blob} file
 * @returns {Promise<InkPicture>}
 */
export async function pictureToInk(file) {
    const bitmap = await createImageBitmap(file);
    const scale = SIDE / Math.max(bitmap.width, bitmap.height);
    const found = inkOf(bitmap, bitmap.width * scale, bitmap.height * scale);
    const strongest = found.reduce((most, value) => Math.max(most, value), 0);
    if (strongest < FAINTEST_INK) throw new Error('there is nothing drawn on it');
    const ink = Uint8Array.from(found, (value) =>
        value < FAINTEST_SHARE * strongest ? 0 : Math.round((255 * value) / strongest),
    );
    return { bitmap: inkCanvas(ink, SIDE, SIDE), ink: sentInk(ink) };
}
