/**
 * How little a prepared picture looks like one digit: the score of a small network, trained on
 * digits and on letters, shapes, scribbles, several digits and turned ones. models/mnist/ODDITY.md
 * says how often it is right; it can be fooled either way, so the page says "may".
 */
import { SCALES, THRESHOLD, WEIGHTS } from './oddity_weights.js';

/** A picture that scores more may be no single digit. */
export const ODD = THRESHOLD;

const SIDE = 28;
const CHANNELS = [1, 12, 24, 32];
const TAPS = 9; /* of a window of 3 by 3 */

/** @type {{weights: Float32Array, biases: Float32Array}[]} three convolutions and a sum */
let layers = null;

function readLayers() {
    const bytes = Int8Array.from(atob(WEIGHTS), (letter) => letter.charCodeAt(0));
    let at = 0;
    const take = (count, scale) => {
        at += count;
        return Float32Array.from(bytes.subarray(at - count, at), (value) => value * scale);
    };
    const sizes = CHANNELS.slice(1).map((after, i) => [TAPS * CHANNELS[i] * after, after]);
    sizes.push([16 * CHANNELS.at(-1), 1]);
    return sizes.map(([weights, biases], i) => ({
        weights: take(weights, SCALES[2 * i]),
        biases: take(biases, SCALES[2 * i + 1]),
    }));
}

/** A convolution of every second place, with a border of one, and ReLU: [side][side][channels]. */
function convolve(input, side, before, { weights, biases }) {
    const [half, after] = [(side + 1) >> 1, biases.length];
    const output = new Float32Array(half * half * after);
    for (let place = 0; place < half * half; place++) {
        const sums = output.subarray(place * after, (place + 1) * after);
        sums.set(biases);
        for (let tap = 0; tap < TAPS; tap++) {
            const y = 2 * Math.floor(place / half) + Math.floor(tap / 3) - 1;
            const x = 2 * (place % half) + (tap % 3) - 1;
            if (y < 0 || x < 0 || y >= side || x >= side) continue;
            for (let channel = 0; channel < before; channel++) {
                const value = input[(y * side + x) * before + channel];
                const from = (tap * before + channel) * after;
                for (let i = 0; value !== 0 && i < after; i++) sums[i] += value * weights[from + i];
            }
        }
        for (let i = 0; i < after; i++) if (sums[i] < 0) sums[i] = 0;
    }
    return output;
}

/**
 * @param {ArrayLike<number>} pixels  28 by 28, ink 255 on 0, as the server prepares them
 * @returns {number} higher: less like a single digit; ODD is the border
 */
export function oddity(pixels) {
    layers ??= readLayers();
    let values = Float32Array.from(pixels, (pixel) => pixel / 255);
    let side = SIDE;
    for (let i = 0; i + 1 < layers.length; i++) {
        values = convolve(values, side, CHANNELS[i], layers[i]);
        side = (side + 1) >> 1;
    }
    const { weights, biases } = layers.at(-1);
    return values.reduce((sum, value, i) => sum + value * weights[i], biases[0]);
}
