/** Numbers and elements for people. */

/**
 * An element with properties and children.
 * @param {string} tag  "div", or "div.class.other"
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node | string)} children
 */
export function element(tag, properties = {}, ...children) {
    const [name, ...classes] = tag.split('.');
    const made = document.createElement(name);
    made.className = classes.join(' ');
    for (const [key, value] of Object.entries(properties)) {
        if (key in made) made[key] = value;
        else made.setAttribute(key, String(value));
    }
    made.append(...children);
    return made;
}

/** Sets a text; one that is there already would cost the browser a layout all the same. */
export function say(node, text) {
    if (node.textContent !== text) node.textContent = text;
}

/** Three significant digits. */
const short = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function scaled(value, units, step) {
    let unit = 0;
    while (unit + 1 < units.length && value >= 0.9995 * step) {
        value /= step;
        unit++;
    }
    return [unit === 0 && Number.isInteger(value) ? String(value) : short(value), units[unit]];
}

/** @returns {[string, string]} number and unit */
export const time = (microseconds) => scaled(microseconds, ['µs', 'ms', 's'], 1000);
export const flops = (count) =>
    scaled(count, ['FLOP', 'kFLOP', 'MFLOP', 'GFLOP'], 1000).join('\u00a0');
export const bytes = (count) => scaled(count, ['B', 'KiB', 'MiB', 'GiB'], 1024).join('\u00a0');

/** A probability as a percentage; never 0 or 100 unless it is. */
export function percent(share) {
    if (share > 0.9995 && share < 1) return '>99.9\u00a0%';
    const decimals = share === 1 ? 0 : share < 0.01 ? 2 : 1;
    return `${(100 * share).toFixed(decimals)}\u00a0%`;
}

/** "[1,32,10,10]" as "32 × 10 × 10": without the leading ones. */
export function shape(extents) {
    const first = extents.findIndex((extent) => extent > 1);
    return first < 0 ? '1' : extents.slice(first).join(' × ');
}

export const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

const NUMBERS = [
    'no',
    'one',
    'two',
    'three',
    'four',
    'five',
    'six',
    'seven',
    'eight',
    'nine',
    'ten',
];
export const counted = (count) => NUMBERS[count] ?? String(count);
