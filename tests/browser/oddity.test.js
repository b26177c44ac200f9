/* The hint that a drawing may not be a single digit: how often it is right, and how often not. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ODD, oddity } from '../../server/page/oddity.js';
import { cropDrawing, encodeDrawing } from '../../server/page/png.js';
import { Raster, SIDE } from '../../server/page/raster.js';
import { sampleStrokes } from '../../server/page/samples.js';
import {
    beginBlank,
    drawDigit,
    expectDigit,
    expectText,
    pageTest,
    padBox,
    serverUrl,
    startServer,
} from './harness.js';
import { strokesOf } from './strokes.js';

const WIDTHS = [24, 36, 54];
const MNIST = process.env.MNIST_DIR ?? '../shared/mnist';

before(startServer);

/* ---- Drawings: strokes as lists of [x, y] ---- */

/* Numbers that look random and are the same on every run. */
let state = 1;
function between(low, high) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + ((high - low) * state) / 2 ** 32;
}

const WHOLE = { x: 0, y: 0, width: SIDE, height: SIDE };

const pairs = (line) => line.flatMap((_, i) => (i % 2 ? [] : [[line[i], line[i + 1]]]));
const ours = (digit) => strokesOf(digit, WHOLE);
const samples = (digit) => sampleStrokes(digit).map(pairs);

/* Turned about the middle, sheared a little, of another size: another hand. */
function vary(strokes, degrees, shear = between(-0.12, 0.12), size = between(0.75, 1.05)) {
    const angle = (degrees * Math.PI) / 180;
    const [cos, sin] = [Math.cos(angle) * size, Math.sin(angle) * size];
    return strokes.map((line) =>
        line.map(([x, y]) => {
            const [right, down] = [x - SIDE / 2 + shear * (y - SIDE / 2), y - SIDE / 2];
            return [SIDE / 2 + cos * right - sin * down, SIDE / 2 + sin * right + cos * down];
        }),
    );
}

/* Both, each half as large, next to one another. */
const beside = (a, b) => [
    ...a.map((line) => line.map(([x, y]) => [x / 2, SIDE / 4 + y / 2])),
    ...b.map((line) => line.map(([x, y]) => [SIDE / 2 + x / 2, SIDE / 4 + y / 2])),
];

const { 'held out': HELD_OUT } = JSON.parse(
    await readFile(new URL('../../models/mnist/nondigits.json', import.meta.url)),
);

const nondigits = Object.values(HELD_OUT).map((strokes) =>
    strokes.map((text) =>
        text
            .replace('~', '')
            .split(' ')
            .map((point) => point.split(',').map((part) => 90 + 3.3 * Number(part))),
    ),
);

/* Is there a hint for these strokes, drawn as the page draws and prepared by the server? */
async function hasHint(strokes, width) {
    const raster = new Raster();
    for (const line of strokes) {
        raster.add({ kind: 'stroke', width, erase: false, points: line.flat() });
    }
    const answer = await fetch(`${serverUrl()}/api/draw?modes=jit`, {
        method: 'POST',
        headers: { 'Content-Type': 'image/png' },
        body: encodeDrawing(cropDrawing(raster.ink())),
    });
    const { prepared } = await answer.json();
    return oddity(Buffer.from(prepared.pixels, 'base64')) > ODD;
}

/* Of 100 drawings, how many get the hint; each is drawn in every width, `times` times. */
async function hints(t, name, drawings, times, change) {
    let [count, hinted] = [0, 0];
    for (const strokes of drawings) {
        for (const width of WIDTHS) {
            for (let i = 0; i < times; i++, count++) {
                hinted += Number(await hasHint(change(strokes), width));
            }
        }
    }
    t.diagnostic(`${name}: ${hinted} of ${count} get the hint`);
    return (100 * hinted) / count;
}

/* In percent, somewhat less than what was measured. */
const LEAST = { nondigits: 60, pairs: 98, turned: 95 };

const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

test('digits in hands that it has not seen get the hint once in a hundred', async (t) => {
    const drawings = [...DIGITS.map(ours), ...DIGITS.map(samples)];
    const share = await hints(t, 'digits', drawings, 10, (strokes) =>
        vary(strokes, between(-8, 8)),
    );
    assert.ok(share <= 1, `${share} %`);
});

test('letters and shapes of kinds that it has not seen get it', async (t) => {
    const share = await hints(t, 'letters and shapes', nondigits, 4, (strokes) =>
        vary(strokes, between(-10, 10)),
    );
    assert.ok(share >= LEAST.nondigits, `${share} %`);
});

test('two digits side by side get it', async (t) => {
    const drawings = DIGITS.flatMap((a) =>
        [1, 4, 7].map((b) => beside(ours(a), samples((a + b) % 10))),
    );
    const share = await hints(t, 'two digits', drawings, 1, (strokes) => strokes);
    assert.ok(share >= LEAST.pairs, `${share} %`);
});

test('digits lying on their side get it', async (t) => {
    const drawings = [2, 3, 4, 5, 6, 7, 8, 9].flatMap((digit) => [ours(digit), samples(digit)]);
    const share = await hints(t, 'lying digits', drawings, 4, (strokes) =>
        vary(strokes, between(80, 100) * (between(-1, 1) < 0 ? -1 : 1)),
    );
    assert.ok(share >= LEAST.turned, `${share} %`);
});

const images = await readFile(`${MNIST}/t10k-images-idx3-ubyte.gz`).then(gunzipSync, () => null);

test(
    "MNIST's test images get the hint once in a hundred",
    { skip: images ? false : "MNIST's test images are not here" },
    (t) => {
        let hinted = 0;
        for (let i = 0; i < 10_000; i++) {
            hinted += Number(oddity(images.subarray(16 + 784 * i, 16 + 784 * (i + 1))) > ODD);
        }
        t.diagnostic(`MNIST's test images: ${hinted} of 10000 get the hint`);
        assert.ok(hinted <= 100, `${hinted} of 10000`);
    },
);

/* ---- On the page ---- */

async function drawStrokes(page, strokes) {
    const box = await padBox(page);
    const at = ([x, y]) => [box.x + (x * box.width) / SIDE, box.y + (y * box.height) / SIDE];
    for (const line of strokes) {
        await page.mouse.move(...at(line[0]));
        await page.mouse.down();
        for (const point of line.slice(1)) await page.mouse.move(...at(point), { steps: 3 });
        await page.mouse.up();
    }
}

pageTest('the page says so of two digits, and not of one', {}, async (page) => {
    await beginBlank(page);
    await drawDigit(page, 5);
    await expectDigit(page, 5);
    await expectText(page, '#spoken', /^This is a 5/);
    assert.equal(await page.locator('#doubt').isVisible(), false);
    await page.locator('#clear').click();
    await drawStrokes(page, beside(ours(4), ours(2)));
    await expectText(page, '#doubt', 'This may not be a single digit.');
    await expectText(page, '#spoken', /^This may not be a single digit\. The nearest is an? \d\. /);
    await page.locator('#clear').click();
    await expectDigit(page, '–');
    assert.equal(await page.locator('#doubt').isVisible(), false);
});
