/* A photograph of a sheet in uneven light, made into ink on paper of one brightness.
 *
 * Only pictures that need it are touched: opaque ones whose border grows brighter and darker by
 * more than a tenth, and does so gradually. (A drawing's border is of one colour, or changes where
 * ink begins.) The recipe, in integers throughout, so that every machine makes the same bytes:
 *   1. The picture's brightness is averaged down until its longer side is 160 pixels at most, which
 *      takes most of the noise away too; pictures of light ink are inverted.
 *   2. A grid of 16 x 16 cells, each as bright as the brightest quarter of its pixels begins. The
 *      cells of the border are taken for paper, smoothed along the border, and what lies between
 *      is stretched across from side to side (Coons' patch: exact for light that falls off along
 *      one direction, or with the square of the distance).
 *   3. Where the light differs from that, inside, the paper is what remains of the cells when
 *      all that is darker and narrower than five of them is closed.
 *   4. Ink is how much darker a pixel is than the paper there, as a share of the paper.
 *   5. What is fainter than a quarter of the strongest ink, or than four times the noise, counts as
 *      none; so does a spot without any ink half as strong as the strongest, or that is small.
 */
#include "runtime/formats/image.h"

#include <string.h>

#define GRID 16       /* cells to a side */
#define REACH 2       /* cells: ink is narrower than twice that and one */
#define LEAST_SIDE 64 /* pixels, of a picture that is looked at */
#define UNEVEN 24     /* of 255; a border that varies less is even */
#define MOST_STEPS 3  /* the border's range is at least so many times its greatest step */
#define FINE 16       /* brightness of paper is in sixteenths */
#define SPECK 24      /* times smaller than the greatest spot: no part of the digit */

/* Brightness, and later ink. */
struct map {
    int width, height;
    unsigned char at[PAPER_SIDE * PAPER_SIDE]; /* [height][width] */
};

/* Of the paper, in sixteenths of 1/255. */
struct grid {
    int cells[GRID][GRID]; /* [down][across] */
};

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static int greater(int a, int b) {
    return a > b ? a : b;
}

static bool is_opaque(const struct image *image) {
    size_t count = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < count; i++)
        if (image->rgba[4 * i + 3] != 255)
            return false;
    return true;
}

/* The mean brightness of the pixels that a pixel of the map stands for. */
static int block_mean(const struct image *image, int left, int top, int step) {
    int right = smaller(left + step, image->width), bottom = smaller(top + step, image->height);
    int64_t sum = 0, count = (int64_t)(right - left) * (bottom - top);
    for (int y = top; y < bottom; y++) {
        const unsigned char *pixel =
            image->rgba + ((size_t)y * (size_t)image->width + (size_t)left) * 4;
        for (int x = left; x < right; x++, pixel += 4)
            sum += 77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2];
    }
    return (int)((sum + 128 * count) / (256 * count));
}

static void shrink(const struct image *image, struct map *map) {
    int longer = greater(image->width, image->height);
    int step = (longer + PAPER_SIDE - 1) / PAPER_SIDE;
    map->width = (image->width + step - 1) / step;
    map->height = (image->height + step - 1) / step;
    for (int y = 0; y < map->height; y++)
        for (int x = 0; x < map->width; x++)
            map->at[y * map->width + x] =
                (unsigned char)block_mean(image, x * step, y * step, step);
}

/* Light ink: the picture is dark as a whole, and what stands out from its surroundings stands out
 * upwards. The cube of the difference tells, which a few pixels that differ much outweigh. */
static bool is_light_on_dark(const struct map *map) {
    int64_t sum = 0, brightness = 0;
    for (int i = 0; i < map->width * map->height; i++)
        brightness += map->at[i];
    int reach = greater(map->width, map->height) / 8, step = greater(1, reach / 4);
    for (int y = 0; y < map->height; y += step)
        for (int x = 0; x < map->width; x += step) {
            int around = 0, count = 0;
            for (int row = greater(0, y - reach); row < smaller(map->height, y + reach);
                 row += step)
                for (int column = greater(0, x - reach); column < smaller(map->width, x + reach);
                     column += step, count++)
                    around += map->at[row * map->width + column];
            int64_t difference = map->at[y * map->width + x] - around / count;
            sum += difference * difference * difference;
        }
    return sum > 0 && brightness < 128LL * map->width * map->height;
}

static void invert(struct map *map) {
    for (int i = 0; i < map->width * map->height; i++)
        map->at[i] = (unsigned char)(255 - map->at[i]);
}

