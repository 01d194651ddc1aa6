// What a drag with the main button or one finger does: moves, sets the window, scrolls, or measures. Owns these controls; the way of dragging
// is remembered where the page may remember, measuring is not.

const REMEMBERED = ['move', 'window', 'scroll'];
const KEY = 'lungglass.drag';

/** @typedef {'move' | 'window' | 'scroll' | 'length' | 'region'} Tool */

/** @typedef {{ recall: (key: string) => string | null, remember: (key: string, value: string) => void }} Memory */

export class Tools {
  /** @type {Tool} What was chosen. */
  #chosen = 'move';
  /** @type {Tool} What was chosen before measuring. */
  #before = 'move';
  #inputs;
  #memory;
  #onChoose;

  /**
   * @param {HTMLElement} dialog
   * @param {Memory} memory
   * @param {() => void} onChoose
   */
  constructor(dialog, memory, onChoose) {
    this.#inputs = /** @type {HTMLInputElement[]} */ ([...dialog.querySelectorAll('[name="viewer-tool"]')]);
    this.#memory = memory;
    this.#onChoose = onChoose;
    for (const input of this.#inputs) input.addEventListener('change', () => this.choose(/** @type {Tool} */ (input.value)));
  }

  /** What a drag does now: where there is no window to set it moves. */
  get tool() { return /** @type {Tool} */ (this.#inputs.find(({ checked }) => checked)?.value ?? 'move'); }

  /** What is measured, null if nothing is. */
  get measure() {
    const { tool } = this;
    return tool === 'length' || tool === 'region' ? tool : null;
  }

  /** As it was left the last time. */
  recall() {
    const found = this.#memory.recall(KEY) ?? '';
    this.#chosen = this.#before = /** @type {Tool} */ (REMEMBERED.includes(found) ? found : 'move');
  }

  /** @param {Tool} tool */
  choose(tool) {
    this.#chosen = tool;
    if (REMEMBERED.includes(tool)) {
      this.#before = tool;
      this.#memory.remember(KEY, tool);
    }
    this.#check();
    this.#onChoose();
  }

  /** Measures no more. */
  leave() {
    if (this.measure) this.#chosen = this.#before;
    this.#check();
  }

  /** @param {boolean} isFixed Whether there is no window to set. */
  show(isFixed) {
    for (const input of this.#inputs) if (input.value === 'window') input.disabled = isFixed;
    this.#check();
  }

  #check() {
    const wanted = this.#inputs.find(({ value }) => value === this.#chosen);
    const shown = wanted?.disabled ? 'move' : this.#chosen;
    for (const input of this.#inputs) input.checked = input.value === shown;
  }
}
