"""Writes lungglass.onnx: weights rounded to the f16 grid, the gate's embedding inside.

The graph, opset 17, f32, N symbolic:
  slice [N,1,336,336] -> logit [N,1], map [N,1,56,56], opacity [N,2,56,56], lung [N,1,56,56], embedding [N,65].
`map` is the class activation map (Zhou et al. 2016, arXiv 1512.04150), weighted by lung and emphasis and laid back over the
whole slice, and `logit` is its mean. `opacity` is the probability of ground glass and of consolidation in each cell's lung, `lung` the
share of each cell that is lung. `embedding` is 64 whitened principal components of channels' means and deviations, and the length of
what they leave out. Padding is an attribute of each node; there is no control flow.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import arguments
import data
import start
from gate import collection_weights
from network import (
    CLOSE, DARKNESS, EDGE, FAMILIAR, FINE, FRAME_STEPS, GLANCE, HEALTHY, LEVEL_STEPS, MAP_CELLS, NARROWEST, OPACITIES, REACH_X, REACH_Y,
    SIZE, SPAN, SPECK, STRIDE, TINY, TRUNK, ConvNorm, Network, Segmenter, Separable, Tail, laid, spread,
)

COMPONENTS = 64
CELLS = CLOSE // STRIDE
LUNG_CELLS = MAP_CELLS
# What each cell of the lungs gets on top of its evidence, and the whole map less: with it, a lung cell lies above every cell
# outside unless it speaks strongly against COVID-19. The mean does not change.
LIFT = 16.0


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
        self.constants: set[str] = set()

    def weight(self, name: str, values: np.ndarray) -> str:
        """Adds a weight, rounded to the f16 grid."""
        self.weights.append(numpy_helper.from_array(to_grid(np.asarray(values)), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, value: float) -> str:
        """A scalar, which must lie on the grid."""
        name = f"constant.{value}"
        if name not in self.constants:
            if float(np.float16(value)) != value:
                raise ValueError(f"{value} is not on the f16 grid")
            self.constants.add(name)
            self.weight(name, np.array(value))
        return name

    def ramp(self, start: float, count: int, axis: int) -> str:
        """start, start + 1, ... along `axis` of 4, as integers and their halves exactly on the grid."""
        name = f"ramp.{start}.{count}.{axis}"
        if name not in self.constants:
            self.constants.add(name)
            shape = [1, 1, 1, 1]
            shape[axis] = count
            self.weight(name, (np.arange(count) + start).reshape(shape))
        return name

    def integers(self, name: str, values: list[int]) -> str:
        self.weights.append(numpy_helper.from_array(np.array(values, dtype=np.int64), name))
        return name

    def conv(self, layer: ConvNorm, x: str, name: str) -> str:
        """One ConvNorm."""
        weight, bias = layer.conv.weight.detach(), layer.conv.bias.detach()
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
        return y if layer.linear else self.node("Clip", [y, self.constant(0.0), self.constant(6.0)], f"{name}.relu6")

    def linear(self, layer: nn.Conv2d, x: str, name: str) -> str:
        """One 1x1 convolution."""
        weight, bias = (part.detach().numpy() for part in (layer.weight, layer.bias))
        names = [self.weight(f"{name}.weight", weight), self.weight(f"{name}.bias", bias)]
        return self.node("Conv", [x, *names], name, kernel_shape=[1, 1])

    def pool(self, x: str, output: str, size: int) -> str:
        """Means of size x size cells."""
        return self.node("AveragePool", [x], output, kernel_shape=[size, size], strides=[size, size])

    def mean(self, x: str, output: str, axes: list[int], keep: bool = True) -> str:
        return self.node("ReduceMean", [x], output, axes=axes, keepdims=int(keep))


@dataclass
class Components:
    """Weighted PCA of standardised features [N,FAMILIAR]."""

    mean: np.ndarray  # [FAMILIAR]
    scale: np.ndarray  # [FAMILIAR], one over the deviation
    whitening: np.ndarray  # [FAMILIAR,64]
    inverse: np.ndarray  # [64,FAMILIAR]


def principal_components(features: np.ndarray, weights: np.ndarray) -> Components:
    """The leading components of features [N,FAMILIAR] with weights [N], sum 1."""
    mean = weights @ features
    scale = 1 / np.sqrt(weights @ (features - mean) ** 2)
    standard = (features - mean) * scale
    values, vectors = np.linalg.eigh((standard * weights[:, None]).T @ standard)
    leading = np.argsort(values)[::-1][:COMPONENTS]
    length, basis = np.sqrt(values[leading]), vectors[:, leading]
    return Components(mean, scale, basis / length, (basis * length).T)


def components_of(path: Path, network: Network) -> Components:
    """The components of an exported file, whose gate judges by the segmenter.

    Raises ValueError where that is not the network's own.
    """
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    writer = Writer()
    segmenter_nodes(writer, network.focus.segmenter)
    for tensor in writer.weights:
        if not np.array_equal(numpy_helper.to_array(tensor), held.get(tensor.name)):
            raise ValueError(f"{path} has another segmenter ({tensor.name} differs), so its gate does not fit: leave --gate out")
    return Components(*(held[f"components.{name}"] for name in ("mean", "scale", "whitening", "inverse")))


def separable(writer: Writer, layer: Separable, x: str, name: str) -> str:
    return writer.conv(layer.point, writer.conv(layer.depthwise, x, f"{name}.depthwise"), f"{name}.point")


def doubled(writer: Writer, x: str, channels: int, cells: int, name: str) -> str:
    """Each cell four times: [N,channels,cells,cells] -> [N,channels,2 cells,2 cells]."""
    apart = writer.integers(f"{name}.apart.shape", [0, channels, cells, 1, cells, 1])
    twice = writer.integers(f"{name}.twice.shape", [1, 1, 1, 2, 1, 2])
    joined = writer.integers(f"{name}.shape", [0, channels, 2 * cells, 2 * cells])
    y = writer.node("Expand", [writer.node("Reshape", [x, apart], f"{name}.apart"), twice], f"{name}.twice")
    return writer.node("Reshape", [y, joined], name)


def segmenter_nodes(writer: Writer, segmenter: Segmenter) -> tuple[str, list[str]]:
    """Segmenter.forward of a glance at `slice`: logits of lung [N,16,G/2,G/2], and the features at G/4, G/8 and G/16."""

    def chain(layers: nn.Sequential, x: str, name: str) -> str:
        for index, layer in enumerate(layers):
            x = separable(writer, layer, x, f"{name}{index}")
        return x

    fine = writer.conv(segmenter.stem, writer.pool("slice", "lungs.glance", SIZE // GLANCE), "lungs.stem")
    fine = separable(writer, segmenter.fine, fine, "lungs.fine")
    middle = separable(writer, segmenter.middle, writer.conv(segmenter.down1, fine, "lungs.down1"), "lungs.middle")
    coarse = chain(segmenter.coarse, writer.conv(segmenter.down2, middle, "lungs.down2"), "lungs.coarse")
    deep = chain(segmenter.deep, coarse, "lungs.deep")
    up = writer.node("Add", [coarse, doubled(writer, deep, 64, GLANCE // 16, "lungs.deep.up")], "lungs.coarse.sum")
    up = separable(writer, segmenter.coarse_up, up, "lungs.coarse_up")
    up = writer.node("Add", [middle, doubled(writer, up, 32, GLANCE // 8, "lungs.coarse.up")], "lungs.middle.sum")
    up = separable(writer, segmenter.middle_up, up, "lungs.middle_up")
    up = writer.node("Add", [fine, doubled(writer, up, 16, GLANCE // 4, "lungs.middle.up")], "lungs.fine.sum")
    up = separable(writer, segmenter.fine_up, up, "lungs.fine_up")
    return writer.linear(segmenter.out, up, "lungs.logit"), [middle, coarse, deep]


def weighted_nodes(writer: Writer, x: str, weight: str, default: float, name: str) -> str:
    """network.weighted: the mean of x by weight, [N,1,1,1]."""
    product = writer.mean(writer.node("Mul", [x, weight], f"{name}.product"), f"{name}.sum", [2, 3])
    total = writer.mean(weight, f"{name}.total", [2, 3])
    raised = writer.node("Add", [product, writer.constant(TINY * default)], f"{name}.sum.raised")
    return writer.node("Div", [raised, writer.node("Add", [total, writer.constant(TINY)], f"{name}.total.raised")], name)


def snapped(writer: Writer, x: str, steps: int, name: str) -> str:
    """network.snapped."""
    whole = writer.node("Mul", [x, writer.constant(float(steps))], f"{name}.steps")
    whole = writer.node("Floor", [writer.node("Add", [whole, writer.constant(0.5)], f"{name}.half.more")], f"{name}.whole")
    return writer.node("Div", [whole, writer.constant(float(steps))], name)


def frame_nodes(writer: Writer, axis: int, reach: float, name: str) -> tuple[str, str]:
    """network.frame_of along one axis of `lung` (2: top and bottom, 3: left and right): its ends, [N,1,1,1] each."""
    node, constant = writer.node, writer.constant
    line = writer.mean("lung", f"{name}.line", [5 - axis])
    place = node("Div", [writer.ramp(0.5, LUNG_CELLS, axis), constant(float(LUNG_CELLS))], f"{name}.place")
    total = node("Add", [writer.mean(line, f"{name}.sum", [axis]), constant(TINY)], f"{name}.total")
    moment = writer.mean(node("Mul", [line, place], f"{name}.moments"), f"{name}.moment", [axis])
    centre = node("Div", [node("Add", [moment, constant(TINY / 2)], f"{name}.moment.raised"), total], f"{name}.centre")
    off = node("Sub", [place, centre], f"{name}.off")
    square = node("Mul", [line, node("Mul", [off, off], f"{name}.off.square")], f"{name}.squares")
    spread = node("Add", [writer.mean(square, f"{name}.square", [axis]), constant(TINY / 4)], f"{name}.square.raised")
    deviation = node("Sqrt", [node("Div", [spread, total], f"{name}.variance")], f"{name}.deviation")
    more = node("Sub", [node("Mul", [deviation, constant(reach)], f"{name}.reach"), constant(NARROWEST)], f"{name}.more")
    half = node("Add", [node("Relu", [more], f"{name}.more.positive"), constant(NARROWEST)], f"{name}.half")
    start = node("Clip", [node("Sub", [centre, half], f"{name}.low"), constant(0.0), constant(1.0)], f"{name}.start.exact")
    end = node("Clip", [node("Add", [centre, half], f"{name}.high"), constant(0.0), constant(1.0)], f"{name}.end.exact")
    return snapped(writer, start, FRAME_STEPS, f"{name}.start"), snapped(writer, end, FRAME_STEPS, f"{name}.end")


def taps_nodes(writer: Writer, ends: tuple[str, str], pixels: int, axis: int, name: str) -> str:
    """The taps of network.cut along one axis: [N,1,CLOSE,pixels] for rows (2), [N,1,pixels,CLOSE] for columns (3)."""
    node, constant = writer.node, writer.constant
    start, end = ends
    length = node("Sub", [end, start], f"{name}.length")
    share = node("Div", [writer.ramp(0.5, CLOSE, axis), constant(float(CLOSE))], f"{name}.share")
    place = node("Add", [start, node("Mul", [length, share], f"{name}.along")], f"{name}.at")
    place = node("Mul", [place, constant(float(pixels))], f"{name}.at.pixels")
    place = node("Clip", [place, constant(0.5), constant(pixels - 0.5)], f"{name}.at.inside")
    gap = node("Abs", [node("Sub", [place, writer.ramp(0.5, pixels, 5 - axis)], f"{name}.off")], f"{name}.gap")
    return node("Relu", [node("Sub", [constant(1.0), gap], f"{name}.near")], name)


def cut_nodes(writer: Writer, x: str, frame: tuple[tuple[str, str], tuple[str, str]], pixels: int, name: str) -> str:
    """network.cut of x [N,1,pixels,pixels]: [N,1,CLOSE,CLOSE]."""
    rows = taps_nodes(writer, frame[0], pixels, 2, f"{name}.rows")
    columns = taps_nodes(writer, frame[1], pixels, 3, f"{name}.columns")
    return writer.node("MatMul", [writer.node("MatMul", [rows, x], f"{name}.tall"), columns], name)


def overlap_nodes(writer: Writer, ends: tuple[str, str], axis: int, cells_axis: int, name: str, cells: int = CELLS) -> str:
    """The overlaps of network.spread down (axis 2) or across (3), cells of the slice along `axis`, of the frame along the other."""
    node, constant = writer.node, writer.constant
    start, end = (node("Mul", [part, constant(float(MAP_CELLS))], f"{name}.{at}") for part, at in zip(ends, ("start", "end")))
    step = node("Div", [node("Sub", [end, start], f"{name}.length"), constant(float(cells))], f"{name}.step")
    low = node("Add", [start, node("Mul", [step, writer.ramp(0.0, cells, cells_axis)], f"{name}.along")], f"{name}.from")
    high = node("Add", [low, step], f"{name}.to")
    last = node("Min", [high, writer.ramp(1.0, MAP_CELLS, axis)], f"{name}.last")
    reach = node("Sub", [last, node("Max", [low, writer.ramp(0.0, MAP_CELLS, axis)], f"{name}.first")], f"{name}.reach")
    return node("Relu", [reach], name)


def spread_nodes(writer: Writer, cells: str, frame: tuple[tuple[str, str], tuple[str, str]]) -> str:
    """network.spread of `cells` [N,1,CELLS,CELLS] by `lung`: [N,1,MAP_CELLS,MAP_CELLS]."""
    node, constant = writer.node, writer.constant
    down, across = frame
    gather = overlap_nodes(writer, down, 3, 2, "map.gather.rows"), overlap_nodes(writer, across, 2, 3, "map.gather.columns")
    lay = overlap_nodes(writer, down, 2, 3, "map.rows"), overlap_nodes(writer, across, 3, 2, "map.columns")
    none = node("Sub", [constant(1.0), "lung"], "map.none")
    edge = node("MaxPool", [none], "map.edge", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    faint = node("Mul", ["lung", constant(EDGE)], "map.faint")
    inner = node("Add", [node("Sub", [constant(1.0), edge], "map.inside"), faint], "map.inner")
    held = node("MatMul", [node("MatMul", [gather[0], inner], "map.held.tall"), gather[1]], "map.held")
    each = node("Div", [cells, node("Add", [held, constant(SPECK)], "map.held.raised")], "map.each")
    density = node("MatMul", [node("MatMul", [lay[0], each], "map.tall"), lay[1]], "map.density")
    scaled = node("Mul", [density, constant(float((MAP_CELLS // CELLS) ** 2))], "map.scaled")
    return node("Mul", [scaled, inner], "map.spread")


def focus_nodes(writer: Writer, logit: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Focus.forward of `slice` and the segmenter's logits; adds the output `lung` and, for the classifier, `seen` and
    `lung.close`. Gives the frame: its ends down and across."""
    node, constant = writer.node, writer.constant
    share = writer.mean(node("Sigmoid", [logit], "focus.pixels"), "lung", [1])
    gray = writer.pool("slice", "focus.gray", SIZE // LUNG_CELLS)
    near = node("MaxPool", [share], "focus.near", kernel_shape=[5, 5], strides=[1, 1], pads=[2, 2, 2, 2])
    ring = node("Mul", [near, node("Sub", [constant(1.0), share], "focus.outside")], "focus.ring")
    bright = snapped(writer, weighted_nodes(writer, gray, ring, 1.0, "focus.bright.exact"), LEVEL_STEPS, "focus.bright")
    mean = weighted_nodes(writer, gray, share, -1.0, "focus.mean")
    off = node("Sub", [gray, mean], "focus.off")
    variance = weighted_nodes(writer, node("Mul", [off, off], "focus.squares"), share, 1.0, "focus.variance")
    deviation = node("Sqrt", [node("Add", [variance, constant(TINY)], "focus.variance.raised")], "focus.deviation")
    darker = node("Div", [node("Mul", [off, constant(-DARKNESS)], "focus.darker"), deviation], "focus.darkness")
    bounded = node("Clip", [darker, constant(-3.0), constant(3.0)], "focus.bounded")
    weight = node("Mul", [share, node("Exp", [bounded], "focus.emphasis")], "focus.weight")
    dark = snapped(writer, weighted_nodes(writer, gray, weight, -1.0, "focus.dark.exact"), LEVEL_STEPS, "focus.dark")
    gap = node("Sub", [node("Sub", [bright, dark], "focus.gap"), constant(SPAN)], "focus.gap.more")
    span = node("Add", [node("Relu", [gap], "focus.gap.positive"), constant(SPAN)], "focus.span")
    level = node("Div", [node("Sub", ["slice", dark], "focus.above"), span], "focus.level")
    level = node("Clip", [level, constant(-0.25), constant(1.0)], "focus.clipped")
    frame = frame_nodes(writer, 2, REACH_Y, "frame.down"), frame_nodes(writer, 3, REACH_X, "frame.across")
    mask = cut_nodes(writer, share, frame, LUNG_CELLS, "focus.mask")
    level = cut_nodes(writer, level, frame, SIZE, "focus.close")
    held = node("Mul", [mask, node("Sub", [level, constant(1.0)], "focus.below")], "focus.held")
    node("Add", [node("Mul", [held, constant(2.0)], "focus.doubled"), constant(1.0)], "seen")
    writer.pool(mask, "lung.close", STRIDE)
    return frame


def block_nodes(writer: Writer, blocks: nn.ModuleList, first: int, x: str) -> str:
    """The blocks, of which the first has the number `first`."""
    for index, block in enumerate(blocks, first):
        y = x
        for name, layer in block.layers().items():
            y = writer.conv(layer, y, f"block{index}.{name}")
        x = writer.node("Add", [x, y], f"block{index}.add") if block.residual else y
    return x


def split(writer: Writer, x: str, parts: list[str], name: str) -> None:
    """The channels of x one by one."""
    writer.integers(f"{name}.parts", [1] * len(parts))
    writer.nodes.append(helper.make_node("Split", [x, f"{name}.parts"], parts, name=f"{name}.split", axis=1))


def opacity_nodes(writer: Writer, tail: Tail, features: str, head: str, frame: tuple[tuple[str, str], tuple[str, str]]) -> None:
    """Tail.opacity, laid over the whole slice: adds the output `opacity`."""
    node, constant = writer.node, writer.constant
    fine = writer.conv(tail.fine_point, writer.conv(tail.fine, features, "opacity.fine"), "opacity.point")
    coarse = doubled(writer, writer.conv(tail.coarse, head, "opacity.coarse"), FINE, CELLS, "opacity.coarse.up")
    both = node("Clip", [node("Add", [fine, coarse], "opacity.sum"), constant(0.0), constant(6.0)], "opacity.both")
    found = node("Sigmoid", [writer.linear(tail.opacity, both, "opacity.cells")], "opacity.found")
    names = ["opacity.ground.glass", "opacity.consolidation"]
    split(writer, found, names, "opacity.found")
    rows = overlap_nodes(writer, frame[0], 2, 3, "opacity.rows", 2 * CELLS)
    columns = overlap_nodes(writer, frame[1], 3, 2, "opacity.columns", 2 * CELLS)
    laid = [node("MatMul", [node("MatMul", [rows, name], f"{name}.tall"), columns], f"{name}.laid") for name in names]
    node("Concat", laid, "opacity", axis=1)


def classifier_nodes(writer: Writer, network: Network, frame: tuple[tuple[str, str], tuple[str, str]]) -> None:
    """Trunk and tail of `seen` and `lung.close`, laid over the slice; adds the outputs `map`, `logit` and `opacity`."""
    node, constant = writer.node, writer.constant
    trunk, tail = network.trunk, network.tail
    features = block_nodes(writer, trunk.blocks, 0, writer.conv(trunk.stem, "seen", "stem"))
    head = writer.conv(tail.head, block_nodes(writer, tail.blocks, TRUNK, features), "head")
    split(writer, writer.linear(tail.cells, head, "cells"), ["evidence", "emphasis"], "cells")
    opacity_nodes(writer, tail, features, head, frame)

    lung = "lung.close"
    opaque = node("Add", [node("Sigmoid", ["emphasis"], "emphasis.share"), constant(HEALTHY)], "emphasis.raised")
    weight = node("Mul", [lung, opaque], "weight")
    total = node("Add", [writer.mean(weight, "weight.mean", [2, 3]), constant(TINY)], "weight.total")
    weight = node("Div", [weight, total], "weight.normal")
    lifted = node("Mul", [node("Add", ["evidence", constant(LIFT)], "evidence.lifted"), weight], "map.close")
    spread = spread_nodes(writer, lifted, frame)
    # The mean of what is spread is the mean of the cells, but for rounding; the logit is taken from the map itself.
    lift = node("Mul", [writer.mean(weight, "weight.normal.mean", [2, 3]), constant(LIFT)], "lift")
    node("Sub", [spread, lift], "map")
    writer.mean("map", "logit", [2, 3], keep=False)


def moments_node(writer: Writer, x: str, name: str) -> str:
    """network.moments: [N,C,H,W] -> [N,2C]."""
    node = writer.node
    mean = writer.mean(x, f"{name}.mean", [2, 3], keep=False)
    energy = writer.mean(node("Mul", [x, x], f"{name}.square"), f"{name}.energy", [2, 3], keep=False)
    variance = node("Sub", [energy, node("Mul", [mean, mean], f"{name}.mean.square")], f"{name}.variance")
    raised = node("Add", [node("Relu", [variance], f"{name}.clamped"), writer.constant(TINY)], f"{name}.raised")
    return node("Concat", [mean, node("Sqrt", [raised], f"{name}.deviation")], name, axis=1)


def embedding_nodes(writer: Writer, components: Components, layers: list[str]) -> None:
    """Adds the output `embedding` of the channels' moments of `layers`."""
    node = writer.node
    pooled = node("Concat", [moments_node(writer, layer, f"familiar{i}") for i, layer in enumerate(layers)], "familiar", axis=1)
    off = node("Sub", [pooled, writer.weight("components.mean", components.mean)], "familiar.off")
    centred = node("Mul", [off, writer.weight("components.scale", components.scale)], "familiar.standard")
    scores = node("MatMul", [centred, writer.weight("components.whitening", components.whitening)], "components")
    explained = node("MatMul", [scores, writer.weight("components.inverse", components.inverse)], "explained")
    rest = node("Sub", [centred, explained], "rest")
    square = writer.mean(node("Mul", [rest, rest], "rest.squares"), "rest.mean", [1])
    total = node("Mul", [square, writer.constant(float(FAMILIAR))], "rest.total")
    node("Concat", [scores, node("Sqrt", [total], "rest.length")], "embedding", axis=1)


def build(network: Network, components: Components) -> onnx.ModelProto:
    """The whole graph of a trained network and the embedding's components."""
    writer = Writer()
    logit, features = segmenter_nodes(writer, network.focus.segmenter)
    classifier_nodes(writer, network, focus_nodes(writer, logit))
    embedding_nodes(writer, components, features)

    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])

    outputs = [
        value("logit", 1),
        value("map", 1, MAP_CELLS, MAP_CELLS),
        value("opacity", OPACITIES, MAP_CELLS, MAP_CELLS),
        value("lung", 1, LUNG_CELLS, LUNG_CELLS),
        value("embedding", COMPONENTS + 1),
    ]
    graph = helper.make_graph(writer.nodes, "lungglass", [value("slice", 1, SIZE, SIZE)], outputs, writer.weights)
    model = helper.make_model(
        graph, producer_name="lungglass", ir_version=8, opset_imports=[helper.make_opsetid("", 17)]
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def familiar_features(network: Network, inputs: np.ndarray) -> np.ndarray:
    """What the gate judges by, [N,FAMILIAR] in float64, of inputs [N,1,S,S]."""
    network.eval()
    with torch.inference_mode():
        parts = [network.familiar(part) for part in torch.from_numpy(inputs).split(32)]
    return torch.cat(parts).double().numpy()


def lung_shares(network: Network, inputs: np.ndarray) -> np.ndarray:
    """The share of each of inputs [N,1,S,S] that is lung, float64 [N]."""
    with torch.inference_mode():
        parts = [network.focus.lungs(torch.from_numpy(inputs[i : i + 32])).mean((1, 2, 3)) for i in range(0, len(inputs), 32)]
    return torch.cat(parts).double().numpy()


@dataclass
class Said:
    """What the exported file says of N slices: logit [N], map [N,56,56], opacity [N,2,56,56], lung [N,56,56], embedding [N,65]."""

    logit: np.ndarray
    map: np.ndarray
    opacity: np.ndarray
    lung: np.ndarray
    embedding: np.ndarray


class Session:
    """The exported file in ONNX Runtime."""

    def __init__(self, path: Path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, inputs: np.ndarray) -> Said:
        """Reads inputs [N,1,S,S]."""
        names = ["logit", "map", "opacity", "lung", "embedding"]
        parts = [self.session.run(names, {"slice": inputs[i : i + 32]}) for i in range(0, len(inputs), 32)]
        logit, maps, opacity, lung, embedding = (np.concatenate(part) for part in zip(*parts))
        return Said(logit[:, 0], maps[:, 0], opacity, lung[:, 0], embedding)


def rounded(network: Network) -> Network:
    """The network with its weights on the grid, as the file has them."""
    network = deepcopy(network).eval()
    with torch.no_grad():
        for part in network.parameters():
            part.copy_(torch.from_numpy(to_grid(part.numpy())))
    return network


def lifted_map(network: Network, x: torch.Tensor) -> np.ndarray:
    """The output `map` [N,56,56] by PyTorch."""
    given = network.focus(x)
    outputs = network.tail(network.trunk(given.seen), given.lung)
    lifted = spread(outputs.weight * (outputs.evidence + LIFT), given.share, given.frame)
    return (lifted - LIFT * outputs.weight.mean((1, 2), keepdim=True)).numpy()


def laid_opacity(network: Network, x: torch.Tensor) -> np.ndarray:
    """The output `opacity` [N,2,56,56] by PyTorch."""
    given = network.focus(x)
    outputs = network.tail(network.trunk(given.seen), given.lung)
    return laid(torch.sigmoid(outputs.opacity), given.frame).numpy()


def check(path: Path, network: Network, inputs: np.ndarray) -> None:
    """Compares the file with the network on inputs [N,1,S,S], N > 3.

    Raises ValueError when the map's mean is not the logit, when N changes the result, or when the
    file is further from the network with the same rounded weights than arithmetic explains.
    """
    session = Session(path)
    said = session.run(inputs)
    alone = np.concatenate([session.run(inputs[i : i + 1]).logit for i in range(3)])
    three = session.run(inputs[:3]).logit
    with torch.inference_mode():
        x = torch.from_numpy(inputs)
        same, exact = rounded(network)(x), network.eval()(x)
        lung, map_ = network.focus.lungs(x)[:, 0].numpy(), lifted_map(rounded(network), x)
        opacity = laid_opacity(rounded(network), x)
    gaps = {
        "mean of the map against the logit": (np.abs(said.map.mean((1, 2)) - said.logit).max(), 1e-4),
        "map, ONNX Runtime against PyTorch, same rounded weights, of its range": (np.abs(said.map - map_).max() / np.ptp(map_), 1e-3),
        "N = 1 against N = 3": (np.abs(alone - three).max(), 1e-4),
        "logit, ONNX Runtime against PyTorch's map, same rounded weights": (np.abs(said.logit - map_.mean((1, 2))).max(), 5e-4),
        "logit, of the map against of the cells": (np.abs(said.logit - same.logit.numpy()).max(), 1e-2),
        "opacity, ONNX Runtime against PyTorch, same rounded weights": (np.abs(said.opacity - opacity).max(), 1e-3),
        "logit, rounded weights against exact ones": (np.abs(said.logit - exact.logit.numpy()).max(), 0.2),
        "lung, rounded weights against exact ones": (np.abs(said.lung - lung).max(), 5e-2),
    }
    for name, (gap, bound) in gaps.items():
        print(f"{name}: {gap:.1e}")
        if not gap <= bound:
            raise ValueError(f"{name}: {gap} is more than {bound}")


def load(begin: Path, run: Path) -> Network:
    """The whole network: segmenter and trunk of the file that training went on from, and a run's network.pt."""
    focus, trunk, tail = start.load(begin)
    tail.load_state_dict(torch.load(run, map_location="cpu", weights_only=True))
    return Network(focus, trunk, tail).eval()


def main() -> None:
    parser = arguments.parser(__doc__, "manifest", "arrays", "start", out="lungglass.onnx")
    parser.add_argument("--network", type=Path, required=True, help="network.pt of a run")
    parser.add_argument("--gate", type=Path, help="an exported file with the same segmenter, whose components are taken in place of a new fit")
    options = parser.parse_args()

    torch.set_num_threads(2)
    network = load(options.start, options.network)
    arrays = data.load(options.manifest, options.arrays)
    if options.gate:
        components = components_of(options.gate, network)
    else:
        arrays.lung = lung_shares(network, arrays.inputs)
        weights = collection_weights(arrays)
        fit = weights > 0
        components = principal_components(familiar_features(network, arrays.inputs[fit]), weights[fit])
    onnx.save(build(network, components), options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes")
    check(options.out, network, arrays.of("val", clean=True).inputs[:16])


if __name__ == "__main__":
    main()