/* The brightness at which a cell's brightest quarter begins. */
static int cell_brightness(const struct map *map, int across, int down) {
    int histogram[256] = {0}, count = 0, value = 255;
    int left = across * map->width / GRID, right = (across + 1) * map->width / GRID;
    int top = down * map->height / GRID, bottom = (down + 1) * map->height / GRID;
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++, count++)
            histogram[map->at[y * map->width + x]]++;
    for (int seen = histogram[255]; seen * 4 < count; seen += histogram[value])
        value--;
    return value;
}

/* The cells of the border, once around. */
#define AROUND (4 * (GRID - 1))

static int *border_cell(struct grid *grid, int position) {
    int side = position / (GRID - 1), along = position % (GRID - 1), last = GRID - 1;
    int *const cells[4] = {&grid->cells[0][along], &grid->cells[along][last],
                           &grid->cells[last][last - along], &grid->cells[last - along][0]};
    return cells[side];
}

static int median_of_five(int values[5]) {
    for (int i = 0; i < 3; i++) /* the three smallest, in order */
        for (int j = i + 1; j < 5; j++)
            if (values[j] < values[i]) {
                int value = values[i];
                values[i] = values[j];
                values[j] = value;
            }
    return values[2];
}

/* provides: the border's cells smoothed; how much they vary, and from one to the next */
static void smooth_border(struct grid *grid, int *range, int *step) {
    int found[AROUND], least = 255 * FINE, most = 0;
    for (int i = 0; i < AROUND; i++)
        found[i] = *border_cell(grid, i);
    for (int i = 0; i < AROUND; i++) {
        int near[5];
        for (int j = 0; j < 5; j++)
            near[j] = found[(i + j + AROUND - 2) % AROUND];
        *border_cell(grid, i) = median_of_five(near);
    }
    *step = 0;
    for (int i = 0; i < AROUND; i++) {
        int value = *border_cell(grid, i), next = *border_cell(grid, (i + 1) % AROUND);
        least = smaller(least, value);
        most = greater(most, value);
        *step = greater(*step, greater(next - value, value - next));
    }
    *range = most - least;
}

/* Coons' patch: the means of the sides, weighted by nearness, less those of the corners. */
static int stretched(const struct grid *grid, int down, int across) {
    enum { LAST = GRID - 1 };
    const int(*cells)[GRID] = grid->cells;
    int right = across, left = LAST - across, low = down, high = LAST - down;
    int sides = (high * cells[0][across] + low * cells[LAST][across] + left * cells[down][0] +
                 right * cells[down][LAST]) *
                LAST;
    int corners = high * (left * cells[0][0] + right * cells[0][LAST]) +
                  low * (left * cells[LAST][0] + right * cells[LAST][LAST]);
    return (sides - corners) / (LAST * LAST);
}

/* Each cell becomes the greatest (sign 1) or least (sign -1) within REACH. */
static void spread(struct grid *grid, int sign) {
    const struct grid from = *grid;
    for (int down = 0; down < GRID; down++)
        for (int across = 0; across < GRID; across++) {
            int best = sign * from.cells[down][across];
            for (int y = greater(0, down - REACH); y <= smaller(GRID - 1, down + REACH); y++)
                for (int x = greater(0, across - REACH); x <= smaller(GRID - 1, across + REACH);
                     x++)
                    best = greater(best, sign * from.cells[y][x]);
            grid->cells[down][across] = sign * best;
        }
}

/* The mean of a cell and those around it. */
static int softened(const struct grid *grid, int down, int across) {
    int sum = 0, count = 0;
    for (int y = greater(0, down - 1); y <= smaller(GRID - 1, down + 1); y++)
        for (int x = greater(0, across - 1); x <= smaller(GRID - 1, across + 1); x++, count++)
            sum += grid->cells[y][x];
    return sum / count;
}

/* False: the light is even, or this is no photograph. */
static bool find_paper(const struct map *map, struct grid *paper) {
    struct grid found, rest;
    int range, step;
    for (int down = 0; down < GRID; down++)
        for (int across = 0; across < GRID; across++)
            found.cells[down][across] = cell_brightness(map, across, down) * FINE;
    rest = found;
    smooth_border(&found, &range, &step);
    if (range < UNEVEN * FINE || range < MOST_STEPS * step)
        return false;
    for (int down = 0; down < GRID; down++)
        for (int across = 0; across < GRID; across++) {
            paper->cells[down][across] = stretched(&found, down, across);
            rest.cells[down][across] -= paper->cells[down][across];
        }
    spread(&rest, 1);
    spread(&rest, -1);
    for (int down = 0; down < GRID; down++)
        for (int across = 0; across < GRID; across++)
            paper->cells[down][across] += softened(&rest, down, across);
    return true;
}

