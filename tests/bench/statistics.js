// The few statistics of the benchmark: over samples of time, in milliseconds or any other unit.

/** The middle value; the mean of both middle ones. NaN for none. */
export function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** How often, how long at least and in the middle. */
export function summary(samples) {
  return { count: samples.length, least: Math.min(...samples), median: median(samples) };
}

/**
 * Ours against a peer, measured in turn: the ratio of the least times, that of the medians, and the median of the ratios round by
 * round, which a load that comes and goes moves least.
 */
export function ratio(ours, peer) {
  if (ours.length !== peer.length) throw new Error(`${ours.length} rounds against ${peer.length}`);
  return {
    least: Math.min(...ours) / Math.min(...peer),
    median: median(ours) / median(peer),
    rounds: median(ours.map((time, round) => time / peer[round])),
  };
}

/** The summary of every engine's samples. */
export const summaries = (samples) => mapped(samples, summary);

/** The ratio of ours to every other engine. */
export const ratios = ({ ours, ...peers }) => mapped(peers, (peer) => ratio(ours, peer));

const mapped = (object, change) => Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
