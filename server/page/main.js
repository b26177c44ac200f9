/** The page: a drawing becomes a question to the server, its answer is shown. */
import { decodeActivation } from './activations.js';
import { AnswerView } from './answer.js';
import {
    chooseModel,
    Connection,
    fetchActivations,
    fetchAnswer,
    fetchGraph,
    fetchKernels,
    fetchModel,
    fetchReceipt,
    GOES_ON,
    Newest,
    Refusal,
    SAFE,
} from './api.js';
import { Browser } from './browser.js';
import { Ink } from './ink.js';
import { KernelView } from './kernels.js';
import { isAlone } from './modes.js';
import { Pad } from './pad.js';
import { pictureToInk } from './picture.js';
import { cropDrawing, encodeDrawing, encodePng } from './png.js';
import { receiptText, saveFile } from './receipt.js';
import { sampleStrokes } from './samples.js';
import { say } from './text.js';

const byId = (id) => document.getElementById(id);

const MODES = ['eager', 'jit', 'aot', 'cuda'];
const SLOW_EAGER_US = 5_000; /* slower than this, eager runs only when the pen rests */
const ACTIVATIONS_EVERY_MS = 400;
const SETTLED_MS = 500;
const LATE_MS = 250; /* without an answer for this long, the page says that it waits for one */
const POLL_MS = 1000;
const MOST_TIMES_ASKED = 3; /* that kernels are asked whether they have been timed */
const SAMPLE_MS = 700;
const FIRST_SAMPLE = 3;
/* What stands beside this browser's answer when the server is away. */
const SILENT = Object.fromEntries(MODES.map((mode) => [mode, { state: 'silent' }]));

const answer = new AnswerView();
const kernels = new KernelView();
const ink = new Ink(byId('pad'), inkChanged);
const pad = new Pad(ink, byId('cursor'));
const browser = new Browser();
const predictor = new Newest(predict);
const thinker = new Newest(think);
const activator = new Newest(showActivations);
const connection = new Connection(byId('trouble'), retry);

const HINT = byId('note').textContent;

let oldestChange = 0; /* when the first change happened that no answer has seen yet */
let changes = 0; /* of the drawing, so far */
let answered = 0; /* how many of them the shown answer has seen */
let blanks = 0; /* how often there was nothing to answer for */
let latestDrawing = null;
let servedModel = null; /* its facts */
let isEagerSlow = false;
let hasGpu = false;
let isDrawing = false;
let isShowing = false; /* the page draws by itself */
let settling = 0; /* timers */
let waiting = 0;
let isSettled = false; /* nothing has changed for a moment */
let polling = 0;
let timesAsked = 0;

/* ---- From ink to answer ---- */

function inkChanged() {
    changes++;
    oldestChange ||= performance.now();
    byId('invite').hidden = ink.hasInk;
    byId('undo').disabled = !ink.canUndo;
    byId('clear').disabled = !ink.hasInk;
    if (!ink.hasInk) note(HINT, true);
    say(byId('spoken'), '');
    waiting ||= setTimeout(wait, LATE_MS);
    settle();
    if (!drawSample.run?.isAtOnce) ask(!isDrawing && !drawSample.run);
}

/** Asks the server, and this browser; older questions to the server are given up for what stays. */
function ask(stays) {
    thinker.ask();
    if (isAlone) return;
    if (stays) predictor.insist();
    else predictor.ask();
}

function settle() {
    isSettled = false;
    clearTimeout(settling);
    settling = setTimeout(() => {
        isSettled = true;
        speak();
    }, SETTLED_MS);
}

/** What is shown is of an older drawing, and has been for a while. */
function wait() {
    answer.isBusy = true;
}

/** An answer is shown to the drawing as it was after so many changes. */
function settleAnswer(seen) {
    answered = seen;
    if (answered === changes) {
        clearTimeout(waiting);
        waiting = 0;
        answer.isBusy = false;
        speak();
    } else if (!answer.isBusy) {
        clearTimeout(waiting);
        waiting = setTimeout(wait, LATE_MS);
    }
}

