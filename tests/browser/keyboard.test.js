/* Everything by keyboard, and what a screen reader is told. */
import assert from 'node:assert/strict';
import { beginBlank, eventually, expectDigit, expectText, pageTest } from './harness.js';

async function press(page, key, times = 1) {
    for (let i = 0; i < times; i++) await page.keyboard.press(key);
}

/* From the page's top to the pad, as a person would. */
async function goToPad(page) {
    await page.locator('body').evaluate(() => document.activeElement?.blur());
    for (let i = 0; i < 12; i++) {
        await page.keyboard.press('Tab');
        if (await page.evaluate(() => document.activeElement.id === 'pad')) return;
    }
    assert.fail('Tab does not reach the pad');
}

pageTest('digits are drawn with arrow keys and the space bar', {}, async (page) => {
    await goToPad(page);
    await press(page, 'Delete');
    await expectDigit(page, '–');
    await expectText(page, '.help', /Arrow keys move the pen/);
    assert.equal(
        await page.locator('#cursor').evaluate((cursor) => getComputedStyle(cursor).opacity),
        '1',
    );

    await press(page, 'Space');
    await press(page, 'ArrowDown', 14);
    await press(page, 'Space');
    await expectDigit(page, 1);

    await press(page, 'Delete');
    await press(page, 'ArrowUp', 14);
    await press(page, 'ArrowLeft', 5);
    await press(page, 'Space');
    await press(page, 'ArrowRight', 9);
    await page.keyboard.down('ArrowLeft');
    for (let i = 0; i < 4; i++) {
        await page.keyboard.down('ArrowDown');
        await page.keyboard.up('ArrowDown');
        await press(page, 'ArrowDown');
    }
    await page.keyboard.up('ArrowLeft');
    await press(page, 'ArrowDown', 5);
    await press(page, 'Space');
    await expectDigit(page, 7);
    await press(page, 'u');
    await expectDigit(page, '–');
});

pageTest('number keys draw samples, E erases', { reducedMotion: 'reduce' }, async (page) => {
    await goToPad(page);
    for (const digit of [5, 0, 9]) {
        await press(page, String(digit));
        await expectDigit(page, digit);
    }
    await press(page, 'e');
    assert.equal(await page.locator('#eraser').getAttribute('aria-pressed'), 'true');
});

pageTest('Tab reaches every control, visibly', {}, async (page) => {
    await page.locator('#pad').waitFor();
    const wanted = await page.evaluate(
        () =>
            [
                ...document.querySelectorAll(
                    'a[href], button, select, input:not([type=file]), #pad, pre',
                ),
            ].filter((each) => !each.disabled && each.tabIndex >= 0 && each.checkVisibility())
                .length,
    );
    const seen = new Set();
    for (let i = 0; i < wanted + 5; i++) {
        await page.keyboard.press('Tab');
        const { name, outlined } = await page.evaluate(() => {
            const at = document.activeElement;
            return {
                name: `${at.tagName} ${at.id} ${at.ariaLabel ?? at.textContent.slice(0, 9)}`,
                outlined: getComputedStyle(at).outlineStyle !== 'none',
            };
        });
        if (name.startsWith('BODY')) break;
        assert.ok(outlined, `${name} shows that it has the focus`);
        seen.add(name);
    }
    assert.equal(seen.size, wanted, [...seen].join('\n'));
});

pageTest(
    'the prediction is spoken, once it has settled',
    { reducedMotion: 'reduce' },
    async (page) => {
        await beginBlank(page);
        await page.getByRole('button', { name: 'Sample 6' }).click();
        await expectText(
            page,
            '#spoken',
            /^This is a 6, [>\d.]+\s% sure\. All modes agree, bit for bit\.$/,
        );
        assert.equal(await page.locator('#spoken').getAttribute('aria-live'), 'polite');
        await page.locator('#clear').click();
        await expectText(page, '#spoken', 'Nothing is drawn.');
        await page.getByRole('button', { name: 'Sample 8' }).click();
        await expectText(page, '#spoken', /^This is an 8, /);
    },
);

pageTest('everything has a name, and its role', {}, async (page) => {
    const nameless = await page.evaluate(() =>
        [...document.querySelectorAll('button, input, a, canvas')]
            .filter((each) => !each.closest('[hidden], [aria-hidden=true]') && each.type !== 'file')
            .filter(
                (each) =>
                    !(
                        each.ariaLabel ||
                        each.textContent.trim() ||
                        each.labels?.[0]?.textContent.trim()
                    ),
            )
            .map((each) => each.outerHTML),
    );
    assert.deepEqual(nameless, []);
    for (const [role, name] of [
        ['application', 'Drawing of a digit'],
        ['slider', 'Stroke width'],
        ['img', 'The 28 by 28 pixels that the model sees'],
        ['tablist', 'Kernels'],
        ['list', 'Probability of each digit'],
        ['toolbar', 'Drawing tools'],
    ]) {
        assert.equal(await page.getByRole(role, { name }).count(), 1, `${role} "${name}"`);
    }
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
    assert.equal(await page.locator('h1').count(), 1);
});

pageTest('kernels are tabs: arrow keys go from one to the next', {}, async (page) => {
    const selected = () => page.locator('.card[aria-selected=true] .number').innerText();
    await page.locator('.card').first().focus();
    assert.equal(await selected(), 'k01');
    await press(page, 'ArrowRight');
    assert.equal(await selected(), 'k02');
    await press(page, 'End');
    assert.equal(await selected(), 'k05');
    await press(page, 'ArrowRight');
    assert.equal(await selected(), 'k05');
    await press(page, 'Home');
    assert.equal(await selected(), 'k01');
    await eventually('the focus moves along', () =>
        page.evaluate(() => document.activeElement.id === 'card-0'),
    );
});
