/** C text with its parts marked. */
import { element } from './text.js';

const KEYWORDS =
    'break case const continue do else enum for goto if inline restrict return sizeof ' +
    'static struct switch typedef union while';
const TYPES =
    'bool char double float int long short signed size_t unsigned void ' +
    'u?int(?:8|16|32|64)_t _Alignas';

const words = (list) => `\\b(?:${list.split(' ').join('|')})\\b`;

const PARTS = [
    ['comment', '/\\*[\\s\\S]*?\\*/|//[^\\n]*'],
    ['directive', '^[ \\t]*#[^\\n]*'],
    ['string', '"(?:[^"\\\\\\n]|\\\\.)*"'],
    ['keyword', words(KEYWORDS)],
    ['type', words(TYPES)],
    ['number', '\\b(?:0[xX][\\da-fA-F.]+(?:[pP][+-]?\\d+)?|\\d[\\d.]*(?:[eE][+-]?\\d+)?)[fFuUlL]*'],
    ['call', '\\b[A-Za-z_]\\w*(?=\\()'],
];
const TOKEN = new RegExp(PARTS.map(([name, pattern]) => `(?<${name}>${pattern})`).join('|'), 'gm');

/**
 * @param {string} source
 * @returns {DocumentFragment} the same text, with comments, numbers, … in <span class="c-…">
 */
export function highlightC(source) {
    const fragment = document.createDocumentFragment();
    let done = 0;
    for (const match of source.matchAll(TOKEN)) {
        fragment.append(source.slice(done, match.index));
        const [name] = Object.entries(match.groups).find(([, text]) => text !== undefined);
        fragment.append(element(`span.c-${name}`, {}, match[0]));
        done = match.index + match[0].length;
    }
    fragment.append(source.slice(done));
    return fragment;
}

const FORMULA = new RegExp(
    [
        '(?<op>\\b(?:sum|max|min|prod) over [\\dx]+)',
        '(?<call>\\b[a-z]\\w*(?=\\())',
        '(?<weight>\\b(?!t\\d+\\b|input)[A-Za-z_]\\w*\\b)',
        '(?<value>\\b[A-Za-z_]\\w*\\b)',
    ].join('|'),
    'g',
);

/**
 * The right side of a kernel's formula, its sums written as ∑.
 * @param {string} formula  "t19 float32[1,32,24,24] = relu(sum over 5x5(x * w) + b)"
 */
export function highlightFormula(formula) {
    const [left, right] = formula.split(/ = (.*)/s);
    const fragment = document.createDocumentFragment();
    fragment.append(element('b', {}, left.split(' ')[0]), ' = ');
    let done = 0;
    for (const match of right.matchAll(FORMULA)) {
        fragment.append(right.slice(done, match.index).replaceAll('*', '·'));
        const [name] = Object.entries(match.groups).find(([, text]) => text !== undefined);
        if (name === 'op') {
            const [what, , extents] = match[0].split(' ');
            fragment.append(
                element(
                    'span.f-op',
                    { title: match[0] },
                    what === 'sum' ? '∑' : what,
                    element('sub', {}, extents.replaceAll('x', '×')),
                ),
            );
        } else {
            fragment.append(element(`span.f-${name}`, {}, match[0]));
        }
        done = match.index + match[0].length;
    }
    fragment.append(right.slice(done).replaceAll('*', '·'));
    return fragment;
}