/** Whether to ask for it: while the pen moves for no slow one. */
function hasMode(mode) {
    return mode === 'cuda' ? hasGpu : mode !== 'eager' || !(isEagerSlow && isDrawing);
}

async function predict(signal) {
    const since = oldestChange;
    const seen = changes;
    oldestChange = 0;
    try {
        const cropped = ink.hasInk ? cropDrawing(ink.pixels) : null;
        const drawing = cropped && encodeDrawing(cropped);
        latestDrawing = drawing;
        if (drawing) {
            const modes = MODES.filter((mode) => hasMode(mode));
            showAnswer(await fetchAnswer(drawing, modes, signal), seen, since);
            connection.found();
            activator.ask();
        } else {
            showBlank();
        }
    } catch (error) {
        if (signal.aborted) {
            oldestChange = since || oldestChange;
            return;
        }
        if (!(error instanceof Refusal) || error.isPassing) {
            lose(error);
            return;
        }
        if (error.reason === 'blank') showBlank();
        else showRefusal(error);
    }
    settleAnswer(seen);
}

/** The server is away: this browser goes on, if it can. */
function lose(error) {
    connection.lost(error);
    thinker.ask();
}

/** The drawing's answer by this browser, which is shown by itself where no server answers. */
async function think() {
    const since = oldestChange;
    const seen = changes;
    const drawing = browser.isReady && ink.hasInk ? cropDrawing(ink.pixels) : null;
    const found = drawing && (await browser.run(drawing));
    answer.showBrowser(found?.modes.browser ?? browser.mode, seen);
    if (!browser.isReady || !(isAlone || connection.isLost)) return;
    oldestChange = 0;
    if (found) showAnswer({ ...found, modes: { ...SILENT, ...found.modes } }, seen, since);
    else showBlank();
    settleAnswer(seen);
}

function showAnswer(result, seen, since) {
    answer.show(result, seen);
    const eager = result.modes.eager?.microseconds;
    if (eager) isEagerSlow = eager > SLOW_EAGER_US;
    if (result.modes.aot?.state === 'building') waitForCompiler();
    if (!since) return;
    requestAnimationFrame(() => {
        const measure = performance.measure('ink to answer', { start: since });
        say(byId('latency'), `${Math.max(1, Math.round(measure.duration))} ms from ink to answer`);
    });
}

function showBlank() {
    blanks++;
    answer.clear();
    kernels.clearActivations();
    byId('latency').textContent = '\u00a0';
}

function showRefusal(error) {
    showBlank();
    answer.refuse();
    note(`This drawing was refused: ${error.message}`);
}

async function showActivations() {
    const drawing = latestDrawing;
    const before = blanks;
    if (!drawing) return;
    try {
        const result = await fetchActivations(drawing);
        const decoded = await Promise.all(result.kernels.map(decodeActivation));
        if (latestDrawing && blanks === before) kernels.showActivations(decoded);
        if (kernels.isUntimed && timesAsked++ < MOST_TIMES_ASKED) await loadKernels();
    } catch (error) {
        if (!(error instanceof Refusal)) lose(error);
    }
    await new Promise((resolve) => {
        setTimeout(resolve, ACTIVATIONS_EVERY_MS);
    });
}

/** Tells a screen reader the answer: once the drawing rests, and only one that is of all of it. */
function speak() {
    if (isSettled && answered === changes && !isDrawing && !isShowing)
        say(byId('spoken'), answer.spoken());
}

/* ---- The model ---- */

async function loadKernels() {
    const [list, graph] = await Promise.all([fetchKernels(), fetchGraph()]);
    kernels.showKernels(list, graph);
}

