"""Rounds the pointwise weights of an exported file to few significant bits, so that a first visit loads less.

A value on the f16 grid has 10 bits behind its leading one. Most weights are those of pointwise convolutions; with 4 bits they compress to
two thirds. Each column of a weight matrix is rounded in turn, and what that does to the layer's output is made good by the columns that are not
rounded yet, as far as the layer's inputs on training slices let them (Frantar et al. 2022, GPTQ, with floating-point values in place of
integers). The first blocks, which have few weights and feed all others, keep two bits more. All other values stay: the segmenter, depthwise kernels, biases, the last layers, the gate's components. The rounded values
lie on the f16 grid too.

The network is another one then. Its settings stay those of the file that it was made from, but for version and hash; evaluate.py gives it
figures of its own.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

import arguments
import data
import settings as model_settings
from export import Session
from operating import sigmoid

# What is rounded: expansions and projections of the trunk and the tail, and the layer before the cells.
POINTWISE = re.compile(r"block(\d+)\.(?:expand|project)\.weight|head\.weight")
# Blocks before this one keep so many bits more.
LATE = 10
MORE = 2
# Slices of training that a layer's inputs are taken from, by split, and so many cells of each batch of four.
SLICES = {"train": 32, "sars": 32, "luna_fit": 16}
CELLS = 400
# What it changes is told on so many others of these.
JUDGED = ("val", "sars", "source", "slice", "luna_held")
OTHERS = 800
# Added to the diagonal of the inputs' second moments, as a share of its mean.
DAMPING = 0.01


def shortened(values: np.ndarray, bits: int) -> np.ndarray:
    """float32 `values`, rounded to the nearest with so many bits behind the leading one, ties to even, and to the f16 grid."""
    words = values.astype(np.float32).view(np.uint32)
    drop = np.uint32(23 - bits)
    half = (np.uint32(1) << (drop - np.uint32(1))) - np.uint32(1) + ((words >> drop) & np.uint32(1))
    return (((words + half) >> drop) << drop).view(np.float32).astype(np.float16).astype(np.float32)


def rounded(weights: np.ndarray, inputs: np.ndarray, bits: int) -> np.ndarray:
    """`weights` [out, in], rounded so that the products with `inputs` [N, in] change little; float32."""
    moments = inputs.T @ inputs / len(inputs)
    moments += np.eye(len(moments)) * DAMPING * np.diag(moments).mean()
    # The inputs that matter most come first, while there are others to make their rounding good.
    order = np.argsort(-np.diag(moments))
    left = weights[:, order].astype(np.float64)
    upper = np.linalg.cholesky(np.linalg.inv(moments[np.ix_(order, order)])).T
    result = np.empty_like(left)
    for column in range(left.shape[1]):
        result[:, column] = shortened(left[:, column], bits)
        error = (left[:, column] - result[:, column]) / upper[column, column]
        left[:, column:] -= np.outer(error, upper[column, column:])
    return result[:, np.argsort(order)].astype(np.float32)


def layer_inputs(model: onnx.ModelProto, names: list[str], slices: np.ndarray) -> dict[str, np.ndarray]:
    """What the values `names` of the network are on `slices` [N,1,S,S]: float64 [cells, channels] each, some cells of each slice."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    draw = np.random.default_rng(1)
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for start in range(0, len(slices), 4):
        for name, value in zip(names, session.run(names, {"slice": slices[start : start + 4]})):
            cells = value.transpose(0, 2, 3, 1).reshape(-1, value.shape[1])
            found[name].append(cells[draw.permutation(len(cells))[:CELLS]].astype(np.float64))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def shorten(model: onnx.ModelProto, slices: np.ndarray, bits: int) -> int:
    """Rounds the weights of `model` in place; how many there were."""
    weights = {weight.name: weight for weight in model.graph.initializer if POINTWISE.fullmatch(weight.name)}
    layers = [node for node in model.graph.node if node.op_type == "Conv" and node.input[1] in weights]
    inputs = layer_inputs(model, sorted({layer.input[0] for layer in layers}), slices)
    count = 0
    for layer in layers:
        weight = weights[layer.input[1]]
        values = numpy_helper.to_array(weight)
        block = POINTWISE.fullmatch(weight.name)[1]
        is_early = block is not None and int(block) < LATE
        matrix = rounded(values.reshape(values.shape[:2]), inputs[layer.input[0]], bits + MORE * is_early)
        weight.CopyFrom(numpy_helper.from_array(matrix.reshape(values.shape), weight.name))
        count += values.size
    return count


def drift(one: Path, other: Path, inputs: np.ndarray, settings: dict) -> str:
    """How far the scores of two exported files lie apart on slices [N,1,S,S]."""
    logits = [np.concatenate([session.run(inputs[at : at + 32]).logit for at in range(0, len(inputs), 32)]) for session in map(Session, (one, other))]
    scores = [sigmoid(logit.astype(np.float64) / settings["output"]["temperature"]) for logit in logits]
    decisions = [score >= settings["class"][0]["threshold"] for score in scores]
    return (
        f"{len(inputs)} other slices: logits off by {np.sqrt(np.square(logits[0] - logits[1]).mean()):.3f} (root of the mean square), "
        f"scores by {np.abs(scores[0] - scores[1]).mean():.4f}, {(decisions[0] != decisions[1]).sum()} decisions changed"
    )


def main() -> None:
    parser = arguments.parser(__doc__, "manifest", "arrays", "onnx", out="the rounded file")
    parser.add_argument("--bits", type=int, choices=range(3, 9), required=True, help="bits behind the leading one, of the last blocks")
    parser.add_argument("--settings", type=Path, required=True, help="model.toml, which gets the version and the hash of the rounded file")
    parser.add_argument("--version", required=True, help="of the rounded network")
    options = parser.parse_args()
    arrays = data.load(options.manifest, options.arrays)
    draw = np.random.default_rng(1)
    picked = [draw.permutation(np.flatnonzero(arrays.split == split))[:number] for split, number in SLICES.items()]
    model = onnx.load(options.onnx)
    before = hashlib.sha256(options.onnx.read_bytes()).hexdigest()
    count = shorten(model, np.ascontiguousarray(arrays.inputs[np.concatenate(picked)]), options.bits)
    onnx.save(model, options.out)
    settings = model_settings.read(options.settings)
    settings["version"] = options.version
    settings["sha256"] = hashlib.sha256(options.out.read_bytes()).hexdigest()
    settings["training"]["rounding"] = f"{count} pointwise weights of the file {before[:12]} rounded to {options.bits} bits behind the leading one, those before block {LATE} to {options.bits + MORE} (shorten.py)"
    model_settings.write(options.settings, settings)
    print(f"{options.out}: {count} weights rounded to {options.bits} bits")
    others = np.setdiff1d(np.flatnonzero(np.isin(arrays.split, JUDGED)), np.concatenate(picked))
    print(drift(options.onnx, options.out, arrays.inputs[draw.permutation(others)[:OTHERS]], settings))


if __name__ == "__main__":
    main()
