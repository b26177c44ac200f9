/* The model in the browser itself: beside the server, without it, and on a static host. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import {
    beginBlank,
    canStopServer,
    compilerIsDone,
    drawDigit,
    eventually,
    expectDigit,
    expectText,
    pageTest,
    startServer,
    stopServer,
} from './harness.js';
import { serveFolder } from './static.js';
import { strokesOf } from './strokes.js';

const NETWORK = /ERR_CONNECTION|Failed to load resource|failed$/;
const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const STILL = { reducedMotion: 'reduce' };

const build = path.dirname(process.env.SERVER);
const tool = path.join(build, 'eigentensor');
const folder = await mkdtemp(path.join(tmpdir(), 'eigentensor-here-'));
after(() => rm(folder, { recursive: true, force: true }));

const digestOf = (page, mode) =>
    page.locator(`[data-mode=${mode}] .digest`).evaluate((digest) => digest.title.slice(-64));
const stateOf = (page, mode) => page.locator(`[data-mode=${mode}]`).getAttribute('data-state');

/* Shows a sample, and waits for this browser's answer to it. */
async function showSample(page, digit) {
    await page.locator('#clear').click();
    await expectDigit(page, '–');
    await page.getByRole('button', { name: `Sample ${digit}` }).click();
    await expectDigit(page, digit);
    await eventually(
        'this browser has answered',
        async () => (await stateOf(page, 'browser')) === 'ready',
    );
    assert.match(await page.locator('[data-mode=browser] .time').innerText(), /^[\d.]+ (µs|ms)$/);
    return digestOf(page, 'browser');
}

/* What the server's modes gave for each sample, found by the first test. */
const expected = [];

pageTest("this browser gives the server's digest for all samples", STILL, async (page) => {
    await compilerIsDone();
    for (const digit of DIGITS) {
        const found = await showSample(page, digit);
        await expectText(page, '#agree', /Same bits\. All four runs gave the same 320 output bits/);
        for (const mode of ['eager', 'jit', 'aot']) assert.equal(await digestOf(page, mode), found);
        expected.push(found);
    }
    assert.equal(new Set(expected).size, 10);
});

if (canStopServer) {
    pageTest(
        'without the server it goes on, with the same bits, and gives receipts',
        { ...STILL, expected: NETWORK },
        async (page) => {
            await showSample(page, 0);
            await stopServer();
            try {
                for (const digit of DIGITS)
                    assert.equal(await showSample(page, digit), expected[digit]);
                await expectText(page, '#trouble span', /This browser goes on by itself/);
                await expectText(page, '[data-mode=aot] .time', 'no answer');
                await expectText(page, '#agree', /^One answer\. These 320 output bits/);
                await checkReceipt(page, 'wasm');
            } finally {
                await startServer();
            }
            await page.locator('#trouble').waitFor({ state: 'hidden' });
            assert.equal(await showSample(page, 4), expected[4]);
        },
    );
}

/* Both files of the shown answer, which the interpreter verifies. */
async function checkReceipt(page, mode) {
    for (const name of ['receipt.json', 'digit.png']) {
        const download = page.waitForEvent('download');
        await page.getByRole('button', { name }).click();
        const file = await download;
        assert.equal(file.suggestedFilename(), name);
        await file.saveAs(path.join(folder, name));
    }
    const files = ['receipt.json', path.resolve('models/mnist/mnist.json'), 'digit.png'];
    const said = execFileSync(tool, ['verify', '--mode=eager', ...files], {
        cwd: folder,
        encoding: 'utf8',
    });
    assert.match(said, new RegExp(`^same: [0-9a-f]{64}, eager; the receipt: ${mode} for `));
    assert.ok(said.includes(await digestOf(page, 'browser')));
}

pageTest("a run's receipt and pixels are files that can be verified", STILL, async (page) => {
    await compilerIsDone();
    await showSample(page, 6);
    await checkReceipt(page, 'aot');
});

pageTest('the model can be changed', STILL, async (page) => {
    const first = await showSample(page, 2);
    await page.locator('#models').selectOption('mnist-int8');
    await eventually('another digest', async () => {
        const found = await digestOf(page, 'browser');
        return found !== first && found === (await digestOf(page, 'jit'));
    });
    await expectText(page, '#agree b', /Same bits/);
});

pageTest('where there is no module, the card says why', STILL, async (page) => {
    await page.route('**/modules/index.js', (route) =>
        route.fulfill({ contentType: 'text/javascript', body: 'export const modules = {};' }),
    );
    await page.reload();
    await expectDigit(page, 3);
    await expectText(page, '[data-mode=browser] .time', 'not here');
    await expectText(page, '[data-mode=browser] .digest', /clang and lld were not there/);
    await expectText(page, '#agree', /Same bits\. (Both|All three) runs/);
});

/* ---- Static hosts ---- */

let site = null;
after(() => site?.close());

/* The folder of `make site`. */
async function siteUrl() {
    const made = path.join(folder, 'site');
    if (!site) {
        execFileSync('scripts/site.sh', [path.join(build, 'modules'), made]);
        site = await serveFolder(made);
    }
    return site.url;
}

const SITE = { ...STILL, url: siteUrl, ready: '[data-mode=browser]' };

pageTest('the site needs no server, and has the same bits', SITE, async (page) => {
    assert.equal(await page.locator('.mode').count(), 1);
    assert.equal(await page.locator('.pipeline').isVisible(), false);
    assert.match(await page.locator('h1').innerText(), /Your browser answers/);
    for (const digit of DIGITS) assert.equal(await showSample(page, digit), expected[digit]);
    await expectText(page, '#agree', /^Found here\./);
    await checkReceipt(page, 'wasm');
    await expectText(page, '#model', /^mnist · [0-9a-f]{64}$/);
    await site.close();
    await beginBlank(page);
    await drawDigit(page, 5);
    await expectDigit(page, 5);
});

/* examples/browser as its README says, but for the host. */
async function exampleUrl() {
    const web = path.join(folder, 'web');
    await cp(path.join(build, 'modules', 'mnist'), path.join(web, 'mnist'), { recursive: true });
    await copyFile('examples/browser/index.html', path.join(web, 'index.html'));
    example = await serveFolder(web);
    return example.url;
}
let example = null;
after(() => example?.close());

pageTest('examples/browser', { url: exampleUrl, ready: 'canvas' }, async (page) => {
    await page.waitForLoadState('networkidle');
    const box = await page.locator('canvas').boundingBox();
    for (const stroke of strokesOf(7, box)) {
        await page.mouse.move(...stroke[0]);
        await page.mouse.down();
        for (const point of stroke) await page.mouse.move(...point, { steps: 3 });
        await page.mouse.up();
    }
    await expectText(page, 'p', /^This is a 7\. [0-9a-f]{64}$/);
});