async function loadModel() {
    try {
        const model = await fetchModel();
        servedModel = model;
        kernels.showModel(model);
        hasGpu = 'cuda' in model.modes;
        answer.offerModes(MODES.filter((mode) => mode in model.modes));
        say(
            byId('save-command'),
            `eigentensor verify receipt.json ${model.name}.json digit.png`,
        );
        byId('model').textContent = `${model.name} · ${model.uuid} · ${model.cpu}`;
        await Promise.all([loadKernels(), offerModels(model)]);
        connection.found();
        chooseInBrowser(model.digest);
        if (model.modes.aot?.state === 'building') waitForCompiler();
    } catch (error) {
        lose(error);
    }
}

/** Lets this browser run that graph, or, without a digest, whichever it has. */
async function chooseInBrowser(graph) {
    await browser.choose(graph);
    connection.comfort = browser.isReady ? GOES_ON : SAFE;
    if (isAlone && browser.model) say(byId('model'), Object.values(browser.model).join(' · '));
    thinker.ask();
}

/** Where several models take drawings, lets one be chosen. */
async function offerModels(shown) {
    const facts = await Promise.all(
        shown.models.map((name) => (name === shown.name ? shown : fetchModel(name))),
    );
    const names = facts.filter((model) => model.takes_pictures).map((model) => model.name);
    byId('choice').hidden = names.length < 2;
    byId('models').replaceChildren(
        ...names.map((name) => new Option(name, name, false, name === shown.name)),
    );
}

byId('models').addEventListener('change', (event) => {
    chooseModel(event.target.value);
    isEagerSlow = false;
    timesAsked = 0;
    kernels.clearActivations();
    loadModel();
    ask(true);
});

/** Looks once a second whether gcc is done, then shows what it made. */
function waitForCompiler() {
    if (polling) return;
    polling = setInterval(async () => {
        const model = await fetchModel().catch(() => null);
        if (!model || model.modes.aot?.state === 'building') return;
        clearInterval(polling);
        polling = 0;
        predictor.ask();
        loadModel();
    }, POLL_MS);
}

function retry() {
    if (kernels.isEmpty) loadModel();
    predictor.ask();
    if (!ink.hasInk && !kernels.isEmpty) loadModel();
}

connection.onBack = () => {
    note('The server is back.');
    if (!kernels.isEmpty) loadModel();
};

/* ---- Tools ---- */

function note(text, isHint = false) {
    say(byId('note'), text);
    byId('note').classList.toggle('hint', isHint);
}

/** The receipt of the shown answer: the server's, or where it is away this browser's. */
async function saveReceipt() {
    const { pixels } = answer;
    const isHere = isAlone || connection.isLost;
    try {
        const receipt = await (isHere
            ? browser.receipt(pixels)
            : fetchReceipt(servedModel, pixels));
        saveFile('receipt.json', 'application/json', receiptText(receipt));
    } catch (error) {
        note(`There is no receipt: ${error.message}`);
    }
}

function savePixels() {
    saveFile('digit.png', 'image/png', encodePng(28, 28, answer.pixels));
}

function setErasing(erasing) {
    pad.erasing = erasing;
    byId('pen').ariaPressed = String(!erasing);
    byId('eraser').ariaPressed = String(erasing);
}

/** Ends the page's own drawing; its ink goes too when a person takes the pen. */
function takeOver() {
    if (isShowing) ink.reset();
    isShowing = false;
}

async function drawSample(digit) {
    pad.stop();
    takeOver();
    ink.clear();
    const strokes = sampleStrokes(digit);
    const points = strokes.reduce((sum, stroke) => sum + stroke.length / 2, 0);
    /* Then no part of it is asked for. */
    const isAtOnce = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const run = { isAtOnce };
    drawSample.run = run;
    const begun = performance.now();
    let drawn = 0;
    for (const stroke of strokes) {
        ink.begin(pad.width, false, stroke[0], stroke[1]);
        for (let i = 2; i < stroke.length; i += 2, drawn++) {
            while (!isAtOnce && performance.now() - begun < (SAMPLE_MS * drawn) / points) {
                await new Promise(requestAnimationFrame);
                if (drawSample.run !== run) return;
            }
            ink.extend(stroke.slice(i, i + 2));
        }
    }
    drawSample.run = null;
    ask(true);
}

