// Numbers, units and dates as a locale writes them. Knows no word of any language.

/** @typedef {Partial<{ [form in Intl.LDMLPluralRule]: string }> & { other: string }} Forms */

/**
 * The functions that turn a number into text in `locale`, and pick the plural form for it.
 *
 * @param {string} locale
 */
export function formatter(locale) {
  // Made when first used: most of the page's locales are never shown.
  /** @param {Intl.NumberFormatOptions} options */
  const numbers = (options) => {
    /** @type {Intl.NumberFormat | undefined} */
    let made;
    /** @param {number} value */
    return (value) => (made ??= new Intl.NumberFormat(locale, options)).format(value);
  };
  /** @type {(count: number, options?: Intl.NumberFormatOptions) => (value: number) => string} */
  const digits = (count, options = {}) => numbers({ ...options, minimumFractionDigits: count, maximumFractionDigits: count });
  /** @type {(name: string, count: number, unitDisplay?: 'short' | 'long') => (value: number) => string} */
  const unit = (name, count, unitDisplay = 'short') => digits(count, { style: 'unit', unit: name, unitDisplay });

  const integer = digits(0);
  const three = digits(3);
  const [shortMs, longMs] = [unit('millisecond', 1), unit('millisecond', 0)];
  const [seconds, minutes] = [unit('second', 0, 'long'), unit('minute', 0, 'long')];
  const [kilobytes, megabytes] = [unit('kilobyte', 1), unit('megabyte', 1)];
  const plain = numbers({ maximumFractionDigits: 2, useGrouping: false });
  const tenths = digits(1, { useGrouping: false });
  const millilitres = unit('milliliter', 0);
  const [millimetres, wholeMillimetres, centimetres] = [unit('millimeter', 1), unit('millimeter', 0), unit('centimeter', 0)];
  /** @type {(text: string) => string} With a true minus. */
  const minus = (text) => text.replace('-', '\u2212');
  /** @type {Intl.PluralRules | undefined} */
  let rules;
  /** @type {Intl.DateTimeFormat | undefined} */
  let days;
  /** @type {Intl.ListFormat | undefined} */
  let lists;

  return {
    integer,
    two: digits(2),
    three,
    /** At most four decimals. */
    setting: numbers({ maximumFractionDigits: 4 }),
    // A score that rounds to 0 or 1 must not look certain.
    score: (/** @type {number} */ value) => (value < 0.001 ? `< ${three(0.001)}` : value > 0.999 ? `> ${three(0.999)}` : three(value)),
    percent: digits(0, { style: 'percent' }),
    ms: (/** @type {number} */ value) => (value < 10 ? shortMs(value) : longMs(value)),
    kilobytes: (/** @type {number} */ value) => kilobytes(value / 1e3),
    bytes: (/** @type {number} */ value) => megabytes(value / 1e6),
    /** So many seconds, in words. */
    duration: (/** @type {number} */ value) => (value < 90 ? seconds(Math.max(1, value)) : minutes(value / 60)),
    /** A window's centre or width: never grouped, with a true minus. */
    hounsfield: (/** @type {number} */ value) => minus(plain(value)),
    /** A number of a file, never grouped. */
    plain: (/** @type {number} */ value) => minus(plain(value)),
    /** One decimal, never grouped. */
    tenths: (/** @type {number} */ value) => minus(tenths(value)),
    /** To a tenth of a millimetre. */
    millimetres: (/** @type {number} */ value) => minus(millimetres(value)),
    /** A round length, in the unit that fits. */
    span: (/** @type {number} */ value) => (value >= 10 ? centimetres(value / 10) : value >= 1 ? wholeMillimetres(value) : millimetres(value)),
    /** A volume of millilitres, to the ten: more digits would look exact. */
    ml: (/** @type {number} */ value) => millilitres(10 * Math.round(value / 10)),
    /** A date such as 2026-11-24. */
    date: (/** @type {string} */ iso) => (days ??= new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' })).format(new Date(`${iso}T00:00:00Z`)),
    /** Texts in a row, with the last `and`. */
    list: (/** @type {string[]} */ texts) => (lists ??= new Intl.ListFormat(locale)).format(texts),
    /** What is counted alone, in the form for the number. */
    form: (/** @type {number} */ value, /** @type {Forms} */ forms) => forms[(rules ??= new Intl.PluralRules(locale)).select(value)] ?? forms.other,
    /** The number and what is counted; `forms` by the plural categories of the locale, `other` for those left out. */
    count: (/** @type {number} */ value, /** @type {Forms} */ forms) => `${integer(value)} ${forms[(rules ??= new Intl.PluralRules(locale)).select(value)] ?? forms.other}`,
  };
}
