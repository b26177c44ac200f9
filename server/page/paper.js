/**
 * A photograph of a sheet in uneven light: where the ink is. The recipe is that of the server's
 * runtime/formats/image_paper.c, which says more; what it is given differs a little, since here the
 * browser scales the picture down.
 *
 * @typedef {{width: number, height: number, at: Uint8Array}} Map  brightness, later ink
 */

/** The longer side of a map, at most. */
export const PAPER_SIDE = 160;

const GRID = 16; /* cells to a side */
const LAST = GRID - 1;
const REACH = 2; /* cells: ink is narrower than twice that and one */
const UNEVEN = 24; /* of 255; a border that varies less is even */
const MOST_STEPS = 3; /* the border's range is at least so many times its greatest step */
const SPECK = 24; /* times smaller than the greatest spot: no part of the digit */

/** Calls back for each place within `reach` of one. */
function around(width, height, x, y, reach, step, visit) {
    const [right, bottom] = [Math.min(width - 1, x + reach), Math.min(height - 1, y + reach)];
    for (let row = Math.max(0, y - reach); row <= bottom; row += step) {
        for (let column = Math.max(0, x - reach); column <= right; column += step) {
            visit(row * width + column);
        }
    }
}

/** Light ink: the picture is dark as a whole, and what stands out of it does so upwards. */
function isLightOnDark({ width, height, at }) {
    const reach = Math.floor(Math.max(width, height) / 8);
    const step = Math.max(1, reach >> 2);
    let skew = 0;
    for (let y = 0; y < height; y += step) {
        for (let x = 0; x < width; x += step) {
            let [sum, count] = [0, 0];
            around(width, height, x, y, reach, step, (place) => {
                sum += at[place];
                count++;
            });
            skew += (at[y * width + x] - sum / count) ** 3;
        }
    }
    return skew > 0 && at.reduce((sum, value) => sum + value, 0) < 128 * at.length;
}

/** The brightness at which a cell's brightest quarter begins. */
function cellBrightness({ width, height, at }, across, down) {
    const values = [];
    const edge = (cell, length) => Math.floor((cell * length) / GRID);
    for (let y = edge(down, height); y < edge(down + 1, height); y++) {
        const row = y * width;
        values.push(...at.subarray(row + edge(across, width), row + edge(across + 1, width)));
    }
    values.sort((a, b) => b - a);
    return values[Math.ceil(values.length / 4) - 1];
}

/** The border's cells, once around. */
const BORDER = Array.from({ length: 4 * LAST }, (_, i) => {
    const along = i % LAST;
    return [along, along * GRID + LAST, LAST * GRID + LAST - along, (LAST - along) * GRID][
        Math.floor(i / LAST)
    ];
});

/** Smooths the border in place; says whether it changes much, and gradually. */
function smoothBorder(cells) {
    const found = BORDER.map((cell) => cells[cell]);
    const count = BORDER.length;
    const smooth = found.map((_, i) => {
        const near = [-2, -1, 0, 1, 2].map((off) => found[(i + off + count) % count]);
        return near.sort((a, b) => a - b)[2];
    });
    BORDER.forEach((cell, i) => {
        cells[cell] = smooth[i];
    });
    const range = Math.max(...smooth) - Math.min(...smooth);
    const step = Math.max(...smooth.map((value, i) => Math.abs(value - smooth[(i + 1) % count])));
    return range >= UNEVEN && range >= MOST_STEPS * step;
}

/** Stretched across from side to side: Coons' patch. */
function stretched(cells, down, across) {
    const [x, y] = [across / LAST, down / LAST];
    const cell = (row, column) => cells[row * GRID + column];
    return (
        (1 - y) * cell(0, across) +
        y * cell(LAST, across) +
        (1 - x) * cell(down, 0) +
        x * cell(down, LAST) -
        (1 - y) * ((1 - x) * cell(0, 0) + x * cell(0, LAST)) -
        y * ((1 - x) * cell(LAST, 0) + x * cell(LAST, LAST))
    );
}