async function openPicture(file) {
    try {
        const picture = await pictureToInk(file);
        stopSample();
        ink.clear();
        ink.addPicture(picture);
        note(`Shown: ${file.name || 'the pasted picture'}.`);
    } catch (error) {
        note(`${file.name || 'What was pasted'} cannot be used: ${error.message}.`);
    }
}

function stopSample() {
    drawSample.run = null;
    takeOver();
}

function clear() {
    stopSample();
    pad.stop();
    ink.clear();
}

function undo() {
    stopSample();
    pad.stop();
    ink.undo();
}

function redo() {
    pad.stop();
    ink.redo();
}

pad.onBegin = () => {
    stopSample();
    isDrawing = true;
};
pad.onEnd = () => {
    isDrawing = false;
    if (isEagerSlow) changes++; /* the answer so far is not of all modes */
    ask(true);
    settle();
};
pad.onPen = (text) => {
    byId('spoken').textContent = text;
};

byId('save-receipt').addEventListener('click', saveReceipt);
byId('save-pixels').addEventListener('click', savePixels);
byId('pen').addEventListener('click', () => setErasing(false));
byId('eraser').addEventListener('click', () => setErasing(true));
byId('undo').addEventListener('click', undo);
byId('clear').addEventListener('click', clear);
byId('open').addEventListener('click', () => byId('file').click());
byId('file').addEventListener('change', ({ target }) => {
    if (target.files[0]) openPicture(target.files[0]);
    target.value = '';
});
byId('width').addEventListener('input', ({ target }) => {
    pad.width = Number(target.value);
    target.parentElement.style.setProperty('--width', target.value);
    pad.fit();
});
for (let digit = 0; digit < 10; digit++) {
    const button = document.createElement('button');
    Object.assign(button, { type: 'button', textContent: digit, ariaLabel: `Sample ${digit}` });
    button.addEventListener('click', () => drawSample(digit));
    byId('samples').append(button);
}

addEventListener('keydown', (event) => {
    const key = event.key.toLowerCase();
    const isCommand = event.ctrlKey || event.metaKey;
    const isPad = document.activeElement === byId('pad') && !isCommand && !event.altKey;
    let action = null;
    if (isCommand && key === 'z') action = event.shiftKey ? redo : undo;
    else if (isCommand && key === 'y') action = redo;
    else if (isPad && /^\d$/.test(key)) action = () => drawSample(Number(key));
    else if (isPad) {
        action = { u: undo, backspace: undo, delete: clear, e: () => setErasing(!pad.erasing) }[
            key
        ];
    }
    if (!action) return;
    event.preventDefault();
    action();
});

/* ---- Pictures from elsewhere ---- */

const pictureOf = (transfer) =>
    [...(transfer?.files ?? [])].find((file) => file.type.startsWith('image/'));

addEventListener('paste', (event) => {
    const picture = pictureOf(event.clipboardData);
    if (picture) openPicture(picture);
    else note('There is no picture on the clipboard.');
});
addEventListener('dragover', (event) => {
    event.preventDefault();
    byId('paper').classList.add('open');
});
for (const type of ['dragleave', 'drop']) {
    addEventListener(type, () => byId('paper').classList.remove('open'));
}
addEventListener('drop', (event) => {
    event.preventDefault();
    const picture = pictureOf(event.dataTransfer);
    if (picture) openPicture(picture);
    else note('That is not a picture.');
});

/* ---- Begin: the page draws a digit by itself until somebody takes the pen ---- */

pad.fit();
if (isAlone) chooseInBrowser('');
else loadModel();
if (!ink.hasInk) {
    drawSample(FIRST_SAMPLE);
    isShowing = true;
}
