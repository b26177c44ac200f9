/* What the browser tests share: the server, the browser, pages that report every error. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { strokesOf } from './strokes.js';

const { chromium } = createRequire(`${process.env.MODULES}/`)('playwright-core');

const PATIENCE_MS = 15_000;
const COMPILER_MS = 120_000;

export const DESKTOP = { width: 1360, height: 860 };
export const PHONE = { width: 320, height: 640 };

/* ---- The server: ours, or the one at EIGENTENSOR_URL ---- */

const given = process.env.EIGENTENSOR_URL;
let folder = null;
let port = 0;
let running = null;

export const canStopServer = !given;
export const serverUrl = () => given ?? `http://127.0.0.1:${port}`;

function freePort() {
    return new Promise((resolve) => {
        const probe = net.createServer().listen(0, '127.0.0.1', () => {
            const found = probe.address().port;
            probe.close(() => resolve(found));
        });
    });
}

async function until(what, condition, patience = PATIENCE_MS) {
    const end = Date.now() + patience;
    for (;;) {
        const value = await condition();
        if (value) return value;
        if (Date.now() > end) throw new Error(`not within ${patience / 1000} s: ${what}`);
        await new Promise((resolve) => {
            setTimeout(resolve, 50);
        });
    }
}

const model = () =>
    fetch(`${serverUrl()}/api/model`).then(
        (answer) => answer.json(),
        () => null,
    );

/* Starts the server, on the same port every time, with a cache of its own for what gcc builds. */
export async function startServer() {
    if (given || running) return;
    folder ??= await mkdtemp(path.join(tmpdir(), 'eigentensor-browser-'));
    port ||= await freePort();
    running = spawn(process.env.SERVER, ['--port', String(port), '--quiet'], {
        env: { ...process.env, XDG_CACHE_HOME: folder },
        stdio: 'inherit',
    });
    await until('the server answers', model);
}

export async function stopServer() {
    const ended = new Promise((resolve) => {
        running.on('exit', resolve);
    });
    running.kill('SIGTERM');
    running = null;
    assert.equal(await ended, 0, 'the server ends in order');
}

export const compilerIsDone = () =>
    until(
        'gcc has built the model',
        async () => (await model())?.modes.aot.state !== 'building',
        COMPILER_MS,
    );

/* ---- The browser ---- */

let browser = null;

async function openBrowser() {
    await startServer();
    browser ??= await chromium.launch({
        executablePath: process.env.CHROMIUM,
        env: { ...process.env, TMPDIR: folder }, // it leaves files of its own there at times
        args: [
            '--headless',
            '--no-sandbox',
            '--disable-gpu',
            '--disable-quic',
            '--no-first-run',
            '--disable-background-networking',
            '--disable-component-update',
            '--disable-sync',
        ],
    });
    return browser;
}

after(async () => {
    await browser?.close();
    if (running) await stopServer();
    if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/* A test with a page of its own, which fails on any error or warning that the page reports, but
 * for those that match `expected`. It is the server's, unless url() gives another, and is there
 * once there is a `ready`. */
export function pageTest(name, options, body) {
    const {
        size = DESKTOP,
        expected = null,
        url = serverUrl,
        ready = '.card',
        ...context
    } = options;
    test(name, async (t) => {
        const tab = await (await openBrowser()).newContext({ viewport: size, ...context });
        const complaints = [];
        const complain = (text) => {
            if (!expected?.test(text)) complaints.push(text);
        };
        const page = await tab.newPage();
        page.setDefaultTimeout(PATIENCE_MS);
        page.on('console', (message) => {
            if (['error', 'warning', 'assert'].includes(message.type())) complain(message.text());
        });
        page.on('pageerror', (error) => complain(error.stack));
        page.on('requestfailed', (request) => {
            if (!/ERR_ABORTED/.test(request.failure().errorText))
                complain(`${request.url()} failed`);
        });
        await page.addInitScript(() => {
            document.addEventListener('securitypolicyviolation', (event) => {
                console.error(
                    `content security policy: ${event.violatedDirective} ${event.blockedURI}`,
                );
            });
        });
        try {
            await page.goto(await url());
            await page.locator(ready).first().waitFor();
            await body(page, t);
            assert.deepEqual(complaints, [], 'the page reported errors');
        } catch (error) {
            const picture = path.join(process.env.MODULES, 'failed.png');
            await page.screenshot({ path: picture }).catch(() => {});
            t.diagnostic(`the page as it was: ${picture}`);
            throw error;
        } finally {
            await tab.close();
        }
    });
}

/* ---- What a person does ---- */

/* Takes the pen from the page, which draws a first digit by itself. */
export async function beginBlank(page) {
    await page.locator('#clear').click();
    await expectDigit(page, '–');
}

export async function padBox(page) {
    await page.locator('#pad').scrollIntoViewIfNeeded();
    return page.locator('#pad').boundingBox();
}

export async function drawDigit(page, digit) {
    for (const stroke of strokesOf(digit, await padBox(page))) {
        await page.mouse.move(...stroke[0]);
        await page.mouse.down();
        for (const point of stroke.slice(1)) await page.mouse.move(...point, { steps: 3 });
        await page.mouse.up();
    }
}

/* The same with a finger. */
export async function touchDigit(page, digit) {
    const client = await page.context().newCDPSession(page);
    const send = (type, points) =>
        client.send('Input.dispatchTouchEvent', {
            type,
            touchPoints: points.map(([x, y]) => ({ x, y })),
        });
    for (const stroke of strokesOf(digit, await padBox(page))) {
        await send('touchStart', [stroke[0]]);
        for (const point of stroke.slice(1)) await send('touchMove', [point]);
        await send('touchEnd', []);
    }
}

/* ---- What a person sees ---- */

export async function expectText(page, selector, expected) {
    const matches = (text) =>
        expected instanceof RegExp ? expected.test(text) : text === expected;
    let text = '';
    await until(`${selector} says ${expected}`, async () => {
        text = (await page.locator(selector).innerText()).trim();
        return matches(text);
    }).catch((error) => {
        throw new Error(`${error.message}; it says "${text}"`);
    });
}

export const expectDigit = (page, digit) => expectText(page, '#digit', String(digit));

export const eventually = until;
