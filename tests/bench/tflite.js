// An ONNX network as a TensorFlow Lite file, the way its converter writes one: pictures as [N, H, W, C], bias and activation fused into
// convolutions, what depends on constants alone computed here. It handles the operators of this project's network and throws for any
// other.
//
// Slots, codes and option types are those of schema.fbs, version 3 of the format.

import { Builder } from 'flatbuffers';
import { bounds, NHWC, plan } from './plan.js';

const VERSION = 3;
const IDENTIFIER = 'TFL3';
const FLOAT32 = 0;
const INT32 = 2;
const SAME = 0;
const VALID = 1;
const ACTIVATIONS = { linear: 0, relu: 1, relu6: 3 };

const CODES = {
  ADD: 0, AVERAGE_POOL_2D: 1, CONCATENATION: 2, CONV_2D: 3, DEPTHWISE_CONV_2D: 4, FLOOR: 8, FULLY_CONNECTED: 9, LOGISTIC: 14, MAX_POOL_2D: 17,
  MUL: 18, RELU: 19, RELU6: 21, RESHAPE: 22, MEAN: 40, SUB: 41, DIV: 42, EXP: 47, MAXIMUM: 55, MINIMUM: 57, SLICE: 65, LOG: 73, SQRT: 75,
  RESIZE_NEAREST_NEIGHBOR: 97, ABS: 101, BATCH_MATMUL: 126,
};
/** Options of each kind: their place in the union, and the slot and type of each that is written. */
const OPTIONS = {
  CONV_2D: [1, { padding: [0, 'Int8'], strideW: [1, 'Int32'], strideH: [2, 'Int32'], activation: [3, 'Int8'] }],
  DEPTHWISE_CONV_2D: [2, { padding: [0, 'Int8'], strideW: [1, 'Int32'], strideH: [2, 'Int32'], multiplier: [3, 'Int32'], activation: [4, 'Int8'] }],
  AVERAGE_POOL_2D: [5, { padding: [0, 'Int8'], strideW: [1, 'Int32'], strideH: [2, 'Int32'], width: [3, 'Int32'], height: [4, 'Int32'] }],
  MAX_POOL_2D: [5, { padding: [0, 'Int8'], strideW: [1, 'Int32'], strideH: [2, 'Int32'], width: [3, 'Int32'], height: [4, 'Int32'] }],
  FULLY_CONNECTED: [8, { keepDimensions: [2, 'Int8'] }],
  CONCATENATION: [10, { axis: [0, 'Int32'] }],
  ADD: [11, {}], MUL: [21, {}], SUB: [28, {}], DIV: [29, {}], EXP: [33, {}], MAXIMUM: [39, {}], MINIMUM: [39, {}], ABS: [78, {}],
  RESHAPE: [17, {}], MEAN: [27, { keepDimensions: [0, 'Int8'] }], SLICE: [48, {}], RESIZE_NEAREST_NEIGHBOR: [74, {}], BATCH_MATMUL: [101, {}],
};
const UNARY = { Relu: 'RELU', Sqrt: 'SQRT', Floor: 'FLOOR', Abs: 'ABS', Exp: 'EXP', Log: 'LOG', Sigmoid: 'LOGISTIC' };
const BINARY = {
  Add: ['ADD', (a, b) => a + b], Sub: ['SUB', (a, b) => a - b], Mul: ['MUL', (a, b) => a * b], Div: ['DIV', (a, b) => a / b],
  Min: ['MINIMUM', Math.min], Max: ['MAXIMUM', Math.max],
};

/**
 * @param {object} onnx  of parseOnnx
 * @param {number} size  S: the input is [1, S, S, 1]
 * @returns {Uint8Array} the file
 */
export function tflite(onnx, size) {
  const graph = new Graph();
  graph.add(onnx.inputs[0], [1, size, size, 1]);
  for (const step of plan(onnx)) {
    for (const name of step.data) {
      if (!graph.has(name)) graph.constant(name, ...laidOut(onnx.initialisers.get(name)));
    }
    if (BINARY[step.op] && step.data.every((name) => graph.at(name).data)) fold(graph, step);
    else write(graph, step, onnx);
  }
  return graph.file(onnx.inputs, onnx.outputs);
}

/** Tensors and operators as the format lists them; tensors are known by name. */
class Graph {
  tensors = new Map();
  operators = [];

  has(name) { return this.tensors.has(name); }

  at(name) { return this.tensors.get(name); }

