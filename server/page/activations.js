/** Activations as small pictures: grey from the server, coloured here. */
import { fromBase64 } from './text.js';

/* From ink black over ultramarine to paper: position, red, green, blue. The lower half is spread,
 * since most activations are small. */
const RAMP = [
    [0, 11, 14, 26],
    [0.12, 29, 42, 120],
    [0.34, 66, 92, 232],
    [0.62, 158, 178, 255],
    [1, 255, 252, 240],
];

const COLOURS = Array.from({ length: 256 }, (_, grey) => {
    const at = grey / 255;
    const next = Math.max(
        1,
        RAMP.findIndex(([position]) => position >= at),
    );
    const [low, high] = [RAMP[next - 1], RAMP[next]];
    const share = (at - low[0]) / (high[0] - low[0]);
    return [1, 2, 3].map((part) => Math.round(low[part] + share * (high[part] - low[part])));
});

/**
 * @typedef {{name: string, shape: number[], tiles: number, shown: number, width: number,
 *     height: number, columns: number, gap: number, minimum: number, maximum: number,
 *     bitmap: ImageBitmap}} Activation
 */

/** @returns {Promise<Activation>} with its picture decoded */
export async function decodeActivation(kernel) {
    const blob = new Blob([fromBase64(kernel.png)], { type: 'image/png' });
    return { ...kernel, bitmap: await createImageBitmap(blob) };
}

/** The pixels of all tiles, in colour: draws tile `i` at [x, y] for each of `places`. */
function colourTiles(activation, canvas, places) {
    const { bitmap, columns, width, height, gap } = activation;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    places.forEach(([x, y], i) => {
        const fromX = (i % columns) * (width + gap);
        const fromY = Math.floor(i / columns) * (height + gap);
        context.drawImage(bitmap, fromX, fromY, width, height, x, y, width, height);
    });
    const image = context.getImageData(0, 0, canvas.width, canvas.height);
    const { data } = image;
    for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] > 0) data.set(COLOURS[data[i]], i);
    }
    context.putImageData(image, 0, 0);
}

/**
 * Shows the tiles, in rows of `columns` with a clear gap between them.
 * @param {Activation} activation
 * @param {HTMLCanvasElement} canvas  takes the size that is needed
 * @param {number} columns
 * @param {number} [most]  how many tiles, at most
 */
export function drawActivation(activation, canvas, columns, most = Infinity) {
    const { width, height, shown } = activation;
    const count = Math.min(shown, most);
    const gap = width > 1 || height > 1 ? Math.max(1, Math.round(width / 10)) : 0;
    const across = Math.min(columns, count);
    canvas.width = across * (width + gap) - gap;
    canvas.height = Math.ceil(count / across) * (height + gap) - gap;
    colourTiles(
        activation,
        canvas,
        Array.from({ length: count }, (_, i) => [
            (i % across) * (width + gap),
            Math.floor(i / across) * (height + gap),
        ]),
    );
}
