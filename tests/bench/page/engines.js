// The engines under test behind one shape: { load, compile, start }. `load` fetches what an engine needs into memory, its scripts
// included; `start` goes from those bytes to an instance { run(input) -> logit }. Each runs in one thread, with SIMD.

import { parseOnnx } from '/bench/onnx.js';
import { rebuild } from '/bench/page/tfjs.js';

const NETWORK = '/model/lungglass.onnx';
const TFJS = '/peers/@tensorflow';
const LITERT = '/peers/@litertjs/core/wasm';

export async function bytesOf(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

function script(url) {
  return new Promise((resolve, reject) => {
    const element = document.createElement('script');
    Object.assign(element, { src: url, onload: resolve, onerror: () => reject(new Error(`cannot load ${url}`)) });
    document.head.append(element);
  });
}

/** This project's module: only the contract of www/pkg/lungglass.js is used. The script keeps its module: each has a copy. */
const lungglass = (name, modulePath) => ({
  name,
  async load() {
    const path = await modulePath();
    return { library: await import(`/page/pkg/lungglass.js?${path}`), module: await bytesOf(`/page/${path}`) };
  },
  async start({ library, module }) {
    const instance = await library.default({ module_or_path: module });
    const classifier = new library.Classifier();
    return {
      classifier,
      memory: instance.memory,
      version: classifier.model().version,
      run: (input) => classifier.logits(input)[0],
    };
  },
});

/** With the module that the page loads in this browser. */
export const ours = lungglass('LungGlass', async () => (await import('/page/common/published.js')).modulePath());
/** With the one that runs everywhere. */
export const simd = lungglass('LungGlass without relaxed SIMD', async () => 'pkg/lungglass_bg.wasm');

/** ONNX Runtime Web, the same ONNX file. */
export const onnxruntime = {
  name: 'ONNX Runtime Web',
  async load() {
    const [library, module, network] = await Promise.all([
      import('/peers/onnxruntime-web/dist/ort.wasm.bundle.min.mjs'),
      bytesOf('/peers/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm'),
      bytesOf(NETWORK),
    ]);
    return { library, module, network };
  },
  async start({ library: ort, module, network }, size) {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.wasm.wasmBinary = module;
    const session = await ort.InferenceSession.create(network, {
      executionProviders: ['wasm'],
      graphOptimizationLevel: 'all',
      freeDimensionOverrides: { N: 1 },
    });
    return {
      version: ort.env.versions.web,
      // It evaluates the whole graph whatever is asked for; only the logit is copied out.
      async run(input) {
        const { logit } = await session.run({ slice: new ort.Tensor('float32', input, [1, 1, size, size]) }, ['logit']);
        return logit.data[0];
      },
    };
  },
};

/** TensorFlow.js with its WebAssembly backend, which is XNNPACK, and the network rebuilt from the same ONNX file. */
export const tfjs = {
  name: 'tfjs-backend-wasm',
  async load() {
    await script(`${TFJS}/tfjs-core/dist/tf-core.min.js`);
    await script(`${TFJS}/tfjs-backend-wasm/dist/tf-backend-wasm.min.js`);
    const [module, network] = await Promise.all([
      bytesOf(`${TFJS}/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm`), bytesOf(NETWORK),
    ]);
    return { library: globalThis.tf, module, network };
  },
  async start({ library: tf, module, network }, size) {
    tf.enableProdMode();
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    tf.env().set('WASM_HAS_SIMD_SUPPORT', true);
    // The backend takes no bytes; a blob's address is the nearest thing to them.
    const url = URL.createObjectURL(new Blob([module], { type: 'application/wasm' }));
    const variants = ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm', 'tfjs-backend-wasm-threaded-simd.wasm'];
    tf.wasm.setWasmPaths(Object.fromEntries(variants.map((variant) => [variant, url])));
    if (!await tf.setBackend('wasm')) throw new Error('tfjs has no wasm backend here');
    const built = rebuild(tf, parseOnnx(network), size);
    return { tf, layers: built.layers, version: tf.wasm.version_wasm, run: built.run };
  },
};

/** LiteRT.js, which is XNNPACK too, with relaxed SIMD where the browser has it, and the network as a TensorFlow Lite file. */
export const litert = {
  name: 'LiteRT.js',
  async load() {
    const library = await import('@litertjs/core');
    const build = await library.supportsFeature('relaxedSimd') ? 'litert_wasm_internal' : 'litert_wasm_compat_internal';
    await script(`${LITERT}/${build}.js`);
    const [module, network] = await Promise.all([bytesOf(`${LITERT}/${build}.wasm`), bytesOf('/lungglass.tflite')]);
    return { library, module, network };
  },
  async start({ library, module, network }, size) {
    // Its loader takes an address alone, of a script that is there already; an empty one leaves that as it is.
    globalThis.Module = { wasmBinary: module };
    await library.loadLiteRt(`${URL.createObjectURL(new Blob([''], { type: 'text/javascript' }))}#.js`);
    const model = await library.loadAndCompile(network, { accelerator: 'wasm', cpuOptions: { numThreads: 1 } });
    return {
      version: null,
      async run(input) {
        const slice = new library.Tensor(input, [1, size, size, 1]);
        const outputs = await model.run({ [model.getInputDetails()[0].name]: slice });
        const [logit] = outputs.logit.toTypedArray();
        for (const tensor of [slice, ...Object.values(outputs)]) tensor.delete();
        return logit;
      },
    };
  },
};

export const engines = { ours, simd, onnxruntime, tfjs, litert };
