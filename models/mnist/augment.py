"""Variations of handwritten digits, drawn afresh for every batch, on the device that trains.

Images are (batch, 1, 28, 28) float32 with ink 1 on paper 0. Every function varies each image of
the batch by its own random amounts, without a loop over images and without reading anything back
to the host, so that a whole training step can be recorded once and replayed.
"""

import functools

import torch
import torch.nn.functional as F

IMAGE = 28  # pixels across an image
DIGIT = 20  # pixels of the longer side of the digit in it
CANVAS = 16  # blocks across the canvas on which the demo's visitors draw
SUBPIXELS = 8  # samples across one such block
MASS_CENTRE = 14.5  # where the centres of mass of MNIST lie: the middle of pixel 14 of 0 to 27
FAINTEST_INK = 0.02  # a fainter block counts as paper
LATTICE = 6  # points across the noise that bends an image


def augment(images, strength, pixelated):
    """Warp and redraw a batch, its first `pixelated` share as if drawn on the demo's canvas."""
    images = restroke(warp(images, strength), strength)
    count = round(pixelated * len(images))
    if count == 0:
        return retone(images, strength)
    return torch.cat([pixelate(images[:count]), retone(images[count:], strength)])


def warp(images, strength):
    """Shift, scale, rotate and shear, and bend each image with a smooth elastic field."""
    angle = 0.14 * strength * per_image(torch.randn, images)
    shear = 0.14 * strength * per_image(torch.randn, images)
    width, height = (0.08 * strength * torch.randn(2, len(images), device=images.device)).exp()
    across, down = 2 / IMAGE * strength * (2 * torch.rand(2, len(images), device=images.device) - 1)
    cosine, sine = angle.cos(), angle.sin()
    affine = torch.stack([
        width * cosine, width * (shear * cosine - sine), across,
        height * sine, height * (shear * sine + cosine), down,
    ], dim=1).view(-1, 2, 3)

    # The field is noise on a coarse lattice: its bicubic interpolation is as smooth as filtering.
    # As two products of matrices it is, in a batch, far faster than F.interpolate.
    pixels = 0.9 * strength * torch.rand(len(images), 1, 1, 1, device=images.device)
    lattice = torch.randn(len(images), 2, LATTICE, LATTICE, device=images.device)
    smooth = smoothing(images.device)
    field = 2 / IMAGE * pixels * (smooth @ lattice @ smooth.T)

    grid = F.affine_grid(affine, images.shape, align_corners=False) + field.permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, mode="bicubic", align_corners=False).clamp(0, 1)


@functools.cache
def smoothing(device):
    """(28, 6): bicubic interpolation from the lattice to the pixels along one axis."""
    lattice = torch.eye(LATTICE, device=device)[None, None]
    size = (IMAGE, LATTICE)
    return F.interpolate(lattice, size=size, mode="bicubic", align_corners=True)[0, 0]


def restroke(images, strength):
    """Thicken or thin the strokes: part of the way to the brightest or darkest neighbour."""
    amount = (0.25 * strength * per_image(torch.randn, images)).clamp(-0.8, 0.8).view(-1, 1, 1, 1)
    thick = F.max_pool2d(images, 3, stride=1, padding=1)
    thin = -F.max_pool2d(-images, 3, stride=1, padding=1)
    return images + amount.relu() * (thick - images) + (-amount).relu() * (thin - images)


def retone(images, strength):
    """Blur a little, and vary how dark the ink is and how sharply it fades into the paper."""
    blur = 0.4 * strength * per_image(torch.rand, images).view(-1, 1, 1, 1)
    gamma = (0.25 * strength * per_image(torch.randn, images)).exp().view(-1, 1, 1, 1)
    ink = 1 - 0.2 * strength * per_image(torch.rand, images).view(-1, 1, 1, 1)
    images = images.lerp(F.avg_pool2d(images, 3, stride=1, padding=1), blur)
    return ink * images.clamp(min=1e-6) ** gamma


