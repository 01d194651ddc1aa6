"""Times onnxruntime for the benchmark: NETWORK INPUTS SIZE, where INPUTS is a file of float32 inputs one after another.

Tells its version and the logits in one line of JSON; then answers every line that it reads with the milliseconds of each input.
"""

import json
import sys
import time

import numpy
import onnxruntime

network, inputs, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
options.add_free_dimension_override_by_name("N", 1)
session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
slices = numpy.fromfile(inputs, dtype="<f4").reshape(-1, 1, 1, size, size)


def run(picture):
    return float(session.run(["logit"], {"slice": picture})[0].item())


print(json.dumps({"version": onnxruntime.__version__, "logits": [run(picture) for picture in slices]}), flush=True)
for _ in sys.stdin:
    times = []
    for picture in slices:
        start = time.perf_counter()
        run(picture)
        times.append(1000 * (time.perf_counter() - start))
    print(json.dumps(times), flush=True)