/** Each cell from those within `reach`. */
function neighbours(cells, reach, of) {
    return cells.map((_, i) => {
        const near = [];
        around(GRID, GRID, i % GRID, Math.floor(i / GRID), reach, 1, (place) =>
            near.push(cells[place]),
        );
        return of(near);
    });
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** How bright the paper is in each cell; null where the light is even, or this is no photograph. */
function findPaper(map) {
    const found = Array.from({ length: GRID * GRID }, (_, i) =>
        cellBrightness(map, i % GRID, Math.floor(i / GRID)),
    );
    const border = [...found];
    if (!smoothBorder(border)) return null;
    const paper = border.map((_, i) => stretched(border, Math.floor(i / GRID), i % GRID));
    let rest = found.map((value, i) => value - paper[i]);
    rest = neighbours(rest, REACH, (near) => Math.max(...near));
    rest = neighbours(rest, REACH, (near) => Math.min(...near));
    rest = neighbours(rest, 1, mean);
    return paper.map((value, i) => value + rest[i]);
}

/** The cell before a place, and how far it is on to the next. */
function placeAmong(position, count) {
    const place = ((position + 0.5) * GRID) / count - 0.5;
    const cell = Math.min(Math.max(Math.floor(place), 0), GRID - 2);
    return [cell, place - cell];
}

/** Brightness becomes ink: how much darker than the paper, as a share of it. */
function subtractPaper({ width, height, at }, paper) {
    for (let y = 0; y < height; y++) {
        const [down, low] = placeAmong(y, height);
        for (let x = 0; x < width; x++) {
            const [across, right] = placeAmong(x, width);
            const cell = down * GRID + across;
            const above = paper[cell] * (1 - right) + paper[cell + 1] * right;
            const below = paper[cell + GRID] * (1 - right) + paper[cell + GRID + 1] * right;
            const bright = Math.min(255, Math.max(8, above * (1 - low) + below * low));
            const darker = bright - at[y * width + x];
            at[y * width + x] = darker <= 0 ? 0 : Math.floor((darker * 255) / bright);
        }
    }
}

/** Takes away the spots that are fainter or smaller than that; the size of the greatest left. */
function sweepSpots({ width, height, at }, faintest, smallest) {
    const seen = new Uint8Array(at.length);
    let greatest = 0;
    for (let i = 0; i < at.length; i++) {
        if (!at[i] || seen[i]) continue;
        seen[i] = 1;
        const spot = [i];
        let strongest = 0;
        for (let next = 0; next < spot.length; next++) {
            const place = spot[next];
            strongest = Math.max(strongest, at[place]);
            around(width, height, place % width, Math.floor(place / width), 1, 1, (near) => {
                if (!at[near] || seen[near]) return;
                seen[near] = 1;
                spot.push(near);
            });
        }
        if (strongest >= faintest && spot.length >= smallest) {
            greatest = Math.max(greatest, spot.length);
        } else {
            for (const place of spot) at[place] = 0;
        }
    }
    return greatest;
}

function clean(map) {
    const sorted = map.at.slice().sort();
    const quantile = (share) => sorted[Math.ceil(share * sorted.length) - 1];
    const strongest = quantile(0.995);
    const least = Math.max(strongest / 4, 4 * quantile(0.5));
    for (let i = 0; i < map.at.length; i++) if (map.at[i] <= least) map.at[i] = 0;
    const greatest = sweepSpots(map, strongest / 2, 1);
    sweepSpots(map, 0, greatest / SPECK);
}

/**
 * Turns the brightness of a photograph in uneven light into ink, in place.
 * @param {Map} map
 * @returns {boolean} false, and nothing happened, where the light is even
 */
export function flatten(map) {
    if (Math.min(map.width, map.height) < 2 * GRID) return false;
    const looked = { ...map, at: map.at.slice() };
    if (isLightOnDark(looked)) looked.at.forEach((value, i) => (looked.at[i] = 255 - value));
    const paper = findPaper(looked);
    if (!paper) return false;
    subtractPaper(looked, paper);
    clean(looked);
    map.at.set(looked.at);
    return true;
}
