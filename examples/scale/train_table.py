"""python train_table.py: makes table.onnx, gradient boosting over a table of measurements. Needs
scikit-learn and skl2onnx beside what workloads.py needs."""

import numpy
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingRegressor

from workloads import FEATURES, HERE, measurements

rows = measurements(0, 20000)
x = numpy.column_stack([rows[name].to_numpy().astype("f") for name in FEATURES])
age, height, mass, pulse, pressure, glucose, _, active = x.T
risk = (age / 90) ** 2 + mass / (height / 100) ** 2 / 40 + numpy.maximum(pressure - 130, 0) / 60 + \
    numpy.maximum(glucose - 6, 0) / 5 + (pulse > 100) * 0.3 - active * 0.4
model = GradientBoostingRegressor(n_estimators=40, max_depth=3, random_state=0).fit(x, risk)
print(f"R² {model.score(x, risk):.3f}")
(HERE / "table.onnx").write_bytes(to_onnx(model, x[:1], target_opset=18).SerializeToString())
