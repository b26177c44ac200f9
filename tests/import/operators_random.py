#!/usr/bin/env python3
"""Operators that make random numbers, beside Philox4x32-10 written with NumPy: no other program has
these numbers."""

import sys

import numpy
from numpy import float16, float32, float64, int32, int64, uint64

from beside_ort import Case, floats, main


def random_bits(count, seed=None, stream=1):
    """Those of a node without a seed, the first of its model; or of one with a seed."""
    word = uint64(0xFFFFFFFF)
    if isinstance(seed, float):
        seed = int(numpy.array(seed, float32).view(numpy.uint32))
    stream = stream if seed is None else 0
    key = [uint64(seed or 0), uint64(0)]
    blocks = numpy.arange((count + 3) // 4, dtype=uint64)
    counter = [blocks, blocks * 0, blocks * 0 + uint64(stream), blocks * 0]
    for _ in range(10):
        first, second = counter[0] * uint64(0xD2511F53), counter[2] * uint64(0xCD9E8D57)
        counter = [second >> uint64(32) ^ counter[1] ^ key[0], second & word,
                   first >> uint64(32) ^ counter[3] ^ key[1], first & word]
        key = [key[0] + uint64(0x9E3779B9) & word, key[1] + uint64(0xBB67AE85) & word]
    return numpy.stack(counter, 1).reshape(-1)[:count]


def uniform(shape, **where):
    bits = random_bits(int(numpy.prod(shape)), **where) >> uint64(8)
    return (bits.astype(float64) / 2**24).astype(float32).reshape(shape)


def normal(shape, **where):
    count = int(numpy.prod(shape))
    bits = random_bits(count + count % 2, **where).reshape(-1, 2) >> uint64(8)
    u, v = (bits[:, 0] + uint64(1)) / 2**24, bits[:, 1] / 2**24
    r, angle = numpy.sqrt(-2 * numpy.log(u)), 2 * numpy.pi * v
    both = numpy.stack([r * numpy.cos(angle), r * numpy.sin(angle)], 1).reshape(-1)[:count]
    return both.astype(float32).reshape(shape)


def dropped(x, ratio, **where):
    mask = uniform(x.shape, **where) >= float32(ratio)
    return [numpy.where(mask, x * (1 / (1 - ratio)), 0).astype(x.dtype), mask]


def chosen(logits, samples):
    u = 1 - uniform((logits.shape[0], samples, logits.shape[1])).astype(float64)
    noise = -numpy.log(numpy.maximum(-numpy.log(u), 2.0**-25))
    return (logits[:, None] + noise).argmax(-1)


X = floats(7, 33)
P = floats(40, 50, low=0, high=1)
TRUE = numpy.array(True)

CASES = [
    Case("RandomUniform", 1, [], shape=[5, 7], expected=[uniform((5, 7))]),
    Case("RandomUniform", 22, [], shape=[4097], seed=3.5, low=-2.0, high=6.0,
         expected=[uniform((4097,), seed=3.5) * 8 - 2]),
    Case("RandomUniform", 1, [], shape=[3, 5], dtype=11,
         expected=[uniform((3, 5)).astype(float64)]),
    Case("RandomUniform", 1, [], shape=[0, 5], expected=[uniform((0, 5))]),
    Case("RandomUniformLike", 1, [X], expected=[uniform(X.shape)]),
    Case("RandomUniformLike", 1, [X], dtype=10, expected=[uniform(X.shape).astype(float16)]),
    Case("RandomNormal", 1, [], shape=[3, 333], seed=1.0, mean=2.0, scale=0.5,
         expected=[normal((3, 333), seed=1.0) * 0.5 + 2]),
    Case("RandomNormalLike", 1, [X], expected=[normal(X.shape)]),
    Case("Bernoulli", 15, [P], expected=[(uniform(P.shape) < P).astype(float32)]),
    Case("Bernoulli", 15, [P.astype(float64)], seed=2.0, dtype=6,
         expected=[(uniform(P.shape, seed=2.0) < P).astype(int32)]),
    Case("Multinomial", 7, [X * 2], sample_size=200, expected=[chosen(X * 2, 200).astype(int32)]),
    Case("Multinomial", 7, [X[:, :3]], dtype=7, expected=[chosen(X[:, :3], 1).astype(int64)]),
    Case("Dropout", 13, [X, numpy.array(0.25, float32), TRUE], known=[1, 2], seed=5,
         outputs=(True, True), expected=dropped(X, 0.25, seed=5)),
    Case("Dropout", 22, [X, None, TRUE], known=[2], expected=dropped(X, 0.5)[:1]),
    Case("Dropout", 13, [X, numpy.array(1, float32), TRUE], known=[1, 2], expected=[X * 0]),
]

if __name__ == "__main__":
    sys.exit(main(CASES))
