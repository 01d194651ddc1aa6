"""Writes ONNX graphs of one or a few operators over random shapes, with what ONNX Runtime makes of a random input.

    python generate.py --out cases [--seed 1] [--rounds 3]

Needs numpy, onnx and onnxruntime. A file is an ordinary ONNX model; its input and outputs ride along as the initializers
`value of NAME`, which nothing takes. tests/onnxruntime.rs reads them. Beside the folder come candidate.onnx, a whole network, and refused/, of graphs that are none for our kernels.
"""

import argparse
from pathlib import Path

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class Graph:
    """One model under construction; every method gives the name of a value."""

    def __init__(self, random, shape, low=-2.0, high=2.0):
        self.random = random
        self.shape = [int(length) for length in shape]
        self.input = random.uniform(low, high, self.shape).astype(numpy.float32)
        self.nodes, self.constants, self.outputs = [], [], []
        # Shapes that the model leaves open, by the names of its input and outputs.
        self.open = {}

    def constant(self, values, kind=numpy.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(numpy.asarray(values, kind), name))
        return name

    def weights(self, *shape):
        return self.constant(self.random.uniform(-1, 1, shape))

    def node(self, operator, *inputs, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, f"node{len(self.nodes)}", **attributes))
        return names[0] if outputs == 1 else names

    def output(self, *names):
        self.outputs += names

    def bytes(self):
        """The model with the input and what ONNX Runtime makes of it."""
        model = self.model({name: None for name in self.outputs})
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        values = dict(zip(self.outputs, session.run(self.outputs, {"x": self.input})))
        model = self.model({name: value.shape for name, value in values.items()})
        onnx.checker.check_model(model)
        for name, value in [("x", self.input), *values.items()]:
            if not numpy.isfinite(value).all():
                raise ValueError(f"{name} is not finite")
            model.graph.initializer.append(numpy_helper.from_array(value, f"value of {name}"))
        return model.SerializeToString(deterministic=True)

    def model(self, outputs):
        shaped = helper.make_tensor_value_info
        outputs = [shaped(name, TensorProto.FLOAT, self.open.get(name, shape)) for name, shape in outputs.items()]
        inputs = [shaped("x", TensorProto.FLOAT, self.open.get("x", self.shape))]
        graph = helper.make_graph(self.nodes, "case", inputs, outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def finished(random, graph, value, shape):
    """What exporters let follow a convolution: nothing, an activation, a residual sum."""
    choice = random.integers(5)
    if choice == 1:
        value = graph.node("Relu", value)
    if choice == 2:
        value = graph.node("Clip", value, graph.constant(0.0), graph.constant(random.uniform(0.5, 6)))
    if choice >= 3:
        value = graph.node("Add", value, graph.weights(*shape))
    if choice == 4:
        value = graph.node("Relu", value)
    return value


def convolution(random, groups=1, channels=None, filters=None, kernel=None, dilation=1):
    channels = channels or int(random.integers(1, 12))
    filters = filters or int(random.integers(1, 12))
    kernel = kernel or [int(length) for length in random.integers(1, 5, 2)]
    reach = [(length - 1) * dilation + 1 for length in kernel]
    strides = [int(stride) for stride in random.integers(1, 4, 2)]
    if groups > 1:
        strides = [strides[0]] * 2
    if groups == channels:
        strides = [min(strides[0], 2)] * 2
    picture = [reach[axis] + int(random.integers(0, 8)) for axis in range(2)]
    graph = Graph(random, [1, channels, *picture])
    pads = [int(random.integers(0, reach[side % 2])) for side in range(4)]
    inputs = ["x", graph.weights(filters, channels // groups, *kernel)]
    if random.integers(3):
        inputs.append(graph.weights(filters))
    attributes = {"group": groups, "strides": strides, "dilations": [dilation] * 2}
    if random.integers(4) == 0 and dilation == 1:
        value = graph.node("Conv", *inputs, auto_pad="SAME_UPPER", **attributes)
        shape = [-(-length // stride) for length, stride in zip(picture, strides)]
    else:
        value = graph.node("Conv", *inputs, pads=pads, **attributes)
        shape = [(picture[at] + pads[at] + pads[at + 2] - reach[at]) // strides[at] + 1 for at in range(2)]
    graph.output(finished(random, graph, value, [1, filters, *shape]))
    return graph


def depthwise(random):
    channels = int(random.integers(2, 14))
    kernel = int(random.choice([3, 5]))
    return convolution(random, channels, channels, channels, [kernel] * 2)


def depthwise_dilated(random):
    channels = int(random.integers(2, 10))
    return convolution(random, channels, channels, channels, [3, 3], 2)


def depthwise_wide(random):
    """Windows of other sides than 3 and 5."""
    channels = int(random.integers(2, 6))
    return convolution(random, channels, channels, channels, [7, int(random.choice([1, 7]))])


def grouped(random):
    groups, own, made = (int(count) for count in random.integers([2, 1, 1], [4, 4, 4]))
    # One channel in and one out would be a depthwise convolution.
    own += own == made == 1
    return convolution(random, groups, groups * own, groups * made)


def dilated(random):
    return convolution(random, dilation=int(random.integers(2, 4)))


def linear(random):
    """Gemm as exporters write a linear layer, and in its other orders."""
    rows, depth, columns = (int(length) for length in random.integers(1, 20, 3))
    graph = Graph(random, [rows, depth])
    turned = int(random.integers(2))
    weights = graph.weights(*([columns, depth] if turned else [depth, columns]))
    attributes = {"transB": turned}
    if random.integers(2):
        attributes.update(alpha=0.5, beta=2.0)
    graph.output(graph.node("Relu", graph.node("Gemm", "x", weights, graph.weights(columns), **attributes)))
    return graph


def product(random):
    batch = [int(length) for length in random.integers(1, 4, int(random.integers(0, 3)))]
    m, k, n = (int(length) for length in random.integers(1, 20, 3))
    graph = Graph(random, [*batch, m, k])
    alone = random.integers(2)
    graph.output(graph.node("MatMul", "x", graph.weights(*([] if alone else batch), k, n)))
    graph.output(graph.node("MatMul", graph.weights(*([] if alone else batch), n, m), "x"))
    return graph


def one_value(random):
    graph = Graph(random, random.integers(1, 7, int(random.integers(1, 5))), -4, 4)
    for operator in ["Abs", "Ceil", "Exp", "Floor", "HardSigmoid", "HardSwish", "Identity", "Neg", "Relu", "Sigmoid"]:
        graph.output(graph.node(operator, "x"))
    positive = graph.node("Add", graph.node("Mul", "x", "x"), graph.constant(0.5))
    for operator in ["Log", "Reciprocal", "Sqrt"]:
        graph.output(graph.node(operator, positive))
    graph.output(graph.node("Pow", "x", graph.constant(2.0)))
    return graph


def two_values(random):
    shape = random.integers(1, 7, int(random.integers(1, 5)))
    graph = Graph(random, shape)
    repeated = [int(length) if random.integers(2) else 1 for length in shape][int(random.integers(len(shape))) :]
    other = graph.weights(*repeated)
    for operator in ["Add", "Sub", "Mul", "Min", "Max"]:
        graph.output(graph.node(operator, "x", other), graph.node(operator, other, "x"))
    divisor = graph.node("Add", graph.node("Mul", "x", "x"), graph.constant(1.0))
    graph.output(graph.node("Div", other, divisor))
    return graph


def reductions(random):
    shape = random.integers(1, 7, 4)
    graph = Graph(random, shape)
    axes = sorted(int(axis) for axis in random.permutation(4)[: random.integers(1, 4)])
    keep = int(random.integers(2))
    graph.output(graph.node("ReduceMean", "x", axes=axes, keepdims=keep))
    graph.output(graph.node("ReduceSum", "x", graph.constant(axes, numpy.int64), keepdims=keep))
    graph.output(graph.node("Flatten", graph.node("GlobalAveragePool", "x")))
    return graph


def pools(random):
    kernel = [int(length) for length in random.integers(1, 5, 2)]
    strides = [int(length) for length in random.integers(1, 4, 2)]
    graph = Graph(random, [1, random.integers(1, 5), *(length + random.integers(0, 9) for length in kernel)])
    pads = [int(random.integers(0, kernel[side % 2])) for side in range(4)]
    graph.output(graph.node("MaxPool", "x", kernel_shape=kernel, strides=strides, pads=pads))
    graph.output(graph.node("AveragePool", "x", kernel_shape=kernel, strides=strides))
    return graph


def axes(random):
    shape = [int(length) for length in random.integers(1, 7, 3)]
    graph = Graph(random, shape)

    def integers(*values):
        return graph.constant(values, numpy.int64)

    axis = int(random.integers(3))
    start = int(random.integers(shape[axis]))
    cut = graph.node("Slice", "x", integers(start), integers(shape[axis]), integers(axis))
    joined = graph.node("Concat", cut, graph.node("Exp", "x"), graph.weights(*shape), axis=axis)
    graph.output(joined, graph.node("Reshape", joined, integers(-1)))
    wide = graph.node("Unsqueeze", "x", integers(1))
    repeated = graph.node("Expand", wide, integers(shape[0], 3, shape[1], shape[2]))
    graph.output(graph.node("Mul", repeated, wide), graph.node("Squeeze", wide, integers(1)))
    return graph


def normalised(random):
    """A block as an exporter leaves it: convolution, batch norm, activation, twice the size."""
    channels, filters = (int(length) for length in random.integers(2, 9, 2))
    graph = Graph(random, [1, channels, *random.integers(2, 8, 2)])
    value = graph.node("Conv", "x", graph.weights(filters, channels, 1, 1))
    spread = graph.constant(random.uniform(0.5, 2, filters))
    value = graph.node("BatchNormalization", value, *(graph.weights(filters) for _ in range(3)), spread)
    value = graph.node("Clip", value, graph.constant(0.0), graph.constant(6.0))
    scales = graph.constant([1, 1, 2, 2])
    attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    graph.output(value, graph.node("Resize", value, "", scales, **attributes))
    return graph


def activations(random):
    """What networks put behind their layers, as exporters write it, and rows that become shares."""
    shape = [int(length) for length in random.integers(1, 7, int(random.integers(2, 5)))]
    graph = Graph(random, shape, -6, 6)
    for operator in ["Erf", "Tanh", "Softplus", "Softsign"]:
        graph.output(graph.node(operator, "x"))
    for operator in ["LeakyRelu", "Elu", "ThresholdedRelu"]:
        graph.output(graph.node(operator, "x", alpha=float(random.uniform(0.1, 1))))
    graph.output(graph.node("PRelu", "x", graph.weights(shape[-1])))
    graph.output(graph.node("Selu", "x"))
    half = graph.node("Mul", "x", graph.constant(0.5))
    erf = graph.node("Erf", graph.node("Div", "x", graph.constant(2**0.5)))
    graph.output(graph.node("Mul", half, graph.node("Add", erf, graph.constant(1.0))))
    graph.output(graph.node("Mul", "x", graph.node("Sigmoid", "x")))
    for operator in ["Softmax", "LogSoftmax"]:
        graph.output(graph.node(operator, "x", axis=int(random.integers(-1, len(shape)))))
    return graph


def rows(random):
    """Attention over the tokens of a picture, and layer normalisation."""
    heads, tokens, depth = (int(length) for length in random.integers(1, 6, 3))
    graph = Graph(random, [1, tokens, heads * depth])

    def integers(*values):
        return graph.constant(values, numpy.int64)

    normal = graph.node("LayerNormalization", "x", graph.weights(heads * depth), graph.weights(heads * depth), axis=-1)
    projected = graph.node("MatMul", normal, graph.weights(heads * depth, 3 * heads * depth))
    parted = graph.node("Reshape", projected, integers(1, tokens, 3, heads, depth))
    sorted_ = graph.node("Transpose", parted, perm=[2, 0, 3, 1, 4])
    query, key, value = (graph.node("Gather", sorted_, graph.constant(at, numpy.int64), axis=0) for at in range(3))
    products = graph.node("MatMul", query, graph.node("Transpose", key, perm=[0, 1, 3, 2]))
    shares = graph.node("Softmax", graph.node("Mul", products, graph.constant(depth**-0.5)), axis=-1)
    mixed = graph.node("Transpose", graph.node("MatMul", shares, value), perm=[0, 2, 1, 3])
    graph.output(graph.node("Reshape", mixed, integers(1, tokens, heads * depth)), normal)
    graph.output(graph.node("Gather", normal, integers(-1, 0), axis=1))
    return graph


def extremes(random):
    shape = [int(length) for length in random.integers(1, 7, 4)]
    graph = Graph(random, shape)
    axes = sorted(int(axis) for axis in random.permutation(4)[: random.integers(1, 4)])
    for operator in ["ReduceMax", "ReduceMin", "ReduceL2"]:
        graph.output(graph.node(operator, "x", axes=axes, keepdims=int(random.integers(2))))
    graph.output(graph.node("GlobalMaxPool", "x"))
    for exponent in [0.5, 2.0, 3.0]:
        graph.output(graph.node("Pow", graph.node("Abs", "x"), graph.constant(exponent)))
    return graph


def padded_pools(random):
    kernel = [int(length) for length in random.integers(2, 5, 2)]
    strides = [int(length) for length in random.integers(1, 4, 2)]
    graph = Graph(random, [1, random.integers(1, 5), *(length + random.integers(0, 9) for length in kernel)])
    pads = [int(random.integers(0, kernel[side % 2])) for side in range(4)]
    for counted in range(2):
        attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads, "count_include_pad": counted}
        graph.output(graph.node("AveragePool", "x", **attributes))
    graph.output(graph.node("MaxPool", "x", kernel_shape=kernel, strides=strides, pads=[0] * 4, ceil_mode=1))
    graph.output(graph.node("AveragePool", "x", kernel_shape=kernel, strides=strides, pads=[0] * 4, ceil_mode=1))
    return graph


def pads(random):
    shape = [1, *(int(length) for length in random.integers(2, 7, 3))]
    graph = Graph(random, shape)
    around = [0, 0, *(int(length) for length in random.integers(0, 2, 2))]
    sizes = graph.constant(around + [0, 1, *(int(length) for length in random.integers(0, 2, 2))], numpy.int64)
    graph.output(graph.node("Pad", "x", sizes), graph.node("Pad", "x", sizes, graph.constant(1.5)))
    for mode in ["edge", "reflect"]:
        graph.output(graph.node("Pad", "x", sizes, mode=mode))
    return graph


def resized(random):
    """Other sizes, by sizes and by scales, and pixels out of channels."""
    channels = int(random.integers(1, 5))
    shape = [1, 4 * channels, *(int(length) for length in random.integers(2, 8, 2))]
    graph = Graph(random, shape)
    sizes = graph.constant([*shape[:2], *random.integers(2, 15, 2)], numpy.int64)
    for how in ["half_pixel", "align_corners", "asymmetric"]:
        graph.output(graph.node("Resize", "x", "", "", sizes, mode="linear", coordinate_transformation_mode=how))
    scales = graph.constant([1, 1, 2, float(random.choice([1.5, 2.5]))])
    graph.output(graph.node("Resize", "x", "", scales, mode="linear", coordinate_transformation_mode="half_pixel"))
    graph.output(graph.node("Resize", "x", "", scales, mode="cubic"))
    graph.output(graph.node("DepthToSpace", "x", blocksize=2, mode=str(random.choice(["CRD", "DCR"]))))
    return graph


def transposed(random):
    channels, own, groups = (int(count) for count in random.integers([1, 1, 1], [5, 4, 3]))
    kernel = [int(length) for length in random.integers(1, 5, 2)]
    strides = [int(stride) for stride in random.integers(1, 4, 2)]
    graph = Graph(random, [1, channels * groups, *random.integers(2, 6, 2)])
    attributes = {"group": groups, "strides": strides, "pads": [int(random.integers((length + 1) // 2)) for length in kernel] * 2}
    attributes["output_padding"] = [int(random.integers(stride)) for stride in strides]
    weights = graph.weights(channels * groups, own, *kernel)
    graph.output(graph.node("ConvTranspose", "x", weights, graph.weights(own * groups), **attributes))
    graph.output(graph.node("ConvTranspose", "x", weights, dilations=[2, 1], group=groups, strides=strides))
    return graph


def strided(random):
    """Every so many places along an axis, as patches are merged, and an axis backwards."""
    shape = [int(length) for length in random.integers(4, 9, 4)]
    graph = Graph(random, shape)

    def integers(*values):
        return graph.constant(values, numpy.int64)

    for axis in range(4):
        start, step = (int(number) for number in random.integers([0, 2], [3, 4]))
        graph.output(graph.node("Slice", "x", integers(start), integers(2**31 - 1), integers(axis), integers(step)))
    graph.output(graph.node("Slice", "x", integers(1, 0), integers(99, 99), integers(2, 3), integers(2, 2)))
    axis, step = int(random.integers(4)), -int(random.integers(1, 3))
    graph.output(graph.node("Slice", "x", integers(-1), integers(-99), integers(axis), integers(step)))
    return graph


def tiled(random):
    shape = [int(length) for length in random.integers(1, 4, 3)]
    graph = Graph(random, shape)
    graph.output(graph.node("Tile", "x", graph.constant(random.integers(1, 4, 3), numpy.int64)))
    graph.output(graph.node("Tile", "x", graph.constant([1, 3, 1], numpy.int64)))
    return graph


def formulas(random):
    """Products whose axes stand in any order, are several at once, or are summed over together."""
    b, c, h, w, d = (int(length) for length in random.integers(2, 6, 5))
    graph = Graph(random, [b, c, h, w])

    def product(formula, *shape):
        graph.output(graph.node("Einsum", "x", graph.weights(*shape), equation=formula))

    product("bchw,dc->bdhw", d, c)
    product("bchw,bdhw->bcd", b, d, h, w)
    product("bchw,bdhw->bdc", b, d, h, w)
    product("bchw,hwd->bcd", h, w, d)
    product("bchw,chd->bwcd", c, h, d)
    product("bchw,d->bchwd", d)
    product("bchw,bchw->bhw", b, c, h, w)
    graph.output(graph.node("MatMul", graph.weights(d, h), "x"), graph.node("MatMul", "x", graph.weights(1, c, w, d)))
    return graph


def pictures(random):
    """Windows over several pictures at once, and over rows."""
    count, channels, filters = (int(number) for number in random.integers(2, 5, 3))
    graph = Graph(random, [count, channels, *random.integers(5, 9, 2)])
    graph.output(graph.node("Conv", "x", graph.weights(filters, channels, 3, 3), pads=[1] * 4, strides=[2, 1]))
    graph.output(graph.node("Conv", "x", graph.weights(channels, 1, 3, 3), graph.weights(channels), group=channels))
    graph.output(graph.node("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1]))
    graph.output(graph.node("AveragePool", "x", kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2]))
    rows = graph.node("Reshape", "x", graph.constant([count, channels, -1], numpy.int64))
    inputs = [rows, graph.weights(filters, channels, 3), graph.weights(filters)]
    graph.output(graph.node("Conv", *inputs, pads=[2, 2], dilations=[2], strides=[int(random.integers(1, 3))]))
    graph.output(graph.node("MaxPool", rows, kernel_shape=[3], strides=[2], pads=[1, 1]))
    graph.output(graph.node("AveragePool", rows, kernel_shape=[3], strides=[2], pads=[1, 0], count_include_pad=1))
    row = graph.node("Transpose", graph.node("GlobalAveragePool", "x"), perm=[0, 2, 3, 1])
    row = graph.node("Reshape", row, graph.constant([count, 1, channels], numpy.int64))
    graph.output(graph.node("Conv", row, graph.weights(1, 1, 3), pads=[1, 1]))
    return graph


def masks(random):
    """What exporters make of `masked_fill`, `where` and `sign`, and powers that are no whole numbers."""
    graph = Graph(random, random.integers(2, 7, 3))
    zeros = graph.node("Max", "x", graph.constant(0.0))
    low = graph.node("Less", "x", graph.constant(-0.5))
    same = graph.node("Equal", zeros, graph.constant(0.0))
    either = graph.node("Or", graph.node("Not", same), low)
    both = graph.node("And", same, graph.node("Not", low))
    for mask in [low, same, either, both]:
        as_bool = graph.node("Cast", mask, to=TensorProto.BOOL)
        graph.output(graph.node("Where", as_bool, graph.constant(0.25), "x"), graph.node("Cast", mask, to=TensorProto.FLOAT))
    graph.output(graph.node("Cast", graph.node("Cast", zeros, to=TensorProto.BOOL), to=TensorProto.FLOAT))
    graph.output(graph.node("Sign", zeros), graph.node("Sign", "x"))
    for exponent in [4.0, 5.0, -2.0]:
        graph.output(graph.node("Pow", graph.node("Add", zeros, graph.constant(0.5)), graph.constant(exponent)))
    # A whole number, however great, has a power of what is negative.
    graph.output(graph.node("Pow", graph.node("Tanh", "x"), graph.constant(66.0)))
    for exponent in [2.7, 1 / 3]:
        graph.output(graph.node("Pow", zeros, graph.constant(exponent)))
    return graph


def standardised(random):
    """Filters that a batch norm in training mode standardises: the same for every picture, though the file says training."""
    channels, filters = (int(number) for number in random.integers(2, 6, 2))
    graph = Graph(random, [1, channels, *random.integers(4, 8, 2)])
    rows = graph.weights(1, filters, channels * 9)
    ones = graph.constant(numpy.ones(filters))
    norm = graph.node("BatchNormalization", rows, graph.weights(filters), graph.constant(numpy.zeros(filters)), ones, ones,
                      outputs=3, training_mode=1, epsilon=1e-3)[0]
    weights = graph.node("Reshape", norm, graph.constant([filters, channels, 3, 3], numpy.int64))
    graph.output(graph.node("Conv", "x", weights, pads=[1] * 4))
    return graph


def trained(random):
    """A batch norm in training mode over the picture, whose stored mean and variance are not what it takes."""
    graph = Graph(random, [1, 2, 4, 4])
    values = [graph.weights(2) for _ in range(3)]
    norm = graph.node("BatchNormalization", "x", *values, graph.constant([1.0, 2.0]), outputs=3, training_mode=1)
    graph.output(norm[0])
    return graph


def branches(random):
    """A choice between two shapes, as an exporter writes it that does not know whether an axis has the length 1."""
    graph = Graph(random, [1, 1, 4, 4])
    two = graph.constant([1], numpy.int64)
    length = graph.node("Gather", graph.node("Shape", "x"), two, axis=0)
    parts = []
    for operator, inputs in (("Squeeze", ["x", two]), ("Identity", ["x"])):
        node = helper.make_node(operator, inputs, [f"of {operator}"])
        value = helper.make_tensor_value_info(f"of {operator}", TensorProto.FLOAT, None)
        parts.append(helper.make_graph([node], operator, [], [value]))
    is_one = graph.node("Squeeze", graph.node("Equal", length, two), graph.constant([0], numpy.int64))
    graph.output(graph.node("If", is_one, then_branch=parts[0], else_branch=parts[1]))
    return graph


def candidate(random):
    """A network that fits the contract of those that ship, for pictures of any size, with an operator that a program lacks."""
    graph = Graph(random, [1, 1, 64, 64], -1, 1)
    cells = graph.node("AveragePool", "x", kernel_shape=[16, 16], strides=[16, 16])
    features = graph.node("Sin", graph.node("Conv", cells, graph.weights(8, 1, 1, 1), graph.weights(8)))
    mean = graph.node("GlobalAveragePool", features)

    def row(length):
        return graph.node("Flatten", graph.node("Conv", mean, graph.weights(length, 8, 1, 1)))

    cells = graph.node("Conv", features, graph.weights(1, 8, 1, 1), graph.constant([0.25]))
    outputs = {
        "map": (cells, [1, "h", "w"]),
        "logit": (graph.node("ReduceMean", cells, axes=[2, 3], keepdims=0), [1]),
        "opacity": (graph.node("Sigmoid", graph.node("Conv", features, graph.weights(2, 8, 1, 1))), [2, "h", "w"]),
        "lung": (graph.node("Sigmoid", cells), [1, "h", "w"]),
        "embedding": (row(4), [4]),
    }
    for name, (value, shape) in outputs.items():
        graph.nodes.append(helper.make_node("Identity", [value], [name], name))
        graph.output(name)
        graph.open[name] = ["N", *shape]
    graph.open["x"] = ["N", 1, "S", "S"]
    return graph


def celu(random):
    """A function that tract computes wrongly."""
    graph = Graph(random, [1, 4], -6, 6)
    graph.output(graph.node("Celu", "x", alpha=0.5))
    return graph


def beyond(random):
    """A resize that makes up pixels beyond the edges."""
    graph = Graph(random, [1, 2, 4, 4])
    region = graph.constant([0, 0, -0.5, -0.5, 1, 1, 1.5, 1.5])
    sizes = graph.constant([1, 2, 6, 6], numpy.int64)
    how = {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 0.5}
    graph.output(graph.node("Resize", "x", region, "", sizes, **how))
    return graph


def integers(random):
    """A convolution of whole numbers."""
    graph = Graph(random, [1, 2, 5, 5])
    value, scale, zero = graph.node("DynamicQuantizeLinear", "x", outputs=3)
    weights = graph.constant(random.integers(0, 9, (3, 2, 3, 3)), numpy.uint8)
    sums = graph.node("ConvInteger", value, weights, zero)
    graph.output(graph.node("Mul", graph.node("Cast", sums, to=TensorProto.FLOAT), scale))
    return graph


CASES = [
    convolution,
    depthwise,
    depthwise_dilated,
    depthwise_wide,
    grouped,
    dilated,
    linear,
    product,
    one_value,
    two_values,
    reductions,
    pools,
    axes,
    normalised,
    activations,
    rows,
    extremes,
    padded_pools,
    pads,
    resized,
    transposed,
    strided,
    tiled,
    formulas,
    pictures,
    masks,
    standardised,
]
# Not for every runtime: validation.rs names it.
CANDIDATE = "candidate.onnx"
CANDIDATE_SEED = 21
REFUSED = [celu, beyond, integers, trained, branches]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="graphs of each kind")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for kind, case in enumerate(CASES):
        for number in range(arguments.rounds * (3 if case is convolution else 1)):
            random = numpy.random.default_rng([arguments.seed, kind, number])
            name = case.__name__.replace("_", "-")
            (arguments.out / f"{name}-{number}.onnx").write_bytes(case(random).bytes())
    random = numpy.random.default_rng([arguments.seed, CANDIDATE_SEED])
    (arguments.out.parent / CANDIDATE).write_bytes(candidate(random).bytes())
    (arguments.out.parent / "refused").mkdir(exist_ok=True)
    for case in REFUSED:
        (arguments.out.parent / f"refused/{case.__name__}.onnx").write_bytes(case(random).bytes())


if __name__ == "__main__":
    main()
