// Numbers, units and dates as a locale writes them. Knows no word of any language.

/** The functions that turn a number into text in `locale`, and pick the plural form for it. */
export function formatter(locale) {
  // Made when first used: most of the page's locales are never shown.
  const numbers = (options) => {
    let made;
    return (value) => (made ??= new Intl.NumberFormat(locale, options)).format(value);
  };
  const digits = (count, options = {}) => numbers({ ...options, minimumFractionDigits: count, maximumFractionDigits: count });
  const unit = (name, count, unitDisplay = 'short') => digits(count, { style: 'unit', unit: name, unitDisplay });

  const integer = digits(0);
  const three = digits(3);
  const [shortMs, longMs] = [unit('millisecond', 1), unit('millisecond', 0)];
  const [seconds, minutes] = [unit('second', 0, 'long'), unit('minute', 0, 'long')];
  const plain = numbers({ maximumFractionDigits: 2, useGrouping: false });
  let rules;
  let days;
  let lists;

  return {
    integer,
    two: digits(2),
    three,
    /** At most four decimals. */
    setting: numbers({ maximumFractionDigits: 4 }),
    // A score that rounds to 0 or 1 must not look certain.
    score: (value) => (value < 0.001 ? `< ${three(0.001)}` : value > 0.999 ? `> ${three(0.999)}` : three(value)),
    percent: digits(0, { style: 'percent' }),
    ms: (value) => (value < 10 ? shortMs(value) : longMs(value)),
    kilobytes: ((kilobytes) => (value) => kilobytes(value / 1e3))(unit('kilobyte', 1)),
    bytes: ((megabytes) => (value) => megabytes(value / 1e6))(unit('megabyte', 1)),
    /** So many seconds, in words. */
    duration: (value) => (value < 90 ? seconds(Math.max(1, value)) : minutes(value / 60)),
    /** A window's centre or width: never grouped, with a true minus. */
    hounsfield: (value) => plain(value).replace('-', '\u2212'),
    /** A date such as 2026-11-24. */
    date: (iso) => (days ??= new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' })).format(new Date(`${iso}T00:00:00Z`)),
    /** Texts in a row, with the last `and`. */
    list: (texts) => (lists ??= new Intl.ListFormat(locale)).format(texts),
    /** The number and what is counted; `forms` by the plural categories of the locale, `other` for those left out. */
    count: (value, forms) => `${integer(value)} ${forms[(rules ??= new Intl.PluralRules(locale)).select(value)] ?? forms.other}`,
  };
}
