#!/bin/sh
# What `make run` ends with. $BUILD: where the programs are.
set -eu
cat <<END

Next:
  $BUILD/mnist-classify --show models/mnist/samples/3-pen.png   a program of one file: copy it away
  $BUILD/mnist-classify YOUR.png                                draw a digit in any program
  $BUILD/eigentensor inspect models/mnist/mnist.json            the graph and its kernels
  $BUILD/eigentensor check models/mnist/mnist.json              the same bits in every mode
  less generated/mnist.c                                       the C that it became
END
[ ! -d server/page ] ||
    echo "  make serve                                                   draw in the browser"
echo "  make test                                                    all tests"
