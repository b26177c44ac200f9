/* The pipeline: five kernels with their facts, C and activations. */
import assert from 'node:assert/strict';
import {
    beginBlank,
    compilerIsDone,
    drawDigit,
    eventually,
    expectDigit,
    expectText,
    pageTest,
    serverUrl,
} from './harness.js';

const ask = async (path) => (await fetch(serverUrl() + path)).json();

pageTest('every kernel shows its formula, its facts and its C, word for word', {}, async (page) => {
    await compilerIsDone();
    await page.reload();
    await page.locator('.card').first().waitFor();
    const { kernels } = await ask('/api/kernels');
    assert.equal(await page.locator('.card').count(), kernels.length);
    await expectText(page, '#pipeline-title', '130 graph nodes become five C functions');
    for (const [i, kernel] of kernels.entries()) {
        await page.locator('.card').nth(i).click();
        const code = await page.locator('.code code').evaluate((shown) => shown.textContent);
        assert.equal(code, kernel.source.trim());
        assert.ok((await page.locator('.code .c-comment').count()) > 0, 'comments are marked');
        assert.ok((await page.locator('.code .c-keyword').count()) > 5, 'keywords are marked');
        await expectText(page, '.formula', new RegExp(`^${kernel.output.split(' ')[0]} = `));
        await expectText(page, '[data-fact="Arithmetic"]', /FLOP$/);
        assert.match(
            await page.locator('[data-fact="Graph nodes"]').innerText(),
            new RegExp(`^${kernel.nodes[0]}\\s`),
        );
    }
});

pageTest(
    'the C is copied',
    { permissions: ['clipboard-read', 'clipboard-write'] },
    async (page) => {
        await page.locator('.card').nth(1).click();
        await page.getByRole('button', { name: 'Copy' }).click();
        await expectText(page, '.code [role=status]', 'Copied.');
        const copied = await page.evaluate(() => navigator.clipboard.readText());
        assert.equal(
            copied.trim(),
            await page.locator('.code code').evaluate((shown) => shown.textContent),
        );
    },
);

/* How many different colours a canvas shows. */
const colours = (page, selector) =>
    page
        .locator(selector)
        .first()
        .evaluate((canvas) => {
            const { data } = canvas
                .getContext('2d')
                .getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size;
        });

pageTest('activations are pictures of what is drawn', {}, async (page) => {
    await drawDigit(page, 2);
    await expectDigit(page, 2);
    const picture = () => page.locator('#activations').evaluate((canvas) => canvas.toDataURL());
    for (let i = 0; i < 5; i++) {
        await page.locator('.card').nth(i).click();
        await eventually(
            'activations are shown',
            async () => (await colours(page, '#activations')) > 5,
        );
        assert.ok((await colours(page, `#card-${i} canvas`)) > 3, `card ${i} shows some`);
    }
    await expectText(page, '#range', /^10 × 1 × 1, from -/);
    const before = await picture();
    await page.locator('#clear').click();
    await drawDigit(page, 6);
    await eventually(
        'the picture changes',
        async () =>
            ![before].includes(await picture()) && (await colours(page, '#activations')) > 5,
    );
});

pageTest('the whole C file is a click away', {}, async (page) => {
    const address = await page.getByRole('link', { name: 'Whole file' }).getAttribute('href');
    const answer = await fetch(new URL(address, serverUrl()));
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /static void k05_/);
});

pageTest('another model can be chosen, and answers', {}, async (page) => {
    const { digest } = await ask('/api/model?model=mnist-int8');
    await page.locator('#models').selectOption('mnist-int8');
    await expectText(page, '#model', new RegExp(`^mnist-int8 · ${digest.slice(0, 8)}`));
    await expectText(page, '#pipeline-facts', /^mnist-int8\.json asks for /);
    await beginBlank(page);
    await drawDigit(page, 3);
    await expectDigit(page, 3);
    await eventually(
        'activations of integers are shown',
        async () => (await colours(page, '#card-0 canvas')) > 3,
    );
    const { kernels } = await ask('/api/kernels?model=mnist-int8');
    assert.equal(await page.locator('.card').count(), kernels.length);
    await page.locator('#models').selectOption('mnist');
    await expectText(page, '#model', /^mnist · /);
    await expectDigit(page, 3);
});
