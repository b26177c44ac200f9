/* Samples, pasted, dropped and opened pictures. */
import assert from 'node:assert/strict';
import { beginBlank, expectDigit, expectText, pageTest, serverUrl } from './harness.js';

for (let digit = 0; digit < 10; digit++) {
    pageTest(`sample ${digit} is a ${digit}`, { reducedMotion: 'reduce' }, async (page) => {
        await beginBlank(page);
        await page.getByRole('button', { name: `Sample ${digit}` }).click();
        await expectDigit(page, digit);
    });
}

pageTest('a sample draws itself, and the next one takes its place', {}, async (page) => {
    await beginBlank(page);
    await page.getByRole('button', { name: 'Sample 8' }).click();
    await page.getByRole('button', { name: 'Sample 1' }).click();
    await expectDigit(page, 1);
    await page.waitForTimeout(900);
    await expectDigit(page, 1);
});

/* A picture handed to the page by an event, as pasting or dropping does. */
const hand = (page, type, url, name) =>
    page.evaluate(
        async ([eventType, from, fileName]) => {
            const blob = await (await fetch(from)).blob();
            const transfer = new DataTransfer();
            transfer.items.add(new File([blob], fileName, { type: blob.type }));
            const event =
                eventType === 'paste'
                    ? new ClipboardEvent('paste', {
                          clipboardData: transfer,
                          bubbles: true,
                          cancelable: true,
                      })
                    : new DragEvent(eventType, {
                          dataTransfer: transfer,
                          bubbles: true,
                          cancelable: true,
                      });
            document.querySelector('#paper').dispatchEvent(event);
        },
        [type, url, name],
    );

for (const digit of [0, 3, 7, 9]) {
    pageTest(`a pasted ${digit}, grey on white paper, is a ${digit}`, {}, async (page) => {
        await beginBlank(page);
        await hand(page, 'paste', `/samples/${digit}-pen.png`, 'pen.png');
        await expectDigit(page, digit);
        await expectText(page, '#note', /^Shown: pen\.png/);
    });
}

pageTest('a dropped picture, black on transparent, is drawn over and undone', {}, async (page) => {
    await beginBlank(page);
    await hand(page, 'dragover', '/samples/5-canvas.png', 'canvas.png');
    await hand(page, 'drop', '/samples/5-canvas.png', 'canvas.png');
    await expectDigit(page, 5);
    await page.locator('#undo').click();
    await expectDigit(page, '–');
});

pageTest('a picture is opened from a file', {}, async (page) => {
    await beginBlank(page);
    const sample = await fetch(`${serverUrl()}/samples/2-pen.png`);
    const chosen = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Open picture' }).click();
    await (
        await chosen
    ).setFiles({
        name: 'two.png',
        mimeType: 'image/png',
        buffer: Buffer.from(await sample.arrayBuffer()),
    });
    await expectDigit(page, 2);
});

pageTest('white on black is ink too; what is no picture is said so', {}, async (page) => {
    await beginBlank(page);
    const open = (name, mimeType, buffer) =>
        page.locator('#file').setInputFiles({ name, mimeType, buffer });
    const white = await page.evaluate(() => {
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = 100;
        const context = canvas.getContext('2d');
        context.fillRect(0, 0, 100, 100);
        context.fillStyle = 'white';
        context.fillRect(47, 15, 8, 70);
        return canvas.toDataURL().split(',')[1];
    });
    await open('one.png', 'image/png', Buffer.from(white, 'base64'));
    await expectDigit(page, 1);
    await open('broken.png', 'image/png', Buffer.from('this is no picture'));
    await expectText(page, '#note', /^broken\.png cannot be used/);
    await expectDigit(page, 1);
    await page.evaluate(() =>
        dispatchEvent(new ClipboardEvent('paste', { clipboardData: new DataTransfer() })),
    );
    await expectText(page, '#note', 'There is no picture on the clipboard.');
    assert.equal(await page.locator('#trouble').isVisible(), false);
});

/* A photograph of a sample on paper, in light that falls off to a fifth. */
const photograph = (page, digit, kind) =>
    page.evaluate(
        async ([url, light]) => {
            const sample = await createImageBitmap(await (await fetch(url)).blob());
            const canvas = document.createElement('canvas');
            canvas.width = canvas.height = 400;
            const context = canvas.getContext('2d');
            context.fillStyle = '#eee9dc';
            context.fillRect(0, 0, 400, 400);
            context.drawImage(sample, 40, 40, 320, 320);
            const shade =
                light === 'slope'
                    ? context.createLinearGradient(0, 30, 400, 370)
                    : context.createRadialGradient(180, 210, 20, 180, 210, 330);
            shade.addColorStop(0, '#fff');
            shade.addColorStop(1, '#333');
            context.globalCompositeOperation = 'multiply';
            context.fillStyle = shade;
            context.fillRect(0, 0, 400, 400);
            return canvas.toDataURL().split(',')[1];
        },
        [`/samples/${digit}-canvas.png`, kind],
    );

for (const kind of ['slope', 'lamp']) {
    pageTest(`photographs in light that falls off (${kind}) are read right`, {}, async (page) => {
        for (const digit of [0, 1, 4, 7, 9]) {
            await beginBlank(page);
            const buffer = Buffer.from(await photograph(page, digit, kind), 'base64');
            const file = { name: 'photo.png', mimeType: 'image/png', buffer };
            await page.locator('#file').setInputFiles(file);
            await expectDigit(page, digit);
        }
    });
}

pageTest('after Clear no caption is left of what was', {}, async (page) => {
    const hint = await page.locator('#note').innerText();
    await beginBlank(page);
    await hand(page, 'paste', '/samples/3-pen.png', 'pen.png');
    await expectText(page, '#note', /^Shown: pen\.png/);
    await expectText(page, '#latency', /ms from ink to answer$/);
    await expectText(page, '#range', /from/);
    await page.locator('#clear').click();
    await expectDigit(page, '–');
    await expectText(page, '#note', hint);
    await expectText(page, '#latency', '');
    await expectText(page, '#range', '');
    await expectText(page, '#sure', 'waiting for ink');
});
