/* Strokes by mouse and finger become the right digit, in all modes with the same bits. */
import assert from 'node:assert/strict';
import {
    beginBlank,
    compilerIsDone,
    drawDigit,
    eventually,
    expectDigit,
    expectText,
    padBox,
    pageTest,
    PHONE,
    touchDigit,
} from './harness.js';
import { strokesOf } from './strokes.js';

const answerOf = (page) =>
    page.evaluate(() => ({
        digests: [...document.querySelectorAll('.mode .digest')].map((digest) => digest.title),
        times: [...document.querySelectorAll('.mode .time')].map((time) => time.textContent),
        tiles: [...document.querySelectorAll('.mode canvas')].map((tile) => tile.toDataURL()),
        agree: document.querySelector('#agree').dataset.state,
        ready: document.querySelectorAll('.mode[data-state=ready]').length,
    }));

for (let digit = 0; digit < 10; digit++) {
    pageTest(
        `a ${digit} drawn by mouse is a ${digit}, with the same bits in all modes`,
        {},
        async (page) => {
            await compilerIsDone();
            await beginBlank(page);
            await drawDigit(page, digit);
            await expectDigit(page, digit);
            await expectText(page, '#sure', /sure$/);
            await eventually(
                'four modes have answered',
                async () => (await answerOf(page)).ready === 4,
            );
            const { agree, digests, times, tiles } = await answerOf(page);
            assert.equal(agree, 'same');
            assert.match(digests[0], /[0-9a-f]{64}$/);
            assert.equal(new Set(digests).size, 1);
            assert.equal(new Set(tiles).size, 1);
            assert.equal(times.length, 4);
            for (const time of times) assert.match(time, /^[\d.]+ (µs|ms)$/);
        },
    );
}

for (const digit of [2, 4, 8]) {
    const options = { size: PHONE, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
    pageTest(`a ${digit} drawn by finger on a phone is a ${digit}`, options, async (page) => {
        await beginBlank(page);
        await touchDigit(page, digit);
        await expectDigit(page, digit);
        assert.equal(
            await page.evaluate(() => scrollY < 200),
            true,
            'drawing does not scroll the page',
        );
    });
}

pageTest(
    'the page draws a digit by itself, and a person takes the pen from it',
    {},
    async (page) => {
        await expectDigit(page, 3);
        await drawDigit(page, 7);
        await expectDigit(page, 7);
    },
);

pageTest('the prediction changes while the pen is down', {}, async (page) => {
    await beginBlank(page);
    const [stroke] = strokesOf(0, await padBox(page));
    await page.mouse.move(...stroke[0]);
    await page.mouse.down();
    for (const point of stroke) await page.mouse.move(...point, { steps: 3 });
    await expectDigit(page, 0);
    await page.mouse.up();
    await expectDigit(page, 0);
});

pageTest('undo, redo, clear, and undo of a clear', {}, async (page) => {
    await beginBlank(page);
    await drawDigit(page, 4);
    await expectDigit(page, 4);
    await page.locator('#undo').click();
    await page.locator('#undo').click();
    await expectText(page, '#agree b', 'Same bits?');
    await page.keyboard.press('Control+Shift+z');
    await page.keyboard.press('Control+y');
    await expectDigit(page, 4);
    await page.locator('#clear').click();
    await expectDigit(page, '–');
    assert.equal(await page.locator('#clear').isDisabled(), true);
    await page.locator('#undo').click();
    await expectDigit(page, 4);
});

/* How many pixels of the pad carry ink. */
const inked = (page) =>
    page.evaluate(() => {
        const copy = document.createElement('canvas');
        copy.width = copy.height = 512;
        const context = copy.getContext('2d', { willReadFrequently: true });
        context.drawImage(document.querySelector('#pad'), 0, 0, 512, 512);
        const { data } = context.getImageData(0, 0, 512, 512);
        return data.reduce((sum, value, i) => sum + (i % 4 === 3 && value > 128 ? 1 : 0), 0);
    });

pageTest('the eraser takes ink away, the width makes strokes wider', {}, async (page) => {
    await beginBlank(page);
    await drawDigit(page, 1);
    const thin = await inked(page);
    await page.locator('#clear').click();
    await page.locator('#width').fill('60');
    await drawDigit(page, 1);
    const thick = await inked(page);
    assert.ok(thick > 1.4 * thin, `${thick} pixels after ${thin}`);
    await page.locator('#eraser').click();
    assert.equal(await page.locator('#eraser').getAttribute('aria-pressed'), 'true');
    await drawDigit(page, 1);
    assert.ok((await inked(page)) < 0.01 * thick);
    await expectDigit(page, '–');
    await page.locator('#pen').click();
    await drawDigit(page, 1);
    await expectDigit(page, 1);
});

for (const deviceScaleFactor of [1, 1.5, 3]) {
    pageTest(
        `the ink is as sharp as ${deviceScaleFactor} pixels a point allow`,
        { deviceScaleFactor },
        async (page) => {
            await beginBlank(page);
            await drawDigit(page, 5);
            const [pixels, points] = await page.evaluate(() => {
                const pad = document.querySelector('#pad');
                return [pad.width, pad.clientWidth];
            });
            assert.equal(pixels, Math.round(points * deviceScaleFactor));
            await expectDigit(page, 5);
        },
    );
}

pageTest('a drawing survives another size of the window', {}, async (page) => {
    await beginBlank(page);
    await drawDigit(page, 6);
    await expectDigit(page, 6);
    await page.setViewportSize({ width: 700, height: 800 });
    await eventually('the pad has another size', () =>
        page.evaluate(
            () =>
                document.querySelector('#pad').width === document.querySelector('#pad').clientWidth,
        ),
    );
    await page.locator('#undo').click();
    await expectDigit(page, '–');
    await page.keyboard.press('Control+y');
    await expectDigit(page, 6);
});

pageTest('from ink to answer', {}, async (page, t) => {
    await compilerIsDone();
    await beginBlank(page);
    await page.evaluate(() => performance.clearMeasures());
    for (const digit of [2, 3, 5, 8]) {
        for (const stroke of strokesOf(digit, await padBox(page))) {
            await page.mouse.move(...stroke[0]);
            await page.mouse.down();
            for (const point of stroke.slice(1)) {
                await page.mouse.move(...point, { steps: 2 });
                await page.waitForTimeout(8);
            }
            await page.mouse.up();
        }
        await expectDigit(page, digit);
        await page.locator('#clear').click();
    }
    const times = await page.evaluate(() =>
        performance
            .getEntriesByName('ink to answer')
            .map((measure) => measure.duration)
            .sort((a, b) => a - b),
    );
    const at = (share) => times[Math.floor(share * (times.length - 1))].toFixed(1);
    t.diagnostic(
        `ink to answer, ${times.length} answers: median ${at(0.5)} ms, ` +
            `95 % within ${at(0.95)} ms, all within ${at(1)} ms`,
    );
    assert.ok(times.length > 20, `${times.length} answers`);
});
