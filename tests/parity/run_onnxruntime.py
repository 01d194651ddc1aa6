"""Runs a network in ONNX Runtime over inputs that `lungglass preprocess` wrote, and prints a line of JSON for each.

    python run_onnxruntime.py model/lungglass.onnx folder/
"""

import csv
import json
import sys
import time
from pathlib import Path

import numpy
import onnxruntime


def main() -> None:
    network, folder = sys.argv[1], Path(sys.argv[2])
    inputs = numpy.load(folder / "inputs.npy")
    with open(folder / "index.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    session.run(["logit"], {"slice": inputs[:1]})
    for row, values in zip(rows, inputs, strict=True):
        start = time.perf_counter()
        (logit,) = session.run(["logit"], {"slice": values[None]})
        ms = 1e3 * (time.perf_counter() - start)
        print(json.dumps({"file": row["path"], "logit": float(logit[0, 0]), "ms": {"graph": ms}}))


main()
