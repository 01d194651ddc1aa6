// An ONNX network rebuilt from TensorFlow.js operators, the way its authors mean them to be used: NHWC throughout, bias and
// activation fused into convolutions, weights prepared once, intermediate tensors given back as soon as nothing needs them.
//
// It handles the operators of this project's network and throws for any other.

import { bounds, NHWC, plan } from '/bench/plan.js';

/**
 * @param {object} tf      TensorFlow.js with a backend that is ready
 * @param {object} graph   of parseOnnx
 * @param {number} size    S: the input is [1, 1, S, S]
 * @returns {{ run: (input: Float32Array) => number, layers: Layer[], free: () => void }}
 *   `run` evaluates every output of the network and reads back the logit. Layer: { name, kind, macs, bytes } in order of execution
 */
export function rebuild(tf, graph, size) {
  const steps = plan(graph);
  const constants = new Map();
  const constant = (name) => {
    if (!constants.has(name)) constants.set(name, upload(tf, graph.initialisers.get(name)));
    return constants.get(name);
  };
  const isConstant = (name) => constants.has(name) || graph.initialisers.has(name);

  // What depends on constants alone is evaluated once.
  const kept = [];
  for (const step of steps) {
    step.compute = operator(tf, step, graph);
    if (step.data.every(isConstant)) {
      const inputs = step.data.map(constant);
      constants.set(step.outputs[0], tf.tidy(() => step.compute(...inputs)));
    } else {
      for (const name of step.data) if (graph.initialisers.has(name)) constant(name);
      kept.push(step);
    }
  }
  const lastUse = new Map();
  kept.forEach((step, at) => step.data.forEach((name) => lastUse.set(name, at)));
  for (const name of graph.outputs) lastUse.delete(name);

  const evaluate = (input, watch) => tf.tidy(() => {
    const values = new Map([[graph.inputs[0], tf.tensor4d(input, [1, size, size, 1])]]);
    const value = (name) => values.get(name) ?? constants.get(name);
    kept.forEach((step, at) => {
      const inputs = step.data.map(value);
      const results = [step.compute(...inputs)].flat();
      step.outputs.forEach((name, index) => values.set(name, results[index]));
      watch?.(step, inputs, results);
      for (const name of new Set(step.data)) {
        if (lastUse.get(name) === at && values.has(name)) values.get(name).dispose();
      }
    });
    return Object.fromEntries(graph.outputs.map((name) => [name, values.get(name)]));
  });

  const layers = [];
  const dispose = (outputs) => Object.values(outputs).forEach((tensor) => tensor.dispose());
  dispose(evaluate(new Float32Array(size * size), (...seen) => layers.push(layer(...seen))));
  return {
    layers,
    run(input) {
      const outputs = evaluate(input);
      const [logit] = outputs.logit.dataSync();
      dispose(outputs);
      return logit;
    },
    free() {
      for (const tensor of constants.values()) tensor.dispose();
      for (const step of steps) step.free?.();
    },
  };
}

/** A constant as a tensor; one of four axes in NHWC. */
function upload(tf, { shape, data }) {
  if (shape.length !== 4) return tf.tensor(Float32Array.from(data), shape);
  return tf.tidy(() => tf.transpose(tf.tensor4d(data, shape), [0, 2, 3, 1]));
}

function padding([top, left, bottom, right] = [0, 0, 0, 0]) {
  if (top + left + bottom + right === 0) return 'valid';
  return [[0, 0], [top, bottom], [left, right], [0, 0]];
}

const UNARY = { Relu: 'relu', Sqrt: 'sqrt', Floor: 'floor', Abs: 'abs', Exp: 'exp', Log: 'log', Sigmoid: 'sigmoid' };
const BINARY = { Add: 'add', Sub: 'sub', Mul: 'mul', Div: 'div', Min: 'minimum', Max: 'maximum' };

