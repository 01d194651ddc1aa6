import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, ratio, summary } from './statistics.js';

test('the median of odd, even and no samples', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([10, 9, 1]), 9, 'sorted as numbers');
  assert.ok(Number.isNaN(median([])));
});

test('a summary leaves its samples in order', () => {
  const samples = [3, 1, 2];
  assert.deepEqual(summary(samples), { count: 3, least: 1, median: 2 });
  assert.deepEqual(samples, [3, 1, 2]);
});

test('a load that slows whole rounds leaves the ratio of the rounds', () => {
  const { least, median: medians, rounds } = ratio([10, 100, 100, 11], [20, 200, 20, 22]);
  assert.equal(rounds, 0.5);
  assert.equal(least, 0.5);
  assert.ok(medians > 2);
  assert.throws(() => ratio([1], [1, 2]));
});
