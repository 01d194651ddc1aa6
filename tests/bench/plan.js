// The steps of an ONNX network as the peers that lay pictures out as [N, H, W, C] take them.

/** Where an axis of [N, C, H, W] stands in [N, H, W, C]. */
export const NHWC = [0, 3, 1, 2];

/**
 * The nodes as steps: activations fused into the convolutions before them, and the three nodes of a nearest-neighbour doubling
 * made one. A step's `data` are the inputs that are tensors at run time.
 */
export function plan(graph) {
  const users = new Map();
  for (const node of graph.nodes) for (const name of node.inputs) users.set(name, [...(users.get(name) ?? []), node]);
  const onlyUser = (name) => {
    const [first, second] = users.get(name) ?? [];
    return first && !second && !graph.outputs.includes(name) ? first : null;
  };
  const fused = new Set();
  const steps = [];
  for (const node of graph.nodes) {
    if (fused.has(node)) continue;
    const step = { name: node.name, op: node.op, node, data: node.inputs, outputs: node.outputs, activation: 'linear' };
    const next = onlyUser(node.outputs[0]);
    if (node.op === 'Conv') {
      step.data = node.inputs.slice(0, 1);
      const activation = next && fusable(next, graph);
      if (activation) {
        Object.assign(step, { activation, outputs: next.outputs });
        fused.add(next);
      }
    } else if (node.op === 'Reshape' && next?.op === 'Expand') {
      const last = onlyUser(next.outputs[0]);
      const [apart, twice, shape] = [node, next, last].map((one) => [...graph.initialisers.get(one.inputs[1]).data]);
      const [, c, h, one, w, other] = apart;
      if (last.op !== 'Reshape' || one !== 1 || other !== 1 || twice[3] !== 2 || twice[5] !== 2
        || shape[1] !== c || shape[2] !== 2 * h || shape[3] !== 2 * w) throw new Error(`${node.name} is no nearest-neighbour doubling`);
      Object.assign(step, { op: 'Double', name: last.name, data: node.inputs.slice(0, 1), outputs: last.outputs, to: [2 * h, 2 * w] });
      fused.add(next).add(last);
    } else if (['Clip', 'Split'].includes(node.op)) {
      step.data = node.inputs.slice(0, 1);
    }
    steps.push(step);
  }
  return steps;
}

/** The name of a node as an activation of a fused operator, if it is one. */
function fusable(node, graph) {
  if (node.op === 'Relu') return 'relu';
  if (node.op !== 'Clip') return null;
  const [low, high] = bounds(node, graph);
  return low === 0 && high === 6 ? 'relu6' : null;
}

/** The least and greatest value that a Clip lets through. */
export function bounds(node, graph) {
  const bound = (name, missing) => (name ? graph.initialisers.get(name).data[0] : missing);
  return [bound(node.inputs[1], -Infinity), bound(node.inputs[2], Infinity)];
}
