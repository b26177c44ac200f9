"""Modules of PyTorch with random weights, at several sizes of every open axis: all modes have the
same bits, and values near those of PyTorch itself."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch
from torch import nn

from eigentensor import from_torch
from eigentensor.program import CPU_MODES
from modules import Cnn, Encoder, Lstm  # of tests/import/torch

torch.set_num_threads(1)


class Scale(nn.Module):
    """Of one dtype, with keywords and without weights."""

    def forward(self, a, b=None):
        return a * 2 if b is None else a * b


def masked(batch, length):
    hidden = torch.arange(length).repeat(batch, 1) >= length - torch.arange(batch)[:, None]
    return torch.randint(0, 50, (batch, length)), hidden


def states(length, batch):
    return torch.randn(length, batch, 6), torch.randn(4, batch, 8), torch.randn(4, batch, 8)


class Modules(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)

    def holds(self, module, dynamic_shapes, sizes):
        module.eval()
        model = from_torch(module, sizes[0], dynamic_shapes)
        for given in sizes:
            with torch.no_grad():
                wanted = module(*given)
            wanted = wanted if isinstance(wanted, tuple) else (wanted,)
            inputs = dict(zip(model.axes, given))
            found = [model(mode=mode, **inputs) for mode in CPU_MODES]
            found = [list(each.values()) if isinstance(each, dict) else [each] for each in found]
            for ours, expected in zip(found[0], wanted, strict=True):
                torch.testing.assert_close(torch.tensor(ours.tolist()), expected)
            for others in found[1:]:
                for one, other in zip(found[0], others, strict=True):
                    self.assertEqual(bytes(one), bytes(other))

    def test_cnn(self):
        self.holds(Cnn(), ({0: "batch", 2: "height", 3: "width"},),
                   [(torch.randn(shape),) for shape in ((2, 3, 16, 20), (1, 3, 9, 12))])

    def test_transformer_encoder(self):
        axes = {0: "batch", 1: "length"}
        self.holds(Encoder(50, 2), (axes, axes), [masked(2, 7), masked(1, 12), masked(3, 4)])

    def test_lstm(self):
        self.holds(Lstm(), ({0: "length", 1: "batch"}, {1: "batch"}, {1: "batch"}),
                   [states(7, 2), states(20, 1)])


class Calls(unittest.TestCase):
    def test_axes_that_are_not_named_are_fixed(self):
        model = from_torch(Scale().eval(), (torch.ones(2, 3),))
        self.assertEqual(model.axes, {"a": (None, None)})
        self.assertEqual(model(a=[[1, 2, 3]] * 2).tolist(), [[2, 4, 6]] * 2)
        with self.assertRaisesRegex(ValueError, r"'a' is float32\[2, 3\], found shape \[3, 3\]"):
            model(a=torch.ones(3, 3))

    def test_arguments_by_name(self):
        model = from_torch(Scale().eval(), {"a": torch.ones(3), "b": torch.ones(3)},
                           {"a": {0: "n"}, "b": {0: "n"}})
        self.assertEqual(model(a=torch.arange(5.0), b=torch.ones(5)).tolist(), [0, 1, 2, 3, 4])

    def test_dtypes(self):
        for dtype in (torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8):
            one = torch.tensor([1, 2, 3], dtype=dtype)
            found = from_torch(Scale().eval(), (one,))(a=one)
            self.assertEqual(bytes(found), bytes((one * 2).view(torch.uint8).tolist()))
        with self.assertRaisesRegex(TypeError, "'a' is uint8.3., found dtype float32"):
            from_torch(Scale().eval(), (one,))(a=one.float())

    def test_the_file_is_kept_where_asked(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scale.onnx"
            model = from_torch(Scale().eval(), (torch.ones(3),), path=path)
            self.assertTrue(path.exists())
            model.program().save(f"{folder}/scale.json")
            self.assertTrue(Path(f"{folder}/scale.json").exists())

    def test_what_is_missing_is_said(self):
        with self.assertRaisesRegex(ValueError, "training mode"):
            from_torch(Scale(), (torch.ones(3),))
        with mock.patch.dict("sys.modules", {"onnxscript": None, "onnx": None}):
            with self.assertRaisesRegex(ImportError, "pip install onnx onnxscript"):
                from_torch(Scale().eval(), (torch.ones(3),))


unittest.main()