  add(name, shape, data = null) {
    if (this.has(name)) throw new Error(`two tensors are called ${name}`);
    this.tensors.set(name, { index: this.tensors.size, name, shape, data });
    return name;
  }

  /** A tensor of known values; Int32Array or Float32Array. */
  constant(name, shape, data) { return this.has(name) ? name : this.add(name, shape, data); }

  numbers(values) { return this.constant(`numbers.${values}`, [values.length], Int32Array.from(values)); }

  number(value) { return this.constant(`number.${value}`, [], Float32Array.of(value)); }

  operator(kind, inputs, output, shape, options = {}) {
    this.add(output, shape);
    this.operators.push({ kind, inputs, output, options });
    return output;
  }

  file(inputs, outputs) {
    const builder = new Builder(1 << 20);
    const kinds = [...new Set(this.operators.map(({ kind }) => kind))];
    const tensors = [...this.tensors.values()];
    // The first buffer stands for none.
    const buffers = [null, ...tensors.filter(({ data }) => data).map(({ data }) => data)];
    const bufferOf = ({ data }) => (data ? buffers.indexOf(data) : 0);
    const indices = (names) => integers(builder, names.map((name) => this.at(name).index));

    const written = tensors.map((tensor) => {
      const shape = integers(builder, tensor.shape);
      const name = builder.createString(tensor.name);
      builder.startObject(10);
      builder.addFieldOffset(0, shape, 0);
      builder.addFieldInt8(1, tensor.data instanceof Int32Array ? INT32 : FLOAT32, 0);
      builder.addFieldInt32(2, bufferOf(tensor), 0);
      builder.addFieldOffset(3, name, 0);
      // A scalar has a rank too.
      builder.addFieldInt8(8, 1, 0);
      return builder.endObject();
    });
    const operators = this.operators.map(({ kind, inputs: from, output, options }) => {
      const [type, fields] = OPTIONS[kind] ?? [0, {}];
      builder.startObject(8);
      for (const [name, [slot, width]] of Object.entries(fields)) builder[`addField${width}`](slot, Number(options[name] ?? 0), 0);
      const chosen = builder.endObject();
      const [given, made] = [indices(from), indices([output])];
      builder.startObject(13);
      builder.addFieldInt32(0, kinds.indexOf(kind), 0);
      builder.addFieldOffset(1, given, 0);
      builder.addFieldOffset(2, made, 0);
      builder.addFieldInt8(3, type, 0);
      if (type) builder.addFieldOffset(4, chosen, 0);
      return builder.endObject();
    });
    const [tensorList, operatorList] = [tables(builder, written), tables(builder, operators)];
    const [from, to] = [indices(inputs), indices(outputs)];
    builder.startObject(5);
    builder.addFieldOffset(0, tensorList, 0);
    builder.addFieldOffset(1, from, 0);
    builder.addFieldOffset(2, to, 0);
    builder.addFieldOffset(3, operatorList, 0);
    const subgraphs = tables(builder, [builder.endObject()]);
    const codes = tables(builder, kinds.map((kind) => {
      builder.startObject(4);
      builder.addFieldInt8(0, CODES[kind], 0);
      builder.addFieldInt32(2, 1, 1);
      builder.addFieldInt32(3, CODES[kind], 0);
      return builder.endObject();
    }));
    const contents = tables(builder, buffers.map((data) => {
      const bytes = data && alignedBytes(builder, data);
      builder.startObject(3);
      if (data) builder.addFieldOffset(0, bytes, 0);
      return builder.endObject();
    }));
    builder.startObject(8);
    builder.addFieldInt32(0, VERSION, 0);
    builder.addFieldOffset(1, codes, 0);
    builder.addFieldOffset(2, subgraphs, 0);
    builder.addFieldOffset(4, contents, 0);
    builder.finish(builder.endObject(), IDENTIFIER);
    return builder.asUint8Array();
  }
}

function integers(builder, values) {
  builder.startVector(4, values.length, 4);
  for (const value of values.toReversed()) builder.addInt32(value);
  return builder.endVector();
}

function tables(builder, offsets) {
  builder.startVector(4, offsets.length, 4);
  for (const offset of offsets.toReversed()) builder.addOffset(offset);
  return builder.endVector();
}

/** Weights begin at a multiple of 16 bytes, as the runtime's vector loads want them. */
function alignedBytes(builder, data) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  builder.startVector(1, bytes.length, 16);
  builder.bb.setPosition(builder.space -= bytes.length);
  builder.bb.bytes().set(bytes, builder.space);
  return builder.endVector();
}