/** The function that computes a step from its data. */
function operator(tf, step, graph) {
  const { node, op } = step;
  const attributes = node.attributes;
  if (UNARY[op]) return tf[UNARY[op]];
  if (BINARY[op]) return tf[BINARY[op]];
  switch (op) {
    case 'Conv': return convolution(tf, step, graph);
    case 'Double': return (x) => tf.image.resizeNearestNeighbor(x, step.to);
    case 'Clip': {
      const [low, high] = bounds(node, graph);
      return low === 0 && high === 6 ? tf.relu6 : (x) => tf.clipByValue(x, low, high);
    }
    case 'AveragePool':
      if (attributes.pads?.some((pad) => pad !== 0)) throw new Error(`${node.name}: padded average pooling is not handled`);
      return (x) => tf.avgPool(x, attributes.kernel_shape, attributes.strides, 'valid');
    case 'MaxPool':
      return (x) => tf.maxPool(x, attributes.kernel_shape, attributes.strides, padding(attributes.pads));
    case 'ReduceMean': return mean(tf, attributes);
    case 'MatMul': return (a, b) => product(tf, a, b);
    case 'Concat': return (...parts) => tf.concat(parts, axisOf(parts[0], attributes.axis));
    case 'Split': {
      const sizes = graph.initialisers.get(node.inputs[1]).data;
      return (x) => tf.split(x, sizes, axisOf(x, attributes.axis));
    }
    default: throw new Error(`${node.name}: the operator ${op} is not handled`);
  }
}

const axisOf = (tensor, axis) => (tensor.rank === 4 ? NHWC[axis] : axis);

function convolution(tf, step, graph) {
  const { node, activation } = step;
  const { group = 1, pads, strides = [1, 1], dilations = [1, 1] } = node.attributes;
  const { shape, data } = graph.initialisers.get(node.inputs[1]);
  const depthwise = group > 1;
  if (depthwise && (shape[1] !== 1 || shape[0] !== group)) throw new Error(`${node.name}: grouped convolution is not handled`);
  // [O, I, H, W] to [H, W, I, O]; depthwise [C, 1, H, W] to [H, W, C, 1].
  const filter = tf.tidy(() => tf.transpose(tf.tensor4d(data, shape), depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]));
  const bias = node.inputs[2] ? tf.tensor1d(graph.initialisers.get(node.inputs[2]).data) : undefined;
  const options = { filter, bias, strides, pad: padding(pads), dilations, activation };
  step.weights = shape;
  step.depthwise = depthwise;
  step.free = () => { filter.dispose(); bias?.dispose(); };
  const fused = depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
  return (x) => fused({ x, ...options });
}

function mean(tf, { axes, keepdims = 1 }) {
  return (x) => {
    const over = axes.map((axis) => axisOf(x, axis));
    const overPicture = x.rank === 4 && over.includes(1) && over.includes(2) && over.length === 2;
    if (overPicture && x.shape[3] > 1) {
      // Over height and width with channels innermost, XNNPACK's pooling spares the transposition that tf.mean would make.
      const pooled = tf.avgPool(x, [x.shape[1], x.shape[2]], 1, 'valid');
      return keepdims ? pooled : tf.reshape(pooled, [1, x.shape[3]]);
    }
    return tf.mean(x, over, keepdims === 1);
  };
}

/** The matrix product; of tensors of four axes with one channel it is that of their pictures. */
function product(tf, a, b) {
  if (a.rank === 2 && b.rank === 2) return tf.matMul(a, b);
  if (a.shape[3] !== 1 || b.shape[3] !== 1) throw new Error('a product of pictures with several channels is not handled');
  const picture = (x) => tf.reshape(x, [x.shape[1], x.shape[2]]);
  const result = tf.matMul(picture(a), picture(b));
  return tf.reshape(result, [1, ...result.shape, 1]);
}

/** What a step costs: multiply-adds of convolutions and products, and the bytes that it must read and write at least. */
function layer(step, inputs, results) {
  const count = (shape) => shape.reduce((product, one) => product * one, 1);
  const out = count(results[0].shape);
  let kind = step.op;
  let macs = 0;
  let weights = 0;
  if (step.op === 'Conv') {
    const [, deep, high, wide] = step.weights;
    macs = out * deep * high * wide;
    weights = count(step.weights) + step.weights[0];
    kind = `${step.depthwise ? 'depthwise' : 'conv'} ${high}x${wide}/${step.node.attributes.strides?.[0] ?? 1}`;
  } else if (step.op === 'MatMul') {
    macs = out * inputs[0].shape[inputs[0].rank === 2 ? 1 : 2];
  }
  const moved = [...inputs, ...results].reduce((sum, tensor) => sum + tensor.size, weights);
  return { name: step.name, kind, macs, bytes: 4 * moved };
}
