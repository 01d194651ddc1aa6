// The dialog of the log of counts: the switch, the control charts, and what can be taken away or cleared. Owns these elements. The charts and
// their rules are the library's, those of `lungglass watch`.

import { element, inEnglish } from '../common/dom.js';
import { byId, say } from '../common/page.js';
import { today } from '../common/today.js';
import { sentence, words } from '../locales/words.js';
import { save } from '../saving/export.js';
import { chartName, drawn } from './chart.js';
import { toCsv, toJson } from './export.js';

/** @typedef {{ sample: string, chart: string, rule: string }} Flag */
/** @typedef {{ charts: import('./chart.js').Chart[], flags: Flag[] }} Report */

// No acceptance.json has more bytes.
const MAX_BYTES = 4 << 20;

export class WatchPanel {
  #pool;
  #log;
  /** @type {string | null} The acceptance test that says what is usual, else the first days do. */
  #usual = null;

  /**
   * @param {object} page
   * @param {import('../reading/pool.js').Pool} page.pool
   * @param {import('./log.js').WatchLog} page.log
   */
  constructor({ pool, log }) {
    this.#pool = pool;
    this.#log = log;
    const on = byId('watch-on', HTMLInputElement);
    on.addEventListener('change', () => {
      log.switch(on.checked);
      this.show();
    });
    const input = byId('watch-usual', HTMLInputElement);
    input.addEventListener('change', async () => {
      const [file] = input.files ?? [];
      input.value = '';
      if (!file) return;
      this.#usual = await file.slice(0, MAX_BYTES).text();
      this.show();
    });
    byId('watch-json').addEventListener('click', () => log.log && save('lungglass-watch.json', 'application/json', toJson(log.log)));
    byId('watch-csv').addEventListener('click', () => log.log && save('lungglass-watch.csv', 'text/csv', toCsv(log.log)));
    byId('watch-clear').addEventListener('click', () => {
      log.clear();
      this.show();
    });
  }

  /** Shows what there is now. */
  async show() {
    const log = this.#log;
    const on = byId('watch-on', HTMLInputElement);
    [on.checked, on.disabled] = [log.isOn, !log.isChoice];
    const { days = [], network } = log.log ?? {};
    const slices = days.reduce((sum, { positive, negative, uncertain, refused, error }) => sum + positive + negative + uncertain + refused + error, 0);
    for (const id of ['watch-json', 'watch-csv', 'watch-clear']) byId(id, HTMLButtonElement).disabled = days.length === 0;
    const { sha256 } = this.#pool.model ?? {};
    say('watch-told', () => [
      !log.isChoice && !log.isOn ? element('p', words.watching.kiosk) : '',
      element('p', days.length > 0 ? words.watching.counted(slices, days.length) : words.watching.nothing),
      network && sha256 && network !== sha256 ? element('p', words.watching.otherNetwork) : '',
    ].filter((part) => part !== ''));
    byId('watch-charts').replaceChildren();
    if (days.length === 0) return say('watch-flags', () => '');
    try {
      const report = await this.#pool.watch(days, this.#usual, today());
      this.#tell(report);
    } catch (failure) {
      say('watch-flags', () => [words.watching.noCharts, ' ', inEnglish(sentence(String(failure?.message ?? failure)))]);
    }
  }

  /** @param {Report} report */
  #tell({ charts, flags }) {
    say('watch-flags', () => (flags.length === 0 ? words.watching.noFlag
      : [element('p', words.watching.flags(flags.length)), element('ul', ...byChart(flags).map(([chart, samples]) => element('li', `${chartName(chart)}: ${samples.join(', ')}`)))]));
    const box = byId('watch-charts');
    box.replaceChildren(...charts.map((chart) => drawn(chart, box.clientWidth)));
  }
}

/**
 * The samples with a flag, by the chart that raised it.
 *
 * @param {Flag[]} flags
 */
function byChart(flags) {
  /** @type {Map<string, string[]>} */
  const found = new Map();
  for (const { chart, sample } of flags) found.set(chart, [...(found.get(chart) ?? []), sample]);
  return [...found];
}
