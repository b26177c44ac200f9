/* Classifies a digit that is drawn as text, 28 lines of 28 characters:
 *
 *     node classify.mjs mnist/mnist.js seven.txt
 */
import { readFile } from 'node:fs/promises';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';

const INK = ' .:-=+*#%@'; /* from none to most */

const [, , modulePath, drawingPath] = argv;
const { load } = await import(pathToFileURL(modulePath));
const model = await load();

const drawing = (await readFile(drawingPath, 'utf8')).replaceAll('\n', '');
const pixels = Float32Array.from(drawing, (character) => INK.indexOf(character) / 9);

const { outputs, digest } = model.run({ input_image: pixels });
const scores = [...outputs.logits.data];
console.log(`This is a ${scores.indexOf(Math.max(...scores))}.`);
console.log(`digest ${digest}`);
