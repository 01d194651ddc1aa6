// What the modules say to people. Numbers become text here as well. Knows no element of the page.

const number = (digits) => new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const format = {
  // A score that rounds to 0 or 1 must not look certain.
  score: (value) => (value < 0.001 ? '< 0.001' : value > 0.999 ? '> 0.999' : number(3).format(value)),
  percent: (value) => `${number(0).format(value * 100)} %`,
  ms: (value) => (value < 10 ? `${number(1).format(value)} ms` : `${number(0).format(value)} ms`),
  bytes: (value) => `${number(1).format(value / 1e6)} MB`,
  seconds: (value) => (value < 90 ? `${Math.max(1, Math.round(value))} s` : `${Math.round(value / 60)} min`),
  // The library's messages follow a file name and begin in lower case.
  sentence: (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.'),
  count: (value, one, many) => `${value} ${value === 1 ? one : many}`,
};

export const words = {
  crashed: 'Reading this file stopped the reader, most likely because it ran out of memory. The reader was started again and went on with the next file. Close other tabs, or try a smaller export of this slice.',

  verdict: {
    positive: 'Score above the operating point',
    negative: 'Score below the operating point',
    uncertain: 'Score in the uncertain band',
    refused: 'Not judged',
    error: 'Could not be read',
  },

  loading: {
    starting: 'Starting the reader',
    of: (loaded, total) => `Loading the network: ${format.bytes(loaded)} of ${format.bytes(total)}`,
    bytes: (loaded) => `Loading the network: ${format.bytes(loaded)}`,
    preparing: 'Preparing the network',
  },

  state: { loading: 'Loading', ready: 'Ready', failed: 'Not ready' },

  failure: {
    title: 'The reader could not start.',
    no_simd: 'This browser cannot run WebAssembly with SIMD. Use Chrome or Edge 105, Firefox 114, Safari 16.4 or a later version, and check that WebAssembly is not switched off.',
    network: 'The network file did not arrive completely. Check the connection and try again.',
    missing: 'A part of the page is not on the server. Try again; if it stays so, tell the people who run this site.',
    damaged: 'The network file arrived damaged. Try again; if it stays so, clear the browser\'s cache for this site.',
    crashed: 'The network could not be prepared, most likely for lack of memory. Close other tabs and try again.',
    sample: 'The sample could not be loaded. Check the connection and try again.',
  },

  progress: {
    reading: (done, total, name) => `Reading ${Math.min(done + 1, total)} of ${total}: ${name}`,
    waiting: (total) => `${format.count(total, 'file is', 'files are')} waiting for the reader`,
    left: (seconds) => `, about ${format.seconds(seconds)} left`,
    done: (total) => `${format.count(total, 'slice', 'slices')} done.`,
    cancelled: (done, total) => `Cancelled after ${done} of ${total}. What was not read was removed.`,
  },

  counts: ({ judged, refused, error }) => [
    `${judged} judged`,
    refused ? `${refused} not judged` : '',
    error ? `${error} could not be read` : '',
  ].filter(Boolean).join(', '),

  card: {
    frame: (frame) => `frame ${frame}`,
    score: 'Model score',
    scale: (score, threshold, [low, high]) => `Model score ${format.score(score)} on a scale from 0 to 1. Operating point ${number(2).format(threshold)}, uncertain band ${number(2).format(low)} to ${number(2).format(high)}.`,
    threshold: (threshold) => `operating point ${number(2).format(threshold)}`,
    band: ([low, high]) => `uncertain band ${number(2).format(low)} to ${number(2).format(high)}`,
    picture: (name) => `The slice ${name}`,
    map: 'Map of what moved the score',
    noPicture: 'No picture',
    size: 'Size',
    format: 'Format',
    window: 'Window',
    time: 'Time',
    findings: 'Findings',
    unmeasured: (value) => `${format.percent(value)} (never measured)`,
    findingsHelp: 'How clearly the model sees what captions of such slices name. Not calibrated.',
    asStored: 'as stored in the picture',
    windowOf: (center, width) => `centre ${String(center).replace('-', '\u2212')}, width ${width} HU`,
  },

  copied: 'Copied.',
  notCopied: 'Select the text and copy it by hand.',
};
