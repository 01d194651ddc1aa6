"""Writes lungglass.onnx: batch norm folded, weights rounded to the f16 grid, the gate's embedding inside.

The graph, opset 17, f32, N symbolic:
  slice [N,1,224,224] -> logit [N,1], map [N,1,7,7], embedding [N,65].
`map` is the class activation map (Zhou et al. 2016, arXiv 1512.04150) with the bias in each cell, and
`logit` is its mean. `embedding` is 64 whitened principal components of the channels' means and deviations
half-way through the network, and the length of what they leave out. Padding is an attribute of each Conv; there is
no control flow.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

import data
from gate import collection_weights
from network import FAMILIAR, FAMILIAR_BLOCK, FEATURES, SIZE, TINY, ConvNorm, Network

COMPONENTS = 64
CELLS = SIZE // 32


def to_grid(values: np.ndarray) -> np.ndarray:
    """Rounds to the nearest f16 value, kept as float32."""
    rounded = values.astype(np.float16).astype(np.float32)
    if not np.isfinite(rounded).all():
        raise ValueError("a weight is outside the range of f16")
    return rounded


class Writer:
    """Collects nodes and weights of one graph; values are known by name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, values: np.ndarray) -> str:
        """Adds a weight, rounded to the f16 grid."""
        self.weights.append(numpy_helper.from_array(to_grid(np.asarray(values)), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def conv(self, layer: ConvNorm, x: str, name: str) -> str:
        """One ConvNorm with its batch norm folded."""
        weight, bias = layer.folded()
        before, after = layer.padding
        y = self.node(
            "Conv",
            [x, self.weight(f"{name}.weight", weight.numpy()), self.weight(f"{name}.bias", bias.numpy())],
            f"{name}.conv",
            kernel_shape=list(layer.conv.kernel_size),
            strides=list(layer.conv.stride),
            pads=[before, before, after, after],
            group=layer.conv.groups,
        )
        return y if layer.linear else self.node("Clip", [y, "zero", "six"], f"{name}.relu6")


@dataclass
class Components:
    """Weighted PCA of standardised features [N,224]."""

    mean: np.ndarray  # [224]
    scale: np.ndarray  # [224], one over the deviation
    whitening: np.ndarray  # [224,64]
    inverse: np.ndarray  # [64,224]


def principal_components(features: np.ndarray, weights: np.ndarray) -> Components:
    """The leading components of features [N,224] with weights [N], sum 1."""
    mean = weights @ features
    scale = 1 / np.sqrt(weights @ (features - mean) ** 2)
    standard = (features - mean) * scale
    values, vectors = np.linalg.eigh((standard * weights[:, None]).T @ standard)
    leading = np.argsort(values)[::-1][:COMPONENTS]
    length, basis = np.sqrt(values[leading]), vectors[:, leading]
    return Components(mean, scale, basis / length, (basis * length).T)


def familiar_node(writer: Writer, x: str) -> str:
    """Network.familiar behind block 10: [N,112,14,14] -> [N,224]."""

    def pool(x: str, output: str) -> str:
        return writer.node("ReduceMean", [x], output, axes=[2, 3], keepdims=0)

    mean = pool(x, "familiar.mean")
    energy = pool(writer.node("Mul", [x, x], "familiar.square"), "familiar.energy")
    square = writer.node("Mul", [mean, mean], "familiar.mean.square")
    variance = writer.node("Sub", [energy, square], "familiar.variance")
    clamped = writer.node("Relu", [variance], "familiar.clamped")
    raised = writer.node("Add", [clamped, writer.weight("tiny", np.array(TINY))], "familiar.raised")
    deviation = writer.node("Sqrt", [raised], "familiar.deviation")
    return writer.node("Concat", [mean, deviation], "familiar", axis=1)


def build(network: Network, components: Components) -> onnx.ModelProto:
    """The whole graph of a trained network and the embedding's components."""
    writer = Writer()
    writer.weight("zero", np.array(0.0))
    writer.weight("six", np.array(6.0))
    x = writer.conv(network.stem, "slice", "stem")
    for index, block in enumerate(network.blocks):
        y = x
        for name, layer in block.layers().items():
            y = writer.conv(layer, y, f"block{index}.{name}")
        x = writer.node("Add", [x, y], f"block{index}.add") if block.residual else y
        if index == FAMILIAR_BLOCK:
            familiar = x
    features = writer.conv(network.head, x, "head")

    classifier = network.classifier.weight.detach().double().numpy().reshape(1, FEATURES, 1, 1)
    bias = network.classifier.bias.detach().double().numpy()
    writer.node(
        "Conv",
        [features, writer.weight("classifier.weight", classifier), writer.weight("classifier.bias", bias)],
        "map",
        kernel_shape=[1, 1],
    )
    writer.node("ReduceMean", ["map"], "logit", axes=[2, 3], keepdims=0)

    pooled = familiar_node(writer, familiar)
    off = writer.node("Sub", [pooled, writer.weight("components.mean", components.mean)], "familiar.off")
    centred = writer.node("Mul", [off, writer.weight("components.scale", components.scale)], "familiar.standard")
    scores = writer.node("MatMul", [centred, writer.weight("components.whitening", components.whitening)], "components")
    explained = writer.node("MatMul", [scores, writer.weight("components.inverse", components.inverse)], "explained")
    rest = writer.node("Sub", [centred, explained], "rest")
    squares = writer.node("Mul", [rest, rest], "rest.squares")
    square = writer.node("ReduceMean", [squares], "rest.mean", axes=[1], keepdims=1)
    total = writer.node("Mul", [square, writer.weight("channels", np.array(float(FAMILIAR)))], "rest.total")
    length = writer.node("Sqrt", [total], "rest.length")
    writer.node("Concat", [scores, length], "embedding", axis=1)

    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])

    graph = helper.make_graph(
        writer.nodes,
        "lungglass",
        [value("slice", 1, SIZE, SIZE)],
        [value("logit", 1), value("map", 1, CELLS, CELLS), value("embedding", COMPONENTS + 1)],
        writer.weights,
    )
    model = helper.make_model(
        graph, producer_name="lungglass", ir_version=8, opset_imports=[helper.make_opsetid("", 17)]
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def familiar_features(network: Network, inputs: np.ndarray) -> np.ndarray:
    """What the gate judges by, [N,224] in float64, of inputs [N,1,S,S]."""
    network.eval()
    with torch.inference_mode():
        parts = [network.familiar(torch.from_numpy(inputs[i : i + 32])) for i in range(0, len(inputs), 32)]
    return torch.cat(parts).double().numpy()


class Session:
    """The exported file in ONNX Runtime."""

    def __init__(self, path: Path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Logits [N], maps [N,7,7] and embeddings [N,65] of inputs [N,1,S,S]."""
        names = ["logit", "map", "embedding"]
        parts = [self.session.run(names, {"slice": inputs[i : i + 32]}) for i in range(0, len(inputs), 32)]
        logit, maps, embedding = (np.concatenate(part) for part in zip(*parts))
        return logit[:, 0], maps[:, 0], embedding


def check(path: Path, network: Network, inputs: np.ndarray) -> None:
    """Compares the file with the network on inputs [N,1,S,S], N > 3.

    Raises ValueError when the map's mean is not the logit, when N changes the result, or when the
    file is further from the network with the same rounded weights than arithmetic explains.
    """
    session = Session(path)
    logit, maps, _ = session.run(inputs)
    alone = np.concatenate([session.run(inputs[i : i + 1])[0] for i in range(3)])
    three = session.run(inputs[:3])[0]
    rounded = rounded_logits(network, inputs)
    with torch.inference_mode():
        exact = network.eval()(torch.from_numpy(inputs)).numpy()
    gaps = {
        "mean of the map against the logit": (np.abs(maps.mean((1, 2)) - logit).max(), 1e-5),
        "N = 1 against N = 3": (np.abs(alone - three).max(), 1e-4),
        "ONNX Runtime against PyTorch, same rounded weights": (np.abs(logit - rounded).max(), 1e-4),
        "rounded weights against exact ones": (np.abs(logit - exact).max(), 5e-2),
    }
    for name, (gap, bound) in gaps.items():
        print(f"{name}: {gap:.1e}")
        if not gap <= bound:
            raise ValueError(f"{name}: {gap} is more than {bound}")


def rounded_logits(network: Network, inputs: np.ndarray) -> np.ndarray:
    """Logits [N] of the network computed by PyTorch from the folded, rounded weights."""

    def conv(layer: ConvNorm, x: torch.Tensor) -> torch.Tensor:
        weight, bias = (torch.from_numpy(to_grid(part.numpy())) for part in layer.folded())
        before, after = layer.padding
        x = torch.nn.functional.pad(x, (before, after, before, after))
        x = torch.nn.functional.conv2d(x, weight, bias, layer.conv.stride, groups=layer.conv.groups)
        return x if layer.linear else torch.nn.functional.relu6(x)

    with torch.inference_mode():
        x = conv(network.stem, torch.from_numpy(inputs))
        for block in network.blocks:
            y = x
            for layer in block.layers().values():
                y = conv(layer, y)
            x = x + y if block.residual else y
        pooled = conv(network.head, x).mean((2, 3)).numpy()
    weight = to_grid(network.classifier.weight.detach().numpy())
    bias = to_grid(network.classifier.bias.detach().numpy())
    return (pooled @ weight.T + bias)[:, 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--arrays", type=Path, required=True, help="arrays at 224")
    parser.add_argument("--network", type=Path, required=True, help="network.pt of a run")
    parser.add_argument("--out", type=Path, required=True, help="lungglass.onnx")
    options = parser.parse_args()

    torch.set_num_threads(2)
    network = Network()
    network.load_state_dict(torch.load(options.network, weights_only=True))
    arrays = data.load(options.manifest, options.arrays)
    weights = collection_weights(arrays)
    fit = weights > 0
    features = familiar_features(network, arrays.inputs[fit])
    model = build(network, principal_components(features, weights[fit]))
    onnx.save(model, options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes")
    check(options.out, network, arrays.of("val", clean=True).inputs[:16])


if __name__ == "__main__":
    main()
