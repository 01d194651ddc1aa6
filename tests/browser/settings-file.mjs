// Settings files as `lungglass accept` writes them, see src/operating_point.rs, made for tests.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

const model = await readFile(new URL('../../model/model.toml', import.meta.url), 'utf8');
/** Of the network that ships. */
export const SHA256 = model.match(/^sha256 = "([0-9a-f]{64})"/m)[1];

/** A day in UTC so many days from today, as 2026-11-30. */
export const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

/** The text of a file with a seal that fits. */
export function settingsFile({ site = 'Clinic 5', made = day(-10), until = day(100), sha256 = SHA256, positive = 0.0002, negative = 0.0001, drift = 'slices = 50\nrefused = 0.1' } = {}) {
  const body = `# A local operating point.
schema = 1
site = "${site}"
made = "${made}"
valid_until = "${until}"
program = "0.1.0"
acceptance = "${'0'.repeat(64)}"

[network]
name = "any"
version = "1"
sha256 = "${sha256}"

[triage]
positive_from = ${positive}
negative_to = ${negative}
ppv = 0.9
npv = 0.85
confidence = 0.95

[drift]
${drift}

`;
  return `${body}[seal]\nsha256 = "${createHash('sha256').update(body).digest('hex')}"\n`;
}
