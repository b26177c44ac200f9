/* How long the page takes from a change of the ink to the updated prediction, in a real browser,
 * and where that time goes.
 *
 *     tests/browser/test_browser.sh bench/page_latency.js [seconds of drawing, 30]
 *
 * before: until the request begins, which waits for the answer to the one before; server: as its
 * Server-Timing says; network: the rest of the request; show: from the last byte to the frame that
 * shows the answer. */
import { beginBlank, compilerIsDone, padBox, pageTest } from '../tests/browser/harness.js';
import { strokesOf } from '../tests/browser/strokes.js';

const SECONDS = Number(process.argv[2] ?? 30);
const POINTER_MS = 8;
const PARTS = ['before', 'server', 'network', 'show'];

/* As a hand does: about a second for a digit, a pointer event every 8 ms, then the next one. */
async function draw(page, digit) {
    for (const stroke of strokesOf(digit, await padBox(page))) {
        await page.mouse.move(...stroke[0]);
        await page.mouse.down();
        for (const point of stroke.slice(1)) {
            const [from, steps] = [performance.now(), 4];
            await page.mouse.move(...point, { steps });
            const rest = steps * POINTER_MS - (performance.now() - from);
            if (rest > 0) await page.waitForTimeout(rest);
        }
        await page.mouse.up();
    }
}

/* For each answer its whole time and the parts of it, in milliseconds. */
const answers = (page) =>
    page.evaluate(() => {
        const requests = performance
            .getEntriesByType('resource')
            .filter(({ name }) => name.includes('/api/draw'));
        const measures = performance.getEntriesByName('ink to answer');
        return measures.map(({ startTime, duration }) => {
            const end = startTime + duration;
            const request = requests.findLast(({ responseEnd }) => responseEnd <= end);
            const server = request.serverTiming.reduce((sum, part) => sum + part.duration, 0);
            return {
                all: duration,
                before: request.startTime - startTime,
                server,
                network: request.responseEnd - request.startTime - server,
                show: end - request.responseEnd,
            };
        });
    });

pageTest('from ink to answer', {}, async (page) => {
    await compilerIsDone();
    await beginBlank(page);
    await page.waitForTimeout(1000);
    await page.evaluate(() => {
        performance.setResourceTimingBufferSize(100_000);
        performance.clearResourceTimings();
        performance.clearMeasures();
    });
    const end = Date.now() + 1000 * SECONDS;
    for (let digit = 0; Date.now() < end; digit = (digit + 1) % 10) {
        await draw(page, digit);
        await page.waitForTimeout(200);
        await page.locator('#clear').click();
    }
    const found = await answers(page);
    const line = (name, values) => {
        const sorted = [...values].sort((a, b) => a - b);
        const quantile = (share) => sorted[Math.floor(share * (sorted.length - 1))];
        const at = (share) => quantile(share).toFixed(1).padStart(8);
        console.log(`${name.padEnd(10)}${at(0.5)}${at(0.95)}${at(0.99)}${at(1)}`);
    };
    console.log(`${found.length} answers, ms     p50     p95     p99    most`);
    for (const part of ['all', ...PARTS]) line(part, found.map((answer) => answer[part]));
});
