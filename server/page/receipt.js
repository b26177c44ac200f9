/** A run as files: its receipt, by which `eigentensor verify` repeats it, and its input. */
import { element } from './text.js';

/** Offers bytes or text as a file. */
export function saveFile(name, type, content) {
    const url = URL.createObjectURL(new Blob([content], { type }));
    element('a', { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** A receipt as its file has it. */
export const receiptText = (receipt) => `${JSON.stringify(receipt, null, 1)}\n`;
