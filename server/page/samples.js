/**
 * Ten digits as pen strokes, for the sample buttons and the page's first drawing.
 * Points lie on a grid of 100; a stroke passes smoothly through them, with corners at "|".
 */
import { SIDE } from './raster.js';

const DIGITS = [
    ['58,4 36,0 14,26 6,62 18,94 44,98 70,74 78,36 66,8 50,3'],
    ['36,14 44,9 50,0|50,0 48,36 45,70 43,100'],
    ['16,24 30,4 56,0 72,16 64,42 40,72 16,96|16,96 40,94 56,100 82,94'],
    ['20,14 42,0 68,8 70,26 52,42 38,46|38,46 56,50 70,66 62,88 36,100 10,90'],
    ['30,0 18,32 6,60|6,60 40,60 84,57', '62,30 60,64 55,100'],
    ['24,4 20,24 16,44|16,44 40,40 66,52 68,74 48,94 22,99 4,90', '24,5 50,6 80,2'],
    ['62,2 38,20 16,52 8,80 24,98 50,94 66,74 56,58 34,62 12,84'],
    ['8,6 44,5 80,2|80,2 60,34 46,66 36,100'],
    ['74,10 54,0 32,10 32,30 50,46 60,66 50,90 26,100 8,86 18,66 46,48 70,30 74,10'],
    ['72,10 50,0 26,12 20,36 38,46 60,34 72,10|72,10 69,44 64,78 60,100'],
];

const STEPS = 10;

/** The point at t on the Catmull-Rom curve from b to c. */
function curve(a, b, c, d, t) {
    return [0, 1].map((axis) => {
        const [p, q, r, s] = [a[axis], b[axis], c[axis], d[axis]];
        return (
            0.5 *
            (2 * q +
                (r - p) * t +
                (2 * p - 5 * q + 4 * r - s) * t * t +
                (3 * q - p - 3 * r + s) * t * t * t)
        );
    });
}

function smooth(text) {
    const line = [];
    for (const part of text.split('|')) {
        const points = part.split(' ').map((point) => point.split(',').map(Number));
        const ends = [points[0], ...points, points.at(-1)];
        for (let i = 0; i + 1 < points.length; i++) {
            for (let step = 0; step < STEPS; step++) {
                line.push(curve(...ends.slice(i, i + 4), step / STEPS));
            }
        }
        line.push(points.at(-1));
    }
    return line;
}

/**
 * The strokes of a sample digit, in units of the drawing.
 * @param {number} digit
 * @returns {number[][]}  each x, y, x, y, …
 */
export function sampleStrokes(digit) {
    const height = 0.68 * SIDE;
    const strokes = DIGITS[digit].map(smooth);
    const across = strokes.flat().map(([x]) => x);
    const left = (SIDE - ((Math.min(...across) + Math.max(...across)) * height) / 100) / 2;
    const top = (SIDE - height) / 2;
    return strokes.map((line) =>
        line.flatMap(([x, y]) => [left + (x * height) / 100, top + (y * height) / 100]),
    );
}
