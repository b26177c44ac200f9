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
                /^The server does not answer\. This browser goes on by itself/,
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
        await expectText(page, '#trouble span',
            'This device is offline. This browser goes on by itself.');
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
    await trouble(page).waitFor({ state: 'hidden' });
    await expectDigit(page, 4);
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
    await expectText(page, '#agree',
        /^✓? ?Same bits\. All three runs gave the same 320 output bits/);
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
    await page.evaluate(() => {
        const count = { underway: 0, most: 0, asked: 0 };
        const real = globalThis.fetch;
        globalThis.count = count;
        globalThis.fetch = async (path, options) => {
            if (!String(path).includes('api/draw')) return real(path, options);
            count.asked++;
            count.most = Math.max(count.most, ++count.underway);
            return real(path, options).finally(() => count.underway--);
        };
    });
    await page.route('**/api/draw*', async (route) => {
        await new Promise((resolve) => {
            setTimeout(resolve, 120);
        });
        await route.fallback();
    });
    await drawDigit(page, 8);
    await expectDigit(page, 8);
    const count = () => page.evaluate(() => globalThis.count);
    await eventually('the last answer is there', async () => (await count()).underway === 0);
    const { most, asked } = await count();
    assert.equal(most, 1);
    assert.ok(asked < 40, `${asked} requests`);
});

/* All that the screen reader is told from now on. */
async function listen(page) {
    await page.evaluate(() => {
        globalThis.told = [];
        new MutationObserver(() => {
            const text = document.querySelector('#spoken').textContent;
            if (text) globalThis.told.push(text);
        }).observe(document.querySelector('#spoken'), { childList: true });
    });
    return () => page.evaluate(() => globalThis.told);
}

const isBusy = (page) =>
    page.evaluate(
        () =>
            document.querySelector('#answer').ariaBusy === 'true' &&
            document.querySelector('#busy').checkVisibility(),
    );

pageTest(
    'a slow answer is shown to be under way, and nothing stale is spoken',
    { reducedMotion: 'reduce' },
    async (page) => {
        await page.getByRole('button', { name: 'Sample 4' }).click();
        await expectText(page, '#spoken', /^This is a 4/);
        assert.equal(await isBusy(page), false);
        const told = await listen(page);
        await page.route('**/api/draw*', async (route) => {
            await new Promise((resolve) => {
                setTimeout(resolve, 1500);
            });
            await route.fallback();
        });
        await page.getByRole('button', { name: 'Sample 7' }).click();
        await eventually('the page says that it asks', () => isBusy(page), 1000);
        await page.waitForTimeout(800);
        assert.equal(await isBusy(page), true);
        assert.deepEqual(await told(), []);
        await expectDigit(page, 7);
        await expectText(page, '#spoken', /^This is a 7/);
        assert.equal(await isBusy(page), false);
        assert.equal((await told()).length, 1);
    },
);

pageTest(
    'a question that is stale is given up, and its answer never shown',
    { reducedMotion: 'reduce' },
    async (page) => {
        await beginBlank(page);
        let aborted = 0;
        page.on('requestfailed', (request) => {
            aborted += Number(/ERR_ABORTED/.test(request.failure().errorText));
        });
        let first = true;
        await page.route('**/api/draw*', async (route) => {
            if (!first) return route.fallback();
            first = false; /* never answered */
            return undefined;
        });
        const told = await listen(page);
        const asked = page.waitForRequest('**/api/draw*');
        await page.getByRole('button', { name: 'Sample 5' }).click();
        await asked;
        await page.waitForTimeout(400);
        await page.getByRole('button', { name: 'Sample 2' }).click();
        await expectText(page, '#digit', '2');
        await expectText(page, '#spoken', /^This is a 2/);
        assert.equal(aborted, 1);
        assert.equal((await told()).filter((text) => /^This/.test(text)).length, 1);
    },
);

pageTest(
    'an answer that is not a number is said so, without probabilities',
    { reducedMotion: 'reduce' },
    async (page) => {
        await page.getByRole('button', { name: 'Sample 3' }).click();
        await expectText(page, '#sure', /sure$/);
        for (const change of [
            (answer) => answer.probabilities.fill(null),
            (answer) => {
                answer.outputs[4] = null; /* an infinity among them */
            },
        ]) {
            await page.route('**/api/draw*', async (route) => {
                const answer = await (await route.fetch()).json();
                change(answer);
                await route.fulfill({ json: answer });
            });
            await page.getByRole('button', { name: 'Sample 6' }).click();
            await expectText(page, '#digit', '?');
            await expectText(page, '#sure', 'no answer');
            await expectText(page, '#doubt', /answer is not a number/);
            await expectText(page, '#spoken', /answer is not a number: .*All modes agree/);
            const shown = await page.locator('#bars').innerText();
            assert.doesNotMatch(shown, /%|NaN|null/);
            await page.unroute('**/api/draw*');
            await page.getByRole('button', { name: 'Sample 3' }).click();
            await expectDigit(page, 3);
            assert.equal(await page.locator('#doubt').isVisible(), false);
        }
    },
);
