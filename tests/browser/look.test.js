/* Sizes, colours, motion, and what is loaded. */
import assert from 'node:assert/strict';
import {
    beginBlank,
    DESKTOP,
    drawDigit,
    eventually,
    expectDigit,
    pageTest,
    PHONE,
    serverUrl,
} from './harness.js';

const MOST_BYTES = 60_000;

const sizes = [
    PHONE,
    { width: 390, height: 844 },
    { width: 568, height: 320 },
    { width: 740, height: 360 },
    { width: 768, height: 1024 },
    { width: 1024, height: 768 },
    DESKTOP,
    { width: 2560, height: 1300 },
];

for (const size of sizes) {
    pageTest(
        `${size.width} × ${size.height}: nothing overlaps, sticks out or is too small`,
        { size },
        async (page) => {
            await expectDigit(page, 3);
            const found = await page.evaluate(() => {
                const box = (selector) => document.querySelector(selector).getBoundingClientRect();
                const blocks = ['.claim', '.draw', '.answer', '.modes', '.pipeline'].map((name) => [
                    name,
                    box(name),
                ]);
                const overlaps = blocks.flatMap(([a, p], i) =>
                    blocks
                        .slice(i + 1)
                        .filter(
                            ([, q]) =>
                                p.left < q.right - 1 &&
                                q.left < p.right - 1 &&
                                p.top < q.bottom - 1 &&
                                q.top < p.bottom - 1,
                        )
                        .map(([b]) => `${a} and ${b}`),
                );
                const controls = 'a[href], button, input:not([type=file]), [role=tab]';
                const small = [...document.querySelectorAll(controls)]
                    .filter((each) => each.checkVisibility() && !each.matches('.skip'))
                    .map((each) => [each.outerHTML.slice(0, 60), each.getBoundingClientRect()])
                    .filter(([, { width, height }]) => width < 24 || height < 24)
                    .map(([name]) => name);
                return {
                    overlaps,
                    small,
                    excess: document.documentElement.scrollWidth - innerWidth,
                };
            });
            assert.deepEqual(found, { overlaps: [], small: [], excess: found.excess });
            assert.ok(found.excess <= 0, `${found.excess} pixels too wide`);
        },
    );
}

pageTest(
    'on a phone, pad and prediction fit on the screen together',
    { size: PHONE },
    async (page) => {
        await expectDigit(page, 3);
        const digit = await page.locator('#digit').boundingBox();
        assert.ok(
            digit.y + digit.height <= PHONE.height,
            `the digit ends at ${digit.y + digit.height}`,
        );
    },
);

pageTest('on a desktop, pad, prediction and modes fit on the screen together', {}, async (page) => {
    const agree = await page.locator('#agree').boundingBox();
    assert.ok(
        agree.y + agree.height <= DESKTOP.height,
        `the modes end at ${agree.y + agree.height}`,
    );
});

/* Landscape phones, a desktop at 200 %, a low window, half of a screen. */
const LOW = [
    { width: 740, height: 360 },
    { width: 568, height: 320 },
    { width: 680, height: 430 },
    { width: 1100, height: 420 },
    { width: 800, height: 600 },
];

for (const size of LOW) {
    pageTest(
        `${size.width} × ${size.height}: pad and answer are seen together, beside each other`,
        { size, reducedMotion: 'reduce' },
        async (page) => {
            await expectDigit(page, 3);
            for (const name of ['#pad', '#digit', '#sure', '#bars']) {
                const box = await page.locator(name).boundingBox();
                const [right, bottom] = [box.x + box.width, box.y + box.height];
                assert.ok(box.y >= 0 && bottom <= size.height, `${name} ends at ${bottom}`);
                assert.ok(box.x >= 0 && right <= size.width, `${name} ends at ${right} across`);
            }
            const pad = await page.locator('#pad').boundingBox();
            const answer = await page.locator('#digit').boundingBox();
            assert.ok(answer.x > pad.x + pad.width);
            assert.ok(pad.width > 200, `the pad is ${pad.width} wide`);
        },
    );
}

pageTest(
    'in landscape a finger scrolls past the pad, two fingers on it do, one draws',
    { size: LOW[0], hasTouch: true, isMobile: true, reducedMotion: 'reduce' },
    async (page) => {
        await beginBlank(page);
        const client = await page.context().newCDPSession(page);
        const pad = await page.locator('#pad').boundingBox();
        assert.ok(pad.x >= 60, 'there is room for a thumb beside the pad');
        const touch = (type, points) =>
            client.send('Input.dispatchTouchEvent', {
                type,
                touchPoints: points.map(([x, y], id) => ({ x, y, id })),
            });
        const swipe = async (...xs) => {
            await touch('touchStart', [[xs[0], 280]]);
            if (xs[1])
                await touch(
                    'touchStart',
                    xs.map((x) => [x, 280]),
                );
            for (let y = 270; y > 60; y -= 15)
                await touch(
                    'touchMove',
                    xs.map((x) => [x, y]),
                );
            await touch('touchEnd', []);
        };
        const scrolled = () => page.evaluate(() => Math.round(scrollY));

        await swipe(pad.x + 80);
        assert.equal(await scrolled(), 0);
        assert.equal(await page.locator('#undo').isDisabled(), false, 'one finger draws');
        await page.locator('#clear').click();
        await swipe(20);
        await eventually('a finger beside the pad scrolls', async () => (await scrolled()) > 100);
        await page.evaluate(() => scrollTo(0, 0));
        await swipe(pad.x + 80, pad.x + 160);
        await eventually('two fingers scroll', async () => (await scrolled()) > 50);
        assert.equal(await page.locator('#clear').isDisabled(), true, 'they leave no ink');
    },
);

