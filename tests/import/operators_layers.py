#!/usr/bin/env python3
"""operators_layers.py [WORD...]: products, convolutions, pools and normalisation beside ONNX Runtime:
old opsets, and attributes that no case of onnx has."""

import sys

import numpy

from beside_ort import Case, floats, integers, main

int8, uint8, int32 = numpy.int8, numpy.uint8, numpy.int32

CASES = [
    # matrices
    Case("MatMul", 1, [floats(3, 4), floats(4, 5)]),
    Case("MatMul", 9, [floats(4), floats(2, 4, 5)]),
    Case("MatMul", 13, [floats(2, 1, 3, 4), floats(5, 4, 2)]),
    Case("MatMul", 13, [floats(2, 3, 4), floats(4)]),
    Case("MatMul", 13, [floats(4), floats(4)]),
    Case("MatMul", 13, [integers(int32, 3, 4), integers(int32, 4, 5)]),
    Case("Gemm", 7, [floats(3, 4), floats(4, 5), floats(5)], alpha=0.5, beta=2.0),
    Case("Gemm", 9, [floats(4, 3), floats(5, 4), floats(3, 1)], transA=1, transB=1),
    Case("Gemm", 11, [floats(4, 3), floats(4, 5)], transA=1, alpha=3.0),
    Case("Gemm", 13, [floats(3, 4), floats(4, 5), floats()], beta=0.5),
    Case("Einsum", 12, [floats(3, 4), floats(4, 5)], equation="ij,jk"),
    Case("Einsum", 12, [floats(3, 4), floats(4, 5)], equation="ij , jk -> ki"),
    Case("Einsum", 12, [floats(2, 3, 4), floats(4, 5)], equation="...j,jk->...k"),
    Case("Einsum", 12, [floats(1, 2, 3, 4), floats(3, 1, 4, 5)], equation="...ij,...jk->...ik"),
    Case("Einsum", 12, [floats(3, 3)], equation="ii"),
    Case("Einsum", 12, [floats(3, 2, 3)], equation="iji->ji"),
    Case("Einsum", 12, [floats(3, 2, 4)], equation="ijk->j"),
    Case("Einsum", 12, [floats(3, 2), floats(4)], equation="ij,k->kj"),
    Case("Einsum", 12, [floats(3, 2), floats(3, 2)], equation="ij,ij->"),
    Case("Einsum", 12, [floats(3, 4), floats(4, 5), floats(5, 2)], equation="ij,jk,kl->il"),
    Case("Einsum", 12, [floats(2, 3, 4, 5), floats(2, 3, 6, 5)], equation="bhid,bhjd->bhij"),
    Case("Einsum", 12, [floats(2, 3, 4, 5), floats(5)], equation="nctv,v->ncv"),

    # convolutions
    Case("Conv", 1, [floats(2, 3, 8), floats(4, 3, 3)]),
    Case("Conv", 11, [floats(2, 3, 8, 9), floats(4, 3, 3, 2), floats(4)], pads=[0, 1, 2, 3]),
    Case("Conv", 11, [floats(1, 6, 8, 9), floats(4, 3, 3, 2)], group=2, strides=[2, 3],
         dilations=[2, 1], kernel_shape=[3, 2]),
    Case("Conv", 11, [floats(1, 6, 8, 9), floats(6, 1, 3, 4)], group=6, auto_pad="SAME_UPPER",
         strides=[2, 2]),
    Case("Conv", 11, [floats(1, 6, 7, 9), floats(6, 1, 4, 3)], group=6, auto_pad="SAME_LOWER",
         strides=[2, 3]),
    Case("Conv", 11, [floats(1, 2, 7, 9), floats(3, 2, 4, 3)], auto_pad="VALID"),
    Case("Conv", 22, [floats(1, 2, 5, 6, 7), floats(4, 1, 3, 2, 3), floats(4)], group=2,
         pads=[1, 0, 1, 1, 1, 0], strides=[1, 2, 1]),
    Case("ConvTranspose", 1, [floats(1, 3, 6), floats(3, 2, 3)]),
    Case("ConvTranspose", 11, [floats(2, 4, 5, 6), floats(4, 3, 3, 4), floats(3)], strides=[2, 3],
         pads=[1, 0, 1, 2]),
    Case("ConvTranspose", 11, [floats(2, 4, 5, 6), floats(4, 3, 3, 4), floats(6)], group=2,
         strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
    Case("ConvTranspose", 11, [floats(1, 4, 5, 6), floats(4, 3, 3, 2)], strides=[3, 4]),
    Case("ConvTranspose", 11, [floats(1, 4, 5, 6), floats(4, 3, 3, 2)], dilations=[2, 3]),
    Case("ConvTranspose", 11, [floats(1, 4, 5, 6), floats(4, 3, 3, 2)], dilations=[2, 3],
         strides=[3, 2], output_padding=[2, 1]),
    Case("ConvTranspose", 11, [floats(1, 4, 5, 6), floats(4, 3, 3, 2)], strides=[2, 2],
         auto_pad="SAME_UPPER"),
    Case("ConvTranspose", 11, [floats(1, 4, 5, 6), floats(4, 3, 4, 3)], strides=[2, 1],
         auto_pad="SAME_LOWER"),
    Case("ConvTranspose", 11, [floats(1, 4, 5, 6), floats(4, 3, 4, 3)], strides=[2, 1],
         output_shape=[11, 7]),
    Case("ConvTranspose", 22, [floats(1, 2, 3, 4, 5), floats(2, 2, 2, 3, 2)], strides=[2, 1, 2]),

    # pools
    Case("MaxPool", 1, [floats(2, 3, 9)], kernel_shape=[3]),
    Case("MaxPool", 8, [floats(2, 3, 9, 8)], kernel_shape=[3, 2], strides=[2, 2],
         pads=[1, 0, 1, 1], outputs=(True, True)),
    Case("MaxPool", 10, [floats(2, 3, 9, 8)], kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1),
    Case("MaxPool", 10, [floats(2, 3, 9, 8)], kernel_shape=[3, 2], dilations=[2, 3],
         outputs=(True, True)),
    Case("MaxPool", 12, [floats(2, 3, 9, 8)], kernel_shape=[3, 2], storage_order=1,
         outputs=(True, True), strides=[2, 3]),
    Case("MaxPool", 12, [integers(int8, 2, 3, 9, 8)], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    Case("MaxPool", 12, [integers(uint8, 2, 3, 9, 8)], kernel_shape=[3, 3], strides=[2, 2],
         auto_pad="SAME_LOWER"),
    Case("MaxPool", 12, [floats(1, 2, 5, 6, 7)], kernel_shape=[3, 2, 2], strides=[2, 2, 2],
         ceil_mode=1),
    Case("AveragePool", 7, [floats(2, 3, 9)], kernel_shape=[3], pads=[1, 1]),
    Case("AveragePool", 7, [floats(2, 3, 9, 8)], kernel_shape=[3, 2], pads=[1, 1, 0, 1],
         count_include_pad=1),
    Case("AveragePool", 10, [floats(2, 3, 9, 8)], kernel_shape=[3, 2], strides=[2, 3],
         ceil_mode=1, pads=[1, 0, 1, 1]),
    Case("AveragePool", 11, [floats(2, 3, 9, 8)], kernel_shape=[3, 4], strides=[2, 2],
         auto_pad="SAME_UPPER"),
    Case("AveragePool", 19, [floats(2, 3, 9, 8)], kernel_shape=[3, 2], strides=[2, 3],
         ceil_mode=1, pads=[1, 0, 1, 1], count_include_pad=1),
    Case("AveragePool", 19, [floats(1, 2, 9, 8)], kernel_shape=[3, 2], dilations=[2, 3]),
    Case("LpPool", 2, [floats(2, 3, 9, 8)], kernel_shape=[3, 2], p=3, pads=[1, 0, 1, 1]),
    Case("LpPool", 11, [floats(2, 3, 9, 8)], kernel_shape=[3, 2], p=1, strides=[2, 2]),
    Case("LpPool", 18, [floats(2, 3, 9, 8)], kernel_shape=[3, 2], dilations=[2, 2], ceil_mode=1,
         strides=[2, 1]),
    Case("GlobalAveragePool", 1, [floats(2, 3, 5, 7)]),
    Case("GlobalAveragePool", 1, [floats(2, 3, 5)]),
    Case("GlobalMaxPool", 1, [floats(2, 3, 5, 7, 2)]),
    Case("GlobalLpPool", 2, [floats(2, 3, 5, 7)], p=3),

    # normalisation
    Case("BatchNormalization", 7, [floats(2, 3, 4), floats(3), floats(3), floats(3),
                                   floats(3, low=0.5, high=2)]),
    Case("BatchNormalization", 7, [floats(2, 3, 4), floats(3, 4), floats(3, 4), floats(3, 4),
                                   floats(3, 4, low=0.5, high=2)], spatial=0),
    Case("BatchNormalization", 9, [floats(2, 3, 4, 5), floats(3), floats(3), floats(3),
                                   floats(3, low=0.5, high=2)], epsilon=0.1),
    Case("BatchNormalization", 15, [floats(2, 3), floats(3), floats(3), floats(3),
                                    floats(3, low=0.5, high=2)]),
    Case("InstanceNormalization", 6, [floats(2, 3, 4, 5), floats(3), floats(3)], epsilon=0.01),
    Case("InstanceNormalization", 6, [floats(2, 3, 7), floats(3), floats(3)]),
    Case("GroupNormalization", 21, [floats(2, 6, 4, 5), floats(6), floats(6)], num_groups=3),
    Case("LayerNormalization", 17, [floats(2, 3, 4), floats(4), floats(4)], epsilon=1e-3,
         outputs=(True, True, True)),
    Case("LayerNormalization", 17, [floats(2, 3, 4), floats(3, 4)], axis=1),
    Case("LayerNormalization", 17, [floats(2, 3, 4).astype(numpy.float16),
                                    floats(4).astype(numpy.float16)], rtol=2e-3, atol=2e-3),
    Case("RMSNormalization", 23, [floats(2, 3, 8), floats(8)], epsilon=1e-6),
    Case("LRN", 1, [floats(2, 7, 3, 4)], size=3, alpha=0.01, beta=0.6, bias=2.0),
    Case("LRN", 13, [floats(2, 3, 3, 4)], size=5),
]

if __name__ == "__main__":
    sys.exit(main(CASES))