def pixelate(images):
    """Redraw each digit on the original demo's canvas of 16 x 16 blocks, then prepare it as MNIST.

    The digit is 4 to 14 blocks tall or wide and lies anywhere on the lattice of blocks.
    """
    blocks_across = 4 + 10 * per_image(torch.rand, images)
    zoom = DIGIT / IMAGE * CANVAS / blocks_across
    phase = 2 / CANVAS * (torch.rand(2, len(images), device=images.device) - 0.5) * zoom
    nothing = torch.zeros_like(zoom)
    affine = torch.stack([zoom, nothing, phase[0], nothing, zoom, phase[1]], dim=1).view(-1, 2, 3)
    size = (len(images), 1, CANVAS * SUBPIXELS, CANVAS * SUBPIXELS)
    grid = F.affine_grid(affine, size, align_corners=False)
    canvas = F.grid_sample(images, grid, mode="bilinear", align_corners=False)

    # A pen leaves ink or none, but for the pixels at its edge. The level at which grey becomes ink
    # sets the width of its stroke.
    darkest = canvas.amax(dim=(2, 3), keepdim=True)
    level = 0.4 + 0.5 * per_image(torch.rand, images).view(-1, 1, 1, 1)
    ink = ((canvas / darkest.clamp(min=FAINTEST_INK) - level) * 8 + 0.5).clamp(0, 1)
    return fit(blocks(ink.squeeze(1)))


def blocks(ink):
    """What the original demo makes of ink (batch, n, n): 16 x 16 blocks, each as dark as its
    *inked* pixels are on average, in sixteen steps. A block that is touched is nearly black."""
    side = ink.shape[-1] // CANVAS
    mean = F.avg_pool2d(ink, side)
    inked = F.avg_pool2d((ink > 0).float(), side)
    return (mean / inked.clamp(min=1 / side ** 2) * 16).round() / 16


def fit(canvas):
    """Scale the inked part of each canvas (batch, n, n) to a longer side of 20 pixels, and centre
    its mass: (batch, 1, 28, 28).

    Both are one exact area average: an output pixel is the mean of the blocks under it.
    """
    down, row_centre = extent(canvas.amax(dim=2), canvas.sum(dim=2))
    across, column_centre = extent(canvas.amax(dim=1), canvas.sum(dim=1))
    step = torch.maximum(down, across) / DIGIT
    jitter = torch.rand(2, len(canvas), device=canvas.device) - 0.5
    rows = overlaps(row_centre + jitter[0] * step, step, canvas.shape[1])
    columns = overlaps(column_centre + jitter[1] * step, step, canvas.shape[2])
    return (rows @ canvas @ columns.transpose(1, 2)).unsqueeze(1)


def extent(darkest, mass):
    """The inked length and the centre of mass along one axis, in blocks; arguments (batch, n)."""
    blocks_across = mass.shape[1]
    place = torch.arange(blocks_across, device=mass.device)
    inked = darkest > FAINTEST_INK
    first = torch.where(inked, place, blocks_across).amin(dim=1)
    last = torch.where(inked, place, -1).amax(dim=1)
    centre = (mass * (place + 0.5)).sum(dim=1) / mass.sum(dim=1).clamp(min=FAINTEST_INK)
    return (last - first + 1).clamp(min=1), centre


def overlaps(centre, step, blocks_across):
    """(batch, 28, blocks_across): the share of each output pixel, `step` wide, that a block
    covers."""
    place = torch.arange(IMAGE + 1, device=centre.device) - MASS_CENTRE
    edges = (centre[:, None] + place * step[:, None])[:, :, None]
    block = torch.arange(blocks_across, device=centre.device)
    shared = torch.minimum(edges[:, 1:], block + 1) - torch.maximum(edges[:, :-1], block)
    return shared.clamp(min=0) / step[:, None, None]


def per_image(draw, images):
    """One random number an image."""
    return draw(len(images), device=images.device)