/* Relative luminance of a computed "rgb(…)" colour, and the contrast of two. */
const luminance = (colour) =>
    colour
        .match(/[\d.]+/g)
        .slice(0, 3)
        .map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
const contrast = (a, b) =>
    (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);

for (const colorScheme of ['light', 'dark']) {
    pageTest(`${colorScheme}: every text can be read`, { colorScheme }, async (page) => {
        assert.equal(
            await page.evaluate(() => document.documentElement.dataset.theme),
            colorScheme,
        );
        await expectDigit(page, 3);
        const texts = await page.evaluate(() => {
            const solid = (node) => {
                for (let at = node; at; at = at.parentElement) {
                    const colour = getComputedStyle(at).backgroundColor;
                    if (/^rgb\(/.test(colour)) return colour;
                }
                return 'rgb(0, 0, 0)';
            };
            return [
                'h1',
                'h1 span',
                '.claim p',
                '.samples',
                '.note',
                '.sure',
                '.mode h3',
                '.mode small',
                '.digest',
                '.agree',
                '.agree b',
                '.formula',
                '.f-weight',
                '.f-call',
                '.about dt',
                '.c-comment',
                '.c-keyword',
                '.c-type',
                '.c-number',
                '.card strong',
                '.card .cost',
                'footer',
                '.top nav a',
                '.bars .best b',
            ].map((name) => [
                name,
                getComputedStyle(document.querySelector(name)).color,
                solid(document.querySelector(name)),
            ]);
        });
        for (const [name, ink, paper] of texts) {
            assert.ok(
                contrast(ink, paper) >= 4.5,
                `${name}: ${contrast(ink, paper).toFixed(2)} (${ink} on ${paper})`,
            );
        }
        await drawDigit(page, 0);
        await expectDigit(page, 0);
    });
}

pageTest(
    'the switch changes the colours, and the choice stays',
    { colorScheme: 'light' },
    async (page) => {
        const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
        await page.getByRole('button', { name: 'Switch to dark colours' }).click();
        assert.equal(await theme(), 'dark');
        await page.reload();
        assert.equal(await theme(), 'dark');
        await page.getByRole('button', { name: 'Switch to light colours' }).click();
        assert.equal(await theme(), 'light');
    },
);

pageTest(
    'the colours follow the system while nobody has chosen',
    { colorScheme: 'light' },
    async (page) => {
        const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
        assert.equal(await theme(), 'light');
        await page.emulateMedia({ colorScheme: 'dark' });
        await eventually('the page is dark', async () => (await theme()) === 'dark');
    },
);

pageTest(
    'reduced motion: samples appear at once, nothing moves',
    { reducedMotion: 'reduce' },
    async (page) => {
        await page.getByRole('button', { name: 'Sample 8' }).click();
        assert.equal(
            await page.evaluate(() => {
                document.querySelector('#samples button').click();
                return document.querySelector('#undo').disabled;
            }),
            false,
        );
        const moving = await page.evaluate(() => document.getAnimations().length);
        assert.equal(moving, 0);
        await expectDigit(page, 0);
    },
);

pageTest(
    `it comes in one round, in less than ${MOST_BYTES} bytes, all from here`,
    {},
    async (page, t) => {
        const loaded = await page.evaluate(() =>
            [
                ...performance.getEntriesByType('navigation'),
                ...performance.getEntriesByType('resource'),
            ].map(({ name, encodedBodySize, initiatorType }) => ({
                name,
                encodedBodySize,
                initiatorType,
            })),
        );
        const files = loaded.filter(({ name }) => !name.includes('/api/'));
        for (const { name } of loaded)
            assert.ok(name.startsWith(serverUrl()), `${name} is from elsewhere`);
        const bytes = files.reduce((sum, file) => sum + file.encodedBodySize, 0);
        t.diagnostic(`${files.length} files, ${bytes} bytes`);
        assert.ok(bytes > 10_000 && bytes < MOST_BYTES, `${bytes} bytes`);
        const late = files.filter(
            ({ initiatorType }) =>
                !['navigation', 'link', 'script', 'other'].includes(initiatorType),
        );
        assert.deepEqual(late, [], 'every file is named in index.html');
    },
);
