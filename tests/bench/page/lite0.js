// EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation and with ReLU6) in TensorFlow.js: a fixed clock that no change to
// our own network moves. Its weights are random; the time does not depend on them.

/** [expansion, channels, repeats, stride, kernel] */
const STAGES = [[1, 16, 1, 1, 3], [6, 24, 2, 2, 3], [6, 40, 2, 2, 5], [6, 80, 3, 2, 3], [6, 112, 3, 1, 5], [6, 192, 4, 2, 5], [6, 320, 1, 1, 3]];
const STEM = 32;
const HEAD = 1280;
const CLASSES = 1000;

/** A network of the input [1, size, size, 3]; `run` reads back the first class. `macs` are its multiply-adds. */
export function lite0(tf, size) {
  let macs = 0;
  let side = size;
  const weights = [];
  const layer = (kind, input, output, kernel, stride, activation) => {
    const depthwise = kind === 'depthwise';
    const shape = depthwise ? [kernel, kernel, input, 1] : [kernel, kernel, input, output];
    const fan = kernel * kernel * (depthwise ? 1 : input);
    const filter = tf.randomUniform(shape, -Math.sqrt(3 / fan), Math.sqrt(3 / fan), 'float32', 1);
    const bias = tf.zeros([output]);
    weights.push(filter, bias);
    side = Math.ceil(side / stride);
    macs += side * side * output * fan;
    const fused = depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
    return (x) => fused({ x, filter, bias, strides: stride, pad: 'same', activation });
  };

  const blocks = [[layer('conv', 3, STEM, 3, 2, 'relu6')]];
  const residual = [false];
  let channels = STEM;
  for (const [expansion, output, repeats, firstStride, kernel] of STAGES) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      const stride = repeat === 0 ? firstStride : 1;
      const wide = channels * expansion;
      blocks.push([
        ...(expansion > 1 ? [layer('conv', channels, wide, 1, 1, 'relu6')] : []),
        layer('depthwise', wide, wide, kernel, stride, 'relu6'),
        layer('conv', wide, output, 1, 1, 'linear'),
      ]);
      residual.push(stride === 1 && channels === output);
      channels = output;
    }
  }
  blocks.push([layer('conv', channels, HEAD, 1, 1, 'relu6')]);
  residual.push(false);
  const dense = tf.randomUniform([HEAD, CLASSES], -0.05, 0.05, 'float32', 1);
  const input = tf.randomUniform([1, size, size, 3], -1, 1, 'float32', 1);
  weights.push(dense, input);
  macs += HEAD * CLASSES;

  const forward = () => blocks.reduce((x, block, at) => {
    const first = x;
    for (const step of block) {
      const next = step(x);
      if (x !== first) x.dispose();
      x = next;
    }
    const sum = residual[at] ? tf.add(first, x) : x;
    if (sum !== x) x.dispose();
    if (first !== input) first.dispose();
    return sum;
  }, input);

  return {
    macs,
    run: () => tf.tidy(() => {
      const features = forward();
      const pooled = tf.avgPool(features, [features.shape[1], features.shape[2]], 1, 'valid');
      return tf.matMul(tf.reshape(pooled, [1, HEAD]), dense).dataSync()[0];
    }),
    free: () => weights.forEach((tensor) => tensor.dispose()),
  };
}