/* Where a pixel lies among `count` pixels: after the middle of which cell, and how far, of 256. */
static int place_among(int position, int count, int *share) {
    int place = ((2 * position + 1) * GRID * 128) / count - 128;
    int cell = smaller(greater(place / 256, 0), GRID - 2);
    *share = place - cell * 256; /* beyond the outermost middles the slope goes on */
    return cell;
}

static int paper_at(const struct grid *grid, const struct map *map, int x, int y) {
    int right, low;
    int across = place_among(x, map->width, &right), down = place_among(y, map->height, &low);
    const int *upper = &grid->cells[down][across], *lower = &grid->cells[down + 1][across];
    int above = upper[0] * (256 - right) + upper[1] * right;
    int below = lower[0] * (256 - right) + lower[1] * right;
    int value = (int)(((int64_t)above * (256 - low) + (int64_t)below * low) / 65536);
    return smaller(greater(value, 8 * FINE), 255 * FINE);
}

/* Brightness becomes ink. */
static void subtract_paper(struct map *map, const struct grid *paper) {
    for (int y = 0; y < map->height; y++)
        for (int x = 0; x < map->width; x++) {
            unsigned char *at = &map->at[y * map->width + x];
            int brightness = paper_at(paper, map, x, y), darker = brightness - *at * FINE;
            *at = (unsigned char)(darker <= 0 ? 0 : darker * 255 / brightness);
        }
}

/* The value that a share of all pixels, in thousandths, does not exceed. */
static int quantile(const struct map *map, int thousandths) {
    int histogram[256] = {0}, count = map->width * map->height, value = 0;
    for (int i = 0; i < count; i++)
        histogram[map->at[i]]++;
    for (int seen = histogram[0]; seen * 1000LL < (int64_t)count * thousandths;
         seen += histogram[value])
        value++;
    return value;
}

/* A spot: pixels with ink that touch, by sides or corners. */
struct spot {
    int first, end; /* in the list of pixels */
    int strongest;
};

/* Lists the spot's pixels at the end of `list` and marks them. */
static struct spot trace_spot(const struct map *map, bool *seen, short *list, int first,
                              int start) {
    struct spot spot = {.first = first, .end = first + 1};
    list[first] = (short)start;
    seen[start] = true;
    for (int i = first; i < spot.end; i++) {
        int x = list[i] % map->width, y = list[i] / map->width;
        spot.strongest = greater(spot.strongest, map->at[list[i]]);
        for (int row = greater(0, y - 1); row <= smaller(map->height - 1, y + 1); row++)
            for (int column = greater(0, x - 1); column <= smaller(map->width - 1, x + 1);
                 column++) {
                int near = row * map->width + column;
                if (!map->at[near] || seen[near])
                    continue;
                seen[near] = true;
                list[spot.end++] = (short)near;
            }
    }
    return spot;
}

/* Takes away the spots that are fainter or smaller than that. */
static int sweep_spots(struct map *map, int faintest, int smallest) {
    bool seen[PAPER_SIDE * PAPER_SIDE] = {false};
    short list[PAPER_SIDE * PAPER_SIDE];
    int greatest = 0;
    for (int i = 0, first = 0; i < map->width * map->height; i++) {
        if (!map->at[i] || seen[i])
            continue;
        struct spot spot = trace_spot(map, seen, list, first, i);
        int size = spot.end - spot.first;
        first = spot.end;
        if (spot.strongest >= faintest && size >= smallest) {
            greatest = greater(greatest, size);
            continue;
        }
        for (int j = spot.first; j < spot.end; j++)
            map->at[list[j]] = 0;
    }
    return greatest;
}

static void clean(struct map *map) {
    int strongest = quantile(map, 995), noise = quantile(map, 500);
    int least = greater(strongest / 4, 4 * noise);
    for (int i = 0; i < map->width * map->height; i++)
        if (map->at[i] <= least)
            map->at[i] = 0;
    int greatest = sweep_spots(map, strongest / 2, 1);
    sweep_spots(map, 0, greatest / SPECK);
}

bool image_flatten(const struct image *image, unsigned char rgba[PAPER_BYTES], struct image *flat) {
    struct map map;
    struct grid paper;
    if (smaller(image->width, image->height) < LEAST_SIDE || !is_opaque(image))
        return false;
    shrink(image, &map);
    if (smaller(map.width, map.height) < 2 * GRID)
        return false;
    if (is_light_on_dark(&map))
        invert(&map);
    if (!find_paper(&map, &paper))
        return false;
    subtract_paper(&map, &paper);
    clean(&map);
    *flat = (struct image){.width = map.width, .height = map.height, .rgba = rgba};
    for (int i = 0; i < map.width * map.height; i++) {
        memset(rgba + 4 * (size_t)i, 255 - map.at[i], 3);
        rgba[4 * i + 3] = 255;
    }
    return true;
}
