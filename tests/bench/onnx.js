// Reads an ONNX file into plain objects: nodes, initialisers, inputs and outputs. It knows the format and nothing of any runtime.
//
// Field numbers are those of onnx.proto; only what a network of float32 tensors with static attributes uses is read.

import { PbfReader } from 'pbf';

const FLOAT = 1;
const INT64 = 7;

/**
 * @param {Uint8Array} bytes
 * @returns {{ nodes: Node[], initialisers: Map<string, Constant>, inputs: string[], outputs: string[] }}
 *   Node: { name, op, inputs, outputs, attributes }; Constant: { shape: number[], data: Float32Array | number[] }
 */
export function parseOnnx(bytes) {
  const model = new PbfReader(bytes).readFields((tag, model, pbf) => {
    if (tag === 7) model.graph = pbf.readMessage(readGraph, { nodes: [], initialisers: new Map(), inputs: [], outputs: [] });
  }, { graph: null });
  if (!model.graph) throw new Error('the file holds no ONNX graph');
  // Older exporters name initialisers among the inputs too.
  model.graph.inputs = model.graph.inputs.filter((name) => !model.graph.initialisers.has(name));
  return model.graph;
}

function readGraph(tag, graph, pbf) {
  if (tag === 1) {
    const node = pbf.readMessage(readNode, { name: '', op: '', inputs: [], outputs: [], attributes: {} });
    graph.nodes.push({ ...node, name: node.outputs[0] });
  } else if (tag === 5) {
    const { name, shape, data } = tensor(pbf);
    graph.initialisers.set(name, { shape, data });
  } else if (tag === 11) {
    graph.inputs.push(pbf.readMessage(readName, { name: '' }).name);
  } else if (tag === 12) {
    graph.outputs.push(pbf.readMessage(readName, { name: '' }).name);
  }
}

function readName(tag, value, pbf) {
  if (tag === 1) value.name = pbf.readString();
}

function readNode(tag, node, pbf) {
  if (tag === 1) node.inputs.push(pbf.readString());
  else if (tag === 2) node.outputs.push(pbf.readString());
  else if (tag === 4) node.op = pbf.readString();
  else if (tag === 5) {
    const { name, value } = pbf.readMessage(readAttribute, { name: '', value: null });
    node.attributes[name] = value;
  }
}

function readAttribute(tag, attribute, pbf) {
  if (tag === 1) attribute.name = pbf.readString();
  else if (tag === 2) attribute.value = pbf.readFloat();
  else if (tag === 3) attribute.value = pbf.readVarint(true);
  else if (tag === 4) attribute.value = pbf.readString();
  else if (tag === 5) attribute.value = tensor(pbf);
  else if (tag === 7) attribute.value = pbf.readPackedFloat(attribute.value ?? []);
  else if (tag === 8) attribute.value = pbf.readPackedVarint(attribute.value ?? [], true);
}

function tensor(pbf) {
  const read = pbf.readMessage((tag, tensor, pbf) => {
    if (tag === 1) pbf.readPackedVarint(tensor.shape, true);
    else if (tag === 2) tensor.type = pbf.readVarint();
    else if (tag === 4) tensor.data = pbf.readPackedFloat(tensor.data ?? []);
    else if (tag === 7) tensor.data = pbf.readPackedVarint(tensor.data ?? [], true);
    else if (tag === 8) tensor.name = pbf.readString();
    else if (tag === 9) tensor.raw = pbf.readBytes();
  }, { name: '', type: 0, shape: [], data: null, raw: null });
  const { name, type, shape, raw } = read;
  // A copy, because a view of floats must be aligned.
  const buffer = raw && new Uint8Array(raw).buffer;
  if (type === FLOAT) return { name, shape, data: buffer ? new Float32Array(buffer) : Float32Array.from(read.data ?? []) };
  if (type === INT64) return { name, shape, data: buffer ? Array.from(new BigInt64Array(buffer), Number) : read.data ?? [] };
  throw new Error(`tensor ${name} has the unhandled type ${type}`);
}
