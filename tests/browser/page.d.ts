// For the type check of www/ alone: what the page's modules hand to each other, and what browsers have that TypeScript does not know.

/** The object of the contract, as a result keeps it. */
interface Reading {
  file: string;
  frame: number | null;
  verdict: 'positive' | 'negative' | 'uncertain' | 'refused' | 'error';
  score: number | null;
  logit: number | null;
  findings: { [name: string]: number };
  refusal: { code: string; message: string } | null;
  error: { code: string; message: string } | null;
  source: {
    format: string;
    modality: string | null;
    transfer_syntax: string | null;
    window: DisplayWindow | null;
    width: number;
    height: number;
  } | null;
  model: { name: string; version: string; sha256: string };
  device: string;
  ms: { decode: number | null; preprocess: number | null; graph: number | null };
}

/** A display window, in Hounsfield units. */
interface DisplayWindow {
  center: number;
  width: number;
}

/** ModelInfo of src/browser.rs. */
interface Model {
  name: string;
  version: string;
  sha256: string;
  /** What reads: 'wasm relaxed-simd' or 'wasm simd128'. */
  device: string;
  program: string;
  size: number;
  temperature: number;
  threshold: number;
  uncertain: [number, number];
  window: DisplayWindow;
  training: any;
  metrics: any;
}

/** What workers share. */
interface Session {
  module: WebAssembly.Module | null;
  salt: Uint8Array | null;
}

interface Navigator {
  deviceMemory?: number;
  userAgentData?: { mobile: boolean };
}

interface Element {
  /** Of a group of cards: whether it is near the window. */
  isNear?: boolean;
}
