/* The server is gone, busy or refuses: the page says so, keeps the drawing and recovers. */
import assert from 'node:assert/strict';
import {
    beginBlank,
    canStopServer,
    drawDigit,
    eventually,
    expectDigit,
    expectText,
    pageTest,
    startServer,
    stopServer,
} from './harness.js';

const NETWORK = /ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INTERNET|Failed to load resource|failed$/;

const trouble = (page) => page.locator('#trouble');

if (canStopServer) {
    pageTest('the server goes and comes back', { expected: NETWORK }, async (page) => {
        await beginBlank(page);
        await stopServer();
        try {
            await drawDigit(page, 9);
            await expectText(
                page,
                '#trouble span',
                /^The server does not answer\. Your drawing is safe/,
            );
            assert.equal(await trouble(page).getAttribute('role'), 'alert');
            assert.equal(await page.locator('#undo').isDisabled(), false);
            await page.locator('#clear').click();
            await drawDigit(page, 3);
        } finally {
            await startServer();
        }
        await trouble(page).waitFor({ state: 'hidden' });
        await expectDigit(page, 3);
        await expectText(page, '#note', 'The server is back.');
    });
}

pageTest(
    'without a network the page says so, and goes on when there is one',
    { expected: NETWORK },
    async (page) => {
        await beginBlank(page);
        await page.context().setOffline(true);
        await drawDigit(page, 2);
        await expectText(page, '#trouble span', 'This device is offline. Your drawing is safe.');
        await page.context().setOffline(false);
        await trouble(page).waitFor({ state: 'hidden' });
        await expectDigit(page, 2);
    },
);

pageTest('a busy server is asked again when it says', { expected: NETWORK }, async (page) => {
    await beginBlank(page);
    let asked = 0;
    await page.route('**/api/draw*', (route) => {
        asked++;
        return asked > 3
            ? route.fallback()
            : route.fulfill({
                  status: 503,
                  headers: { 'Retry-After': '1' },
                  json: { detail: 'too many requests' },
              });
    });
    await page.locator('#samples button').nth(4).click();
    await expectText(page, '#trouble span', /^The server is busy/);
    await expectDigit(page, 4);
    assert.equal(await trouble(page).isVisible(), false);
});

pageTest('a refusal is explained, and is no trouble', { expected: NETWORK }, async (page) => {
    await beginBlank(page);
    await page.route('**/api/draw*', (route) =>
        route.fulfill({ status: 413, json: { detail: 'the body is too large' } }),
    );
    await drawDigit(page, 1);
    await expectText(page, '#note', 'This drawing was refused: the body is too large');
    assert.equal(await trouble(page).isVisible(), false);
    await page.unroute('**/api/draw*');
    await page.locator('#clear').click();
    await drawDigit(page, 1);
    await expectDigit(page, 1);
});

pageTest('a mode that is being built, fails or differs is shown as such', {}, async (page) => {
    await beginBlank(page);
    let change = () => {};
    await page.route('**/api/draw*', async (route) => {
        const answer = await (await route.fetch()).json();
        change(answer);
        await route.fulfill({ json: answer });
    });
    const draw = async (digit, how) => {
        change = how;
        await page.locator('#clear').click();
        await drawDigit(page, digit);
        await expectDigit(page, digit);
    };
    await drawDigit(page, 0);
    await draw(7, (answer) => {
        answer.modes.aot = { state: 'absent' };
    });
    await expectText(page, '[data-mode=aot] .time', 'switched off');
    await expectText(page, '#agree', /^✓? ?Same bits\. Both runs gave the same 320 output bits/);
    await draw(1, (answer) => {
        answer.modes.aot = { state: 'failed', message: 'gcc: not found' };
    });
    await expectText(page, '[data-mode=aot] .digest', 'gcc: not found');
    await draw(0, (answer) => {
        answer.agree = false;
        answer.modes.jit.digest = answer.modes.jit.digest.replace(/^./, (digit) =>
            digit === '0' ? '1' : '0',
        );
    });
    await expectText(page, '#agree b', 'The bits differ.');
    await eventually('the squares that differ are red', () =>
        page.locator('[data-mode=jit] canvas').evaluate((tile) => {
            const context = document
                .createElement('canvas')
                .getContext('2d', { willReadFrequently: true });
            context.drawImage(tile, 0, 0);
            const { data } = context.getImageData(0, 0, 4, 1);
            return [0, 1, 2, 3].some(
                (i) => data[4 * i] > 150 && data[4 * i + 2] < 100 && data[4 * i + 3] > 0,
            );
        }),
    );
});

pageTest('at most one prediction is under way, and the newest wins', {}, async (page) => {
    await beginBlank(page);
    let [underway, most, asked] = [0, 0, 0];
    await page.route('**/api/draw*', async (route) => {
        asked++;
        most = Math.max(most, ++underway);
        await new Promise((resolve) => {
            setTimeout(resolve, 120);
        });
        underway--;
        await route.fallback();
    });
    await drawDigit(page, 8);
    await expectDigit(page, 8);
    await eventually('the last answer is there', () => underway === 0);
    assert.equal(most, 1);
    assert.ok(asked < 40, `${asked} requests`);
});