const count = (shape) => shape.reduce((product, one) => product * one, 1);

/** The shape and values of a constant with the axes of [from] in the order `to`. */
function transposed({ shape, data }, to) {
  const strides = shape.map((_, axis) => count(shape.slice(axis + 1)));
  const result = to.map((axis) => shape[axis]);
  const values = new Float32Array(data.length);
  const place = to.map(() => 0);
  for (let at = 0; at < values.length; at++) {
    values[at] = data[place.reduce((sum, value, axis) => sum + value * strides[to[axis]], 0)];
    for (let axis = to.length - 1; axis >= 0 && ++place[axis] === result[axis]; axis--) place[axis] = 0;
  }
  return [result, values];
}

/** A constant as the file holds it: one of four axes as [N, H, W, C]. */
function laidOut({ shape, data }) {
  return shape.length === 4 ? transposed({ shape, data }, [0, 2, 3, 1]) : [shape, Float32Array.from(data)];
}

/** An operation of a constant and a number, done here. */
function fold(graph, { name, op, data, outputs }) {
  const [a, b] = data.map((one) => graph.at(one));
  if (a.data.length > 1 && b.data.length > 1) throw new Error(`${name}: of two constants, one must be a number`);
  const shape = a.data.length > 1 ? a.shape : b.shape;
  const of = BINARY[op][1];
  const values = Float32Array.from({ length: count(shape) }, (_, at) => of(a.data[at] ?? a.data[0], b.data[at] ?? b.data[0]));
  graph.constant(outputs[0], shape, values);
}

/** What both shapes become when they are stretched to each other. */
function broadcast(name, a, b) {
  const rank = Math.max(a.length, b.length);
  const full = (shape) => [...new Array(rank - shape.length).fill(1), ...shape];
  const [left, right] = [full(a), full(b)];
  return left.map((one, axis) => {
    if (one !== right[axis] && one !== 1 && right[axis] !== 1) throw new Error(`${name}: [${a}] and [${b}] do not fit`);
    return Math.max(one, right[axis]);
  });
}

const axisIn = (shape, axis) => (shape.length === 4 ? NHWC[axis] : axis);

/** The padding of windows over a picture as the format knows it: none, or as much as gives ceil(side / stride) windows. */
function padding(name, shape, kernel, strides, [top, left, bottom, right] = [0, 0, 0, 0]) {
  const sides = [shape[1], shape[2]];
  if (top + left + bottom + right === 0) return [VALID, sides.map((side, at) => Math.floor((side - kernel[at]) / strides[at]) + 1)];
  const windows = sides.map((side, at) => Math.ceil(side / strides[at]));
  const missing = windows.map((many, at) => Math.max((many - 1) * strides[at] + kernel[at] - sides[at], 0));
  const before = missing.map((all) => all >> 1);
  if (top !== before[0] || left !== before[1] || bottom !== missing[0] - before[0] || right !== missing[1] - before[1]) {
    throw new Error(`${name}: the format has no such padding`);
  }
  return [SAME, windows];
}

