"""TinyGrad's operations one by one: captured, run in every mode, and held against TinyGrad's own
result. Many cases are one program of many outputs, so that a C compiler starts seldom."""

import unittest
from collections import Counter

from tinygrad import Tensor, dtypes
from tinygrad.dtype import strong_dtype

from eigentensor import CaptureError, TensorContext
from eigentensor.translate import DTYPES
from operations import ABSOLUTE, OPERATIONS, RELATIVE
from support import FLOATS, difference, elements, numbers, run_all_modes, seeded

EACH = 24  # cases of a program


def drawn():
    """All cases: (name of the operation, number, case, its inputs' elements)."""
    cases = []
    for name, (count, draw) in OPERATIONS.items():
        for number in range(count):
            rng = seeded(name, number)
            case = draw(rng)
            values = [numbers(rng, dtype, shape, case.low, case.high)
                      for shape, dtype in case.inputs]
            cases.append((name, number, case, values))
    return cases


class Operations(unittest.TestCase):
    def test_each_operation(self):
        cases, counts, wrong = drawn(), Counter(), []
        for at in range(0, len(cases), EACH):
            wrong += self.run_together(cases[at:at + EACH], counts)
        print(f"\n{sum(counts.values())} cases of {len(counts)} operations:")
        print(", ".join(f"{name} {count}" for name, count in counts.items()))
        self.assertEqual(wrong, [])
        self.assertGreaterEqual(sum(counts.values()), 400)

    def run_together(self, cases, counts):
        context, outputs, inputs, wrong = TensorContext("operations"), {}, {}, []
        expected = {}
        for i, (name, number, case, values) in enumerate(cases):
            placed = []
            for k, ((shape, dtype), value) in enumerate(zip(case.inputs, values)):
                placed.append(context.add_graph_input(f"i{i}_{k}", shape, dtype))
            try:
                outputs[f"o{i}"] = case.function(*placed)
                own = [Tensor(value, dtype=dtype) for (_, dtype), value in zip(case.inputs, values)]
                result = case.function(*own)
                expected[f"o{i}"] = result.cast(strong_dtype(result.dtype))
            except Exception as error:
                raise AssertionError(f"{name} {number}: {error}") from error
            inputs.update({f"i{i}_{k}": own[k] for k in range(len(own))})
        try:
            program = context.compile_to_graph(outputs)
        except CaptureError as error:
            raise AssertionError(f"{[case[:2] for case in cases]}: {error}") from error
        program.set_compiler("gcc", "-O1")
        Tensor.realize(*expected.values(), *inputs.values())
        found = run_all_modes(program, inputs)
        for i, (name, number, case, _) in enumerate(cases):
            own, dtype = expected[f"o{i}"], DTYPES[expected[f"o{i}"].dtype]
            exact = case.exact or own.dtype not in (*FLOATS, dtypes.float64)
            limits = (None, None) if exact else (case.scale * ABSOLUTE, case.scale * RELATIVE)
            if program.outputs[i].shape != tuple(own.shape) or program.outputs[i].dtype != dtype:
                wrong.append(f"{name} {number}: {program.outputs[i]}, expected {dtype} {own.shape}")
                continue
            error = difference(found[f"o{i}"], elements(own), dtype, *limits)
            if error:
                wrong.append(f"{name} {number}, {[kind for kind in case.inputs]}: {error}")
            counts[name] += 1
        return wrong


if __name__ == "__main__":
    unittest.main()
