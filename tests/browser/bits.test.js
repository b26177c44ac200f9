/* What is sent depends on the strokes alone: not on the window, the screen, or how they came. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Raster, SENT_SIDE, SIDE } from '../../server/page/raster.js';
import {
    beginBlank,
    drawDigit,
    eventually,
    expectDigit,
    padBox,
    pageTest,
    touchDigit,
} from './harness.js';
import { strokesOf } from './strokes.js';

const NOTHING = '–';

/* The digests of the drawings that the page sends. */
function watch(page) {
    const sent = [];
    page.on('request', (request) => {
        if (!request.url().includes('/api/draw')) return;
        sent.push(createHash('sha256').update(request.postDataBuffer()).digest('hex'));
    });
    return sent;
}

const outputDigest = (page) =>
    page.locator('[data-mode=jit] .digest').evaluate((digest) => digest.title);

/* A 4 by mouse, undone and redone, with the digests that were sent and shown. */
async function drawFour(page) {
    const sent = watch(page);
    await beginBlank(page);
    await drawDigit(page, 4);
    await expectDigit(page, 4);
    await eventually('the answer is of all ink', () =>
        page.evaluate(() => document.querySelector('#answer').ariaBusy === 'false'),
    );
    await page.waitForTimeout(300);
    const first = { sent: sent.at(-1), shown: await outputDigest(page) };
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    await expectDigit(page, NOTHING);
    await page.keyboard.press('Control+y');
    await page.keyboard.press('Control+y');
    await expectDigit(page, 4);
    await page.waitForTimeout(300);
    assert.deepEqual({ sent: sent.at(-1), shown: await outputDigest(page) }, first);
    return first;
}

const found = [];
for (const [width, height, deviceScaleFactor] of [
    [1360, 860, 1],
    [1360, 860, 1.5],
    [1000, 700, 2],
    [740, 360, 3],
]) {
    pageTest(
        `the same strokes are the same bytes at ${width} × ${height}, ${deviceScaleFactor}`,
        { size: { width, height }, deviceScaleFactor },
        async (page) => {
            const digests = await drawFour(page);
            found.push(digests);
            assert.deepEqual(digests, found[0]);
            assert.match(digests.shown, /[0-9a-f]{64}$/);
        },
    );
}

pageTest(
    'a sample is the same bytes whether it draws itself or appears at once',
    {},
    async (page) => {
        const sent = watch(page);
        const draw = async () => {
            await beginBlank(page);
            await page.getByRole('button', { name: 'Sample 9' }).click();
            await expectDigit(page, 9);
            await page.waitForTimeout(1200);
            return sent.at(-1);
        };
        const slowly = await draw();
        await page.emulateMedia({ reducedMotion: 'reduce' });
        assert.equal(await draw(), slowly);
    },
);

/* How much ink the pad shows around a point, 0 to 255, and how much the latest drawing sent had. */
const inkAt = (page, x, y) =>
    page.locator('#pad').evaluate(
        (pad, [across, down]) => {
            const copy = document.createElement('canvas');
            copy.width = copy.height = 100;
            const context = copy.getContext('2d', { willReadFrequently: true });
            context.drawImage(pad, 0, 0, 100, 100);
            return context.getImageData(100 * across, 100 * down, 1, 1).data[3];
        },
        [x, y],
    );

pageTest('a click leaves a dot, the eraser takes it away', {}, async (page) => {
    const sent = watch(page);
    await beginBlank(page);
    const box = await padBox(page);
    const [x, y] = [box.x + 0.4 * box.width, box.y + 0.6 * box.height];
    const before = sent.length;
    await page.mouse.click(x, y);
    assert.equal(await inkAt(page, 0.4, 0.6), 255);
    await eventually('the dot is sent', () => sent.length > before);
    await page.locator('#eraser').click();
    await page.mouse.click(x, y);
    assert.equal(await inkAt(page, 0.4, 0.6), 0);
    await expectDigit(page, NOTHING);
});

pageTest(
    'a tap leaves a dot',
    { size: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
    async (page) => {
        await beginBlank(page);
        const box = await padBox(page);
        await page.touchscreen.tap(box.x + 0.5 * box.width, box.y + 0.5 * box.height);
        assert.equal(await inkAt(page, 0.5, 0.5), 255);
        await touchDigit(page, 1);
    },
);

/* ---- The raster alone ---- */

const strokes = strokesOf(8, { x: 0, y: 0, width: SIDE, height: SIDE }).map((points) => ({
    kind: 'stroke',
    width: 36,
    erase: false,
    points: points.flat(),
}));

test('a stroke that grows point by point is the stroke drawn at once', () => {
    const [whole, grown] = [new Raster(), new Raster()];
    for (const stroke of strokes) {
        whole.add(stroke);
        const growing = { ...stroke, points: stroke.points.slice(0, 2) };
        grown.add(growing);
        for (let i = 2; i < stroke.points.length; i += 2) {
            grown.ink();
            growing.points.push(...stroke.points.slice(i, i + 2));
        }
    }
    assert.deepEqual(grown.ink(), whole.ink());
});

test('ink is as wide as the pen, solid inside, and soft for one pixel at its edge', () => {
    const raster = new Raster();
    const points = [100, 256, 400, 256];
    raster.add({ kind: 'stroke', width: 41, erase: false, points });
    const ink = raster.ink();
    const column = Array.from({ length: SENT_SIDE }, (_, y) => ink[y * SENT_SIDE + 125]);
    const sum = column.reduce((total, value) => total + value, 0) / 255;
    assert.ok(Math.abs(sum - 41 / 2) < 0.1, `${sum} pixels`);
    assert.ok(column.filter((value) => value > 0 && value < 255).length <= 4);
    raster.add({ kind: 'stroke', width: 60, erase: true, points });
    assert.equal(Math.max(...raster.ink()), 0);
});

test('the bytes are those of every machine', () => {
    const raster = new Raster();
    for (const stroke of strokes) raster.add(stroke);
    const digest = createHash('sha256').update(raster.ink()).digest('hex');
    assert.equal(digest, '61ec04872005812bd08166a2aa84dd7721cb126a0600bf6488b2fc8e0aa1f82d');
});