/** Adds the operators of a step. */
function write(graph, step, onnx) {
  const { name, op, node, data, outputs: [output] } = step;
  const { attributes } = node;
  const shapes = data.map((one) => graph.at(one).shape);
  const [shape] = shapes;
  if (UNARY[op]) return graph.operator(UNARY[op], data, output, shape);
  if (BINARY[op]) return graph.operator(BINARY[op][0], data, output, broadcast(name, ...shapes));
  switch (op) {
    case 'Conv': return convolution(graph, step, onnx);
    case 'Double': return graph.operator('RESIZE_NEAREST_NEIGHBOR', [data[0], graph.numbers(step.to)], output, [shape[0], ...step.to, shape[3]]);
    case 'Clip': return clip(graph, step, shape, bounds(node, onnx));
    case 'AveragePool': case 'MaxPool': {
      const [height, width] = attributes.kernel_shape;
      const [strideH, strideW] = attributes.strides ?? [1, 1];
      const [edge, windows] = padding(name, shape, [height, width], [strideH, strideW], attributes.pads);
      const kind = op === 'MaxPool' ? 'MAX_POOL_2D' : 'AVERAGE_POOL_2D';
      if (kind === 'AVERAGE_POOL_2D' && edge === SAME) throw new Error(`${name}: padded average pooling is not handled`);
      return graph.operator(kind, data, output, [shape[0], ...windows, shape[3]], { padding: edge, strideW, strideH, width, height });
    }
    case 'ReduceMean': {
      const over = attributes.axes.map((axis) => axisIn(shape, axis));
      const keepDimensions = attributes.keepdims ?? 1;
      const left = shape.map((one, axis) => (over.includes(axis) ? 1 : one)).filter((_, axis) => keepDimensions || !over.includes(axis));
      return graph.operator('MEAN', [data[0], graph.numbers(over)], output, left, { keepDimensions });
    }
    case 'MatMul': return product(graph, step, shapes);
    case 'Concat': {
      const axis = axisIn(shape, attributes.axis);
      const all = shape.map((one, at) => (at === axis ? shapes.reduce((sum, part) => sum + part[axis], 0) : one));
      return graph.operator('CONCATENATION', data, output, all, { axis });
    }
    case 'Split': {
      const axis = axisIn(shape, attributes.axis);
      let start = 0;
      onnx.initialisers.get(node.inputs[1]).data.forEach((length, part) => {
        const begin = shape.map((_, at) => (at === axis ? start : 0));
        const extent = shape.map((one, at) => (at === axis ? length : one));
        graph.operator('SLICE', [data[0], graph.numbers(begin), graph.numbers(extent)], step.outputs[part], extent);
        start += length;
      });
      return output;
    }
    default: throw new Error(`${name}: the operator ${op} is not handled`);
  }
}

function clip(graph, { data, outputs: [output] }, shape, [low, high]) {
  if (low === 0 && high === 6) return graph.operator('RELU6', data, output, shape);
  const above = graph.operator('MAXIMUM', [data[0], graph.number(low)], `${output}.above`, shape);
  return graph.operator('MINIMUM', [above, graph.number(high)], output, shape);
}

function convolution(graph, { name, node, data, outputs: [output], activation }, { initialisers }) {
  const { group = 1, pads, strides = [1, 1], dilations = [1, 1] } = node.attributes;
  if (dilations.some((step) => step !== 1)) throw new Error(`${name}: dilation is not handled`);
  const weights = initialisers.get(node.inputs[1]);
  const depthwise = group > 1;
  if (depthwise && (weights.shape[1] !== 1 || weights.shape[0] !== group)) throw new Error(`${name}: grouped convolution is not handled`);
  // [O, I, H, W] to [O, H, W, I]; depthwise [C, 1, H, W] to [1, H, W, C].
  const filter = graph.constant(node.inputs[1], ...transposed(weights, depthwise ? [1, 2, 3, 0] : [0, 2, 3, 1]));
  const many = weights.shape[0];
  const bias = graph.constant(node.inputs[2], [many], Float32Array.from(initialisers.get(node.inputs[2]).data));
  const { shape } = graph.at(data[0]);
  const [edge, windows] = padding(name, shape, weights.shape.slice(2), strides, pads);
  const options = { padding: edge, strideH: strides[0], strideW: strides[1], multiplier: 1, activation: ACTIVATIONS[activation] };
  return graph.operator(depthwise ? 'DEPTHWISE_CONV_2D' : 'CONV_2D', [data[0], filter, bias], output, [shape[0], ...windows, many], options);
}

/** The matrix product; of tensors of four axes with one channel it is that of their pictures. */
function product(graph, { name, data, outputs: [output] }, [a, b]) {
  if (a.length === 2 && b.length === 2) {
    const weights = graph.at(data[1]);
    if (!weights.data) throw new Error(`${name}: the second factor is no constant`);
    const turned = graph.constant(`${data[1]}.turned`, ...transposed(weights, [1, 0]));
    return graph.operator('FULLY_CONNECTED', [data[0], turned], output, [a[0], b[1]]);
  }
  if (a.length !== 4 || b.length !== 4 || a[3] !== 1 || b[3] !== 1) throw new Error(`${name}: a product of pictures with several channels is not handled`);
  const picture = (of, [n, h, w]) => graph.operator('RESHAPE', [of, graph.numbers([n, h, w])], `${output}.of.${of}`, [n, h, w]);
  const flat = graph.operator('BATCH_MATMUL', [picture(data[0], a), picture(data[1], b)], `${output}.flat`, [a[0], a[1], b[2]]);
  return graph.operator('RESHAPE', [flat, graph.numbers([a[0], a[1], b[2], 1])], output, [a[0], a[1], b[2], 1]);
}
