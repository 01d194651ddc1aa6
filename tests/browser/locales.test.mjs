// The locales: the same keys in each, all translated, in step with the library and with index.html. Needs no browser.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import * as words from '../../www/locales/words.js';
import { reason } from '../../www/reading/reason.js';

const read = (path) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const locales = Object.fromEntries(words.languages.map(({ code }) => {
  words.setLanguage(code);
  return [code, words.words];
}));
const { en, ...others } = locales;

// What is written as in English.
const ALIKE = {
  de: ['batch.columns.score', 'card.format', 'viewer.presets.mediastinum', 'viewer.facts.kernel', 'viewer.facts.phase', 'modelCard.name', 'modelCard.version', 'study.right', 'study.left'],
  fr: ['batch.columns.score', 'batch.kinds.segmentation', 'batch.marks.acquisition', 'card.format', 'modelCard.version', 'modelCard.pixels', 'measures.date', 'measures.validation', 'licences.title', 'viewer.facts.phase', 'viewer.facts.position', 'viewer.measures.count'],
  zh: ['viewer.facts.pixelOf', 'viewer.hounsfield', 'viewer.measures.area'],
};
const ALIKE_EVERYWHERE = ['batch.kinds.directory', 'measures.auc', 'measures.f1', 'measures.png'];

// For each function of a locale: arguments, and what must appear in its text.
const CALLS = {
  'footer.model': [[['lite0 1.2'], 'lite0 1.2']],
  'loading.of': [[[1.5e6, 30.1e6], '30']],
  'offline.build': [[['1.2.3'], '1.2.3']],
  'offline.updateOthers': [[[1], '1'], [[3], '3']],
  'offline.kiosk.idle': [[[600], '10'], [[30], '30']],
  'privacy.filesCount': [[[1, 2.5e6], '1', '2'], [[31, 21.4e6], '31', '21']],
  'privacy.checkText': [[['https://example.invalid/'], 'https://example.invalid/']],
  'progress.reading': [[[1, 12, 'a.dcm'], '12', 'a.dcm']],
  'progress.left': [[[5], '5'], [[200], '3']],
  'progress.waiting': [[[1], '1'], [[7], '7']],
  'progress.done': [[[1], '1'], [[7], '7']],
  'progress.cancelled': [[[3, 12], '3', '12']],
  'progress.goOn': [[[1], '1'], [[7], '7']],
  'progress.repeated': [[[1], '1'], [[7], '7']],
  counts: [[[{ judged: 3, refused: 2, error: 7 }], '3', '2', '7'], [[{ judged: 1, refused: 0, error: 0 }], '1']],
  'dicom.reading': [[[12, 300], '12', '300']],
  'dicom.saved': [[[1], '1'], [[5], '5']],
  'dicom.failed': [[['why'], 'why']],
  'batch.skipped': [[[1], '1'], [[7], '7']],
  'batch.more': [[[7], '7']],
  'batch.series': [[[3], '3']],
  'batch.group': [[[3], '3']],
  'batch.slice': [[[23], '23']],
  'batch.slices': [[[1], '1'], [[40], '40']],
  'batch.share': [[[12, 40, 3], '12', '40', '3'], [[1, 1, 0], '1', '0']],
  'batch.highest': [[[0.931, 23], '931', '23']],
  'batch.opacity': [[[{ share: 0.12, ground_glass: 0.09, consolidation: 0.03 }], '12', '9', '3']],
  'batch.noneJudged': [[[5], '5']],
  'batch.aside': [[[2, 3], '2', '3']],
  'batch.setAside': [[['a (1), b (2)'], 'a (1), b (2)']],
  'batch.stacks': [[[[{ name: 'a', slices: 1 }, { name: 'b', slices: 40 }]], '2', 'a', '1', 'b', '40']],
  ...Object.fromEntries(['acquisition', 'echo', 'time', 'stack', 'image_type', 'kernel', 'thickness'].map((mark) => [`batch.marks.${mark}`, [[['7'], '7']]])),
  'batch.repeats': [[[1], '1'], [[7], '7']],
  'batch.chart': [[[40], '40']],
  'batch.settingsOf': [[[{ name: 'lite0', version: '1.2', threshold: 0.41, uncertain: [0.3, 0.52], temperature: 1.25, program: '0.1.9' }], 'lite0 1.2', '41', '30', '52', '25', '0.1.9']],
  'batch.onlyHighest': [[[60, 300], '60', '300']],
  'study.score': [[[0.871, 'above'], '871', 'above']],
  'study.opacity': [[[{ share: 0.12, ground_glass: 0.09, consolidation: 0.03 }], '12', '9', '3']],
  'study.withoutLungs': [[[1], '1'], [[7], '7']],
  'study.stackRead': [[['echo 2'], 'echo 2']],
  'study.scored': [[[3, '0.871', '12%'], '3', '0.871', '12%']],
  'study.scoredAlone': [[[3, '0.871'], '3', '0.871']],
  'study.unscored': [[[3, 'no'], '3', 'no']],
  'study.film': [[[1], '1'], [[300], '300']],
  'study.volume': [[[4321, 2326, 1995], '320', '330'], [[987, 987, null], '990']],
  'study.coronal': [[[1], '1'], [[300], '300']],
  'card.frame': [[[4], '4']],
  'card.scale': [[[0.336, 0.4, [0.3, 0.5]], '336', '40', '30', '50']],
  'card.threshold': [[[0.336], '34']],
  'card.band': [[[[0.31, 0.52]], '31', '52']],
  'card.means.threshold': [[[0.4], '40']],
  'card.means.test': [[[0.84, 0.77], '84', '77']],
  'card.means.band': [[[[0.27, 0.54]], '27', '54']],
  'card.picture': [[['a.dcm'], 'a.dcm']],
  'card.opacity': [[[{ share: 0.12, ground_glass: 0.09, consolidation: 0.03 }], '12', '9', '3'], [[{ share: 0, ground_glass: 0, consolidation: 0 }], '0']],
  'card.windowOf': [[[-600, 1500], '\u2212600', '1500']],
  'refusals.not_ct': [[[{ modality: 'MR' }], 'MR']],
  'refusals.too_small': [[[{ width: 17, height: 300 }], '17', '300']],
  'point.clears': [[[1], '1'], [[40], '40']],
  'point.by': [[['Clinic 5', '2027-05-29'], 'Clinic 5', '29', '2027']],
  'point.means': [[[{ positive_from: 0.62, negative_to: 0.21, ppv: 0.9, npv: 0.85, confidence: 0.95 }], '62', '21', '90', '85', '95']],
  'point.ended': [[['Clinic 5', '2027-05-29'], 'Clinic 5', '29', '2027']],
  'point.early': [[['Clinic 5', '2027-05-29'], 'Clinic 5', '29', '2027']],
  'point.failed': [[['a.toml'], 'a.toml']],
  'check.chosen': [[[1], '1'], [[7], '7']],
  'check.reading': [[[3, 12], '3', '12']],
  'check.failed': [[['why'], 'why']],
  'check.read': [[[{ slices: 120, positives: 60, groups: 40, refused: 7, unreadable: 2 }], '120', '60', '40', '7', '2']],
  'check.more': [[['positive', 20, 21, 35], 'positive', '20', '21', '35']],
  'check.hopeless': [[['negative', 20, 29], 'negative', '20', '29']],
  'check.figures': [[[0.42], '42']],
  'check.grouped': [[[50, 30, 7], '50', '30', '7']],
  'point.drifted': [[['Clinic 5', ['a', 'b']], 'Clinic 5', 'a', 'b']],
  'point.counted': [[['Clinic 5', '2026-11-30', ['a', 'b']], 'Clinic 5', '2026', 'a', 'b']],
  'watching.counted': [[[1, 1], '1'], [[120, 7], '120', '7']],
  'watching.flags': [[[1], '1'], [[7], '7']],
  'watching.chart': [[['Refused', 12, 3], 'Refused', '12', '3']],
  'network.highest': [[['bacterial'], 'bacterial']],
  'network.unsure': [[['bacterial'], 'bacterial']],
  'network.notOne': [[['a.zip'], 'a.zip']],
  'network.clears': [[[1], '1'], [[40], '40']],
  'network.chosen': [[['small 1.0', 'e74b5eb740cb'], 'small 1.0', 'e74b5eb740cb']],
  'network.failed': [[['a.lungglass'], 'a.lungglass']],
  'viewer.openOf': [[['a.dcm'], 'a.dcm']],
  'viewer.position': [[[3, 40], '3', '40']],
  'viewer.sides.told': [[[{ left: 'R', right: 'L', top: 'A', bottom: 'P' }], 'R', 'L', 'A', 'P']],
  'viewer.facts.numbered': [[[1234], '1234']],
  'viewer.facts.pixelOf': [[[0.703125, 0.75], '7031', '75']],
  'viewer.measures.mean': [[[-853.25, 41.04, true], '\u2212853', '41'], [[99, 3, false], '99', '3']],
  'viewer.measures.area': [[[123.44], '123']],
  'viewer.measures.count': [[[1], '1'], [[456], '456']],
  'viewer.measures.pixels': [[[12.34], '12']],
  'viewer.displayOnly': [[[-600, 1500], '\u2212600', '1500']],
  'viewer.inputTold': [[[224, true], '224'], [[192, false], '192']],
  'viewer.hounsfield': [[[-734], '\u2212734']],
  'viewer.gray': [[[99], '99']],
  'modelCard.pixels': [[[224], '224']],
  'modelCard.range': [[['0.1', '0.2'], '0.1', '0.2']],
  'modelCard.interval': [[['0.9', '0.8', '0.95'], '0.9', '0.8', '0.95']],
};

// What each language says on the page and in the model card.
const PURPOSE = {
  en: [/research and education/i, /not a medical device/i],
  de: [/Forschung und Lehre/, /kein Medizinprodukt/i],
  fr: [/recherche et l’enseignement/, /pas un dispositif médical/i],
  es: [/investigación y docencia/i, /no es un producto sanitario/i],
  zh: [/科研与教学/, /不是医疗器械/],
};

// Words that say of a slice, or of a person, what no score can say.
const CLAIMS = {
  en: /\bdetect|infected|confirmed|suffers/i,
  de: /nachgewiesen|festgestellt|erkannt|infiziert|erkrankt|leidet/i,
  fr: /détect|dépist|infecté|malade\b|atteint/i,
  es: /detect|infectad|enferm[oa]s?\b|padece/i,
  zh: /确诊|检出|检测到|感染者|患者有|患有/,
};
const DIAGNOSIS = /diagn[oó]s|诊断/i;
// The sentences that deny it.
const MAY_SAY_DIAGNOSIS = /^(intro\.limits|consent\.score)$/;

/** [path, value] of every text and function under a locale. */
function leaves(value, path = '') {
  if (value === null || typeof value !== 'object') return [[path, value]];
  return Object.entries(value).filter(([key]) => path !== '' || key !== 'format').flatMap(([key, part]) => leaves(part, path ? `${path}.${key}` : key));
}

const at = (locale, path) => path.split('.').reduce((part, key) => part[key], locale);

/** What the locale says at the path: the text, or those of CALLS. */
function texts(locale, path) {
  const value = at(locale, path);
  return typeof value === 'function' ? CALLS[path].map(([given]) => value(...given)) : [value];
}

test('there is a locale for each file, and English is the first', async () => {
  const files = (await readdir(new URL('../../www/locales/', import.meta.url))).filter((file) => !['classes.js', 'format.js', 'point.js', 'words.js', 'TERMS.md'].includes(file));
  assert.deepEqual(Object.keys(locales).map((code) => `${code}.js`).sort(), files.sort());
  assert.equal(words.languages[0].code, 'en');
  assert.equal(new Set(words.languages.map(({ name }) => name)).size, words.languages.length);
});

for (const [code, locale] of Object.entries(others)) {
  test(`${code} has the keys of English, all of the same kind`, () => {
    const shape = (of) => leaves(of).map(([path, value]) => `${path}: ${typeof value === 'function' ? `function of ${value.length}` : typeof value}`).sort();
    assert.deepEqual(shape(locale), shape(en));
    assert.deepEqual(Object.keys(locale.format), Object.keys(en.format));
  });

  test(`${code} is translated throughout`, () => {
    const same = leaves(en).filter(([path]) => {
      const english = texts(en, path);
      return texts(locale, path).some((text, i) => text === english[i]);
    });
    assert.deepEqual(same.map(([path]) => path).sort(), [...ALIKE_EVERYWHERE, ...(ALIKE[code] ?? [])].sort());
  });
}

for (const [code, locale] of Object.entries(locales)) {
  test(`${code}: each text is whole and says what it is given`, () => {
    for (const [path, value] of leaves(locale)) {
      if (typeof value === 'function') {
        assert.ok(CALLS[path], `CALLS of this test lacks ${path}`);
        for (const [given, ...wanted] of CALLS[path]) {
          const text = value(...given);
          for (const part of wanted) assert.ok(text.includes(part), `${path}: "${text}" lacks ${part}`);
        }
      }
      for (const text of texts(locale, path)) {
        assert.ok(typeof text === 'string' && text.trim() !== '', path);
        assert.doesNotMatch(text, /undefined|NaN|\[object|[{}]/, path);
      }
    }
  });

  test(`${code} says what it is for, and claims nothing about a person`, () => {
    const { intro, modelCard } = locale;
    for (const purpose of PURPOSE[code]) {
      assert.match(`${intro.use} ${intro.limits}`, purpose);
      assert.match(modelCard.intro, purpose);
    }
    for (const [path] of leaves(locale)) {
      for (const text of texts(locale, path)) {
        assert.doesNotMatch(text, CLAIMS[code], path);
        if (!MAY_SAY_DIAGNOSIS.test(path) && !(code === 'en' && path.startsWith('diagnostics.'))) assert.doesNotMatch(text, DIAGNOSIS, path);
      }
    }
  });
}

test('numbers and dates are those of the language', () => {
  const plain = (text) => text.replace(/\s/g, ' ');
  const shown = Object.fromEntries(Object.entries(locales).map(([code, { format }]) => [code, [
    format.score(0.336), format.score(0.0001), plain(format.percent(0.336)), plain(format.bytes(30.1e6)), plain(format.date('2026-11-24')),
  ]]));
  assert.deepEqual(shown, {
    en: ['0.336', '< 0.001', '34%', '30.1 MB', '24 November 2026'],
    de: ['0,336', '< 0,001', '34 %', '30,1 MB', '24. November 2026'],
    fr: ['0,336', '< 0,001', '34 %', '30,1 Mo', '24 novembre 2026'],
    es: ['0,336', '< 0,001', '34 %', '30,1 MB', '24 de noviembre de 2026'],
    zh: ['0.336', '< 0.001', '34%', '30.1 MB', '2026年11月24日'],
  });
});

test('in French no line begins with a sign, and a count is told by the forms of its language', async () => {
  const strays = leaves(others.fr).filter(([path]) => texts(others.fr, path).some((text) => / [;:!?»%]|« |\p{L}[;!?»%](?!\S*\))|\p{L}:(?!\/\/)/u.test(text)));
  assert.deepEqual(strays.map(([path]) => path), []);
  // A narrow space before the higher signs, a whole one before a colon.
  const other = leaves(others.fr).filter(([path]) => texts(others.fr, path).some((text) => /\u00a0[;!?]|\u202f:/.test(text)));
  assert.deepEqual(other.map(([path]) => path), []);
  // No form is chosen by hand: languages differ in what they take for one.
  for (const code of Object.keys(locales)) {
    const source = await read(`www/locales/${code}.js`);
    assert.doesNotMatch(source, /[=<>]=?=? ?1 \?/, code);
  }
});

// Verbs and pronouns of many, which no sentence about one may hold.
const OF_MANY = {
  en: /\b(are|were|them|count)\b/,
  de: /\b(werden|wurden|waren|kamen|zählen|warten|sind|liegen)\b/,
  fr: /\b(ont|sont|seront|étaient|attendent|comptent)\b|-les\b/,
  es: /\b(borrarán|omitieron|estaban|esperan|tienen|llegaron|cuentan|cortes)\b|Ciérrelas/,
};
// What is said of a number of things, with what else it takes.
const COUNTED = {
  'offline.updateOthers': [], 'privacy.filesCount': [1e6], 'progress.waiting': [], 'progress.done': [], 'progress.goOn': [], 'progress.repeated': [], 'dicom.saved': [],
  'batch.skipped': [], 'batch.slices': [], 'batch.noneJudged': [], 'batch.repeats': [], 'batch.chart': [], 'batch.aside': [1], 'study.withoutLungs': [], 'study.coronal': [],
  'viewer.measures.count': [], 'network.clears': [],
};
// Sentences about one of several, and words that are alike for one and for many.
const ALSO_OF_MANY = ['es batch.chart', 'en study.coronal', 'fr study.coronal', 'es study.coronal'];
const ALIKE_FOR_MANY = ['de viewer.measures.count', 'en batch.aside', 'de batch.aside'];

test('a sentence about one is not that about many', () => {
  for (const [code, many] of Object.entries(OF_MANY)) {
    for (const [path, rest] of Object.entries(COUNTED)) {
      const say = (number) => at(locales[code], path)(number, ...rest);
      const bare = (text) => text.replace(/\d+/g, '');
      if (!ALIKE_FOR_MANY.includes(`${code} ${path}`)) assert.notEqual(bare(say(1)), bare(say(2)), `${code} ${path}`);
      if (!ALSO_OF_MANY.includes(`${code} ${path}`)) assert.doesNotMatch(say(1), many, `${code} ${path}`);
    }
  }
});

// Numbers that count nothing: which one of several, a size, a value; and those that stand without a noun ("3 of 12 slices", "2 with COVID-19").
const UNCOUNTED = new Set([
  ...['loading.of 0', 'loading.of 1', 'privacy.filesCount 1', 'card.windowOf 0', 'card.windowOf 1', 'refusals.too_small width', 'refusals.too_small height'],
  ...['study.volume 0', 'study.volume 1', 'study.volume 2', 'viewer.displayOnly 0', 'viewer.displayOnly 1', 'viewer.inputTold 0', 'viewer.hounsfield 0', 'viewer.gray 0', 'modelCard.pixels 0'],
  ...['progress.reading 0', 'progress.reading 1', 'progress.cancelled 0', 'progress.cancelled 1', 'dicom.reading 0', 'dicom.reading 1', 'viewer.position 0', 'viewer.position 1'],
  ...['batch.series 0', 'batch.group 0', 'batch.slice 0', 'batch.highest 1', 'study.scored 0', 'study.scoredAlone 0', 'study.unscored 0', 'card.frame 0', 'viewer.facts.numbered 0'],
  ...['batch.more 0', 'batch.share 2', 'check.read positives', 'check.read groups', 'check.read refused', 'check.read unreadable', 'check.grouped 0', 'check.grouped 1', 'check.grouped 2', 'watching.chart 2'],
  // At most 60 slices fit a page of paper, and as many are told then.
  'batch.onlyHighest 0', 'batch.onlyHighest 1',
]);
// In these languages the noun goes with the other number, or is the same for one and for many.
const WITH_ANOTHER = {
  en: ['counts judged', 'counts refused', 'counts error', 'batch.aside 0', 'batch.aside 1', 'check.reading 0', 'check.more 1', 'check.hopeless 1'],
  de: ['counts judged', 'counts refused', 'counts error', 'batch.aside 0', 'batch.aside 1', 'check.reading 0', 'check.more 1', 'check.hopeless 1', 'viewer.measures.count 0'],
  fr: ['check.reading 1', 'check.more 2', 'check.hopeless 2'],
  es: ['check.reading 0', 'check.more 1', 'check.hopeless 1'],
};

test('what is counted has the form of its number, in every text that tells one', () => {
  /** What is given, with each of its whole numbers in turn as something else. */
  function* numbers(given) {
    for (const [at, value] of given.entries()) {
      if (Number.isInteger(value)) yield [String(at), (number) => given.with(at, number)];
      else if (value && typeof value === 'object' && !Array.isArray(value)) {
        for (const [key, part] of Object.entries(value)) if (Number.isInteger(part)) yield [key, (number) => given.with(at, { ...value, [key]: number })];
      }
    }
  }
  const bare = (text) => text.replace(/\d+/g, '');
  const seen = new Set();
  for (const [path, [[given]]] of Object.entries(CALLS)) {
    for (const [key, replaced] of numbers(given)) {
      const spot = `${path} ${key}`;
      seen.add(spot);
      for (const [code, also] of Object.entries(WITH_ANOTHER)) {
        const [one, two] = [1, 2].map((number) => bare(at(locales[code], path)(...replaced(number))));
        const isAlike = UNCOUNTED.has(spot) || also.includes(spot);
        assert.equal(one === two, isAlike, `${code} ${spot}: ${one}`);
      }
    }
  }
  assert.deepEqual([...UNCOUNTED].filter((spot) => !seen.has(spot)), []);
});

test('each language keeps to its list of terms', async () => {
  const AVOIDED = {
    en: /operating point|stranger\b/i,
    // "Faltung" is a convolution and no fold, "Studie" a trial and no examination.
    de: /Arbeitspunkt|Schwelle\b|Beiseitegelegt|Schichtbetrachter|Faltung(?!snetz)|Studie\b|unsicheren Bereich|positiv genannt|beurteil|keine Karten/,
    fr: /seuil de décision|point de fonctionnement|\bpli\b|zone incertaine|vues? de repérage|dites? (posi|néga)tive|\bjuge/i,
    es: /punto de corte|pliegue|banda de incertidumbre|zona incierta|llamad[oa]s? (posi|nega)tiv|\bcuentas para|\bvalora/i,
    zh: /切片|截断值|读取结果|按折|灵敏度|维护者|(其他|先前的|自带的|此)模型/,
  };
  for (const [code, locale] of Object.entries(locales)) {
    for (const [path] of leaves(locale)) for (const text of texts(locale, path)) assert.doesNotMatch(text, AVOIDED[code], `${code} ${path}`);
  }
  const terms = await read('www/locales/TERMS.md');
  for (const { name } of words.languages) assert.ok(terms.includes(name), name);
});

test('the language is the first wanted one that there is', () => {
  assert.equal(words.preferred(['pt-BR', 'de-AT', 'en']), 'de');
  assert.equal(words.preferred(['zh-Hant-TW']), 'zh');
  assert.equal(words.preferred(['', 'constructor', 'FR']), 'fr');
  assert.equal(words.preferred(['ja']), 'en');
  assert.equal(words.preferred([]), 'en');
  words.setLanguage('constructor');
  assert.equal(words.language(), 'en');
});

test('every text of index.html is a key, and is the English text', async () => {
  const html = (await read('www/index.html')).replace(/<svg.*?<\/svg>/gs, '');
  const keys = [];
  for (const [, key, text] of html.matchAll(/<[a-z0-9]+[^>]*\sdata-words="([^"]+)"[^>]*>([^<]*)</g)) {
    assert.equal(text, at(en, key), key);
    keys.push(key);
  }
  for (const [tag, key] of html.matchAll(/<[^>]*\sdata-words-aria-label="([^"]+)"[^>]*>/g)) {
    assert.equal(tag.match(/\saria-label="([^"]*)"/)[1], at(en, key), key);
    keys.push(key);
  }
  assert.ok(keys.length > 50, `only ${keys.length} keys were found`);
  for (const [tag] of html.matchAll(/<[^>]*\saria-label="[^>]*>/g)) assert.match(tag, /data-words-aria-label=/);

  // Nothing else is said in English alone but the name, the credit and the note that shows where no script runs.
  const body = html.slice(html.indexOf('<body>'))
    .replace(/<div class="failure unstarted".*?<\/div>/s, '')
    .replace(/(<[a-z0-9]+[^>]*\sdata-words="[^"]+"[^>]*>)[^<]*/g, '$1');
  const rest = body.replace(/<[^>]*>/g, '\n').split('\n').map((text) => text.trim()).filter((text) => /\w/.test(text));
  assert.deepEqual(rest, ['LungGlass', 'LIDC-IDRI (Armato et al. 2011),', 'CC BY 3.0']);
});

test('every refusal and error of the library is told, a refusal in its words', async () => {
  const gate = (await read('src/gate.rs')).replace(/\\\n\s*/g, '').split('#[cfg(test)]')[0];
  const errors = await read('src/error.rs');
  const refused = [...gate.matchAll(/(?:code: |\(\n\s*)"(\w+)"/g)].map(([, code]) => code);
  // Of another network the library alone knows what it reads.
  assert.deepEqual([...Object.keys(en.refusals), 'modality'].sort(), refused.sort());
  const failed = [...errors.matchAll(/Error::\w+(?:\(_\)| \{ \.\. \})? => "(\w+)"/g)].map(([, code]) => code);
  assert.deepEqual(Object.keys(en.errors).sort(), [...failed, 'crashed'].sort());

  const [, side] = (await read('model/model.toml')).match(/^least_side = (\d+)$/m);
  const [, choose] = (await read('model/model.toml')).match(/^choose = "(.+)"$/m);
  for (const told of Object.values(en.refusals)) {
    const text = typeof told === 'string' ? told : told({ modality: '{modality}', width: '{}', height: '{}' }).replace(`the lungs cannot be judged below ${side}`, '{} cannot be judged below {}');
    const said = text.replace(`Choose ${choose}.`, 'Choose {choose}.');
    assert.ok(gate.includes(said), `gate.rs says it otherwise: ${said}`);
  }
  for (const [code, { refusals }] of Object.entries(locales)) assert.ok(refusals.too_small({ width: 1, height: 2 }).includes(side), code);
});

test('every measure of the model has a name', async () => {
  const toml = await read('model/model.toml');
  const named = (name) => Object.hasOwn(en.measures, name) || Object.hasOwn(en.opacity, name);
  const missing = new Set();
  let section = '';
  for (const line of toml.split('\n')) {
    const [, heading] = line.match(/^\[(.+)\]$/) ?? [];
    if (heading) section = heading;
    if (!/^(training|metrics)\b/.test(section)) continue;
    const name = heading ? heading.split('.').slice(1) : line.match(/^(\w+) = /)?.slice(1) ?? [];
    for (const part of name) if (!named(part) && part !== 'ci95' && part !== 'seed') missing.add(part);
  }
  assert.deepEqual([...missing], []);
});

test('every measure that is named is one of the model, or one that training may write into it', async () => {
  const training = (await readdir(new URL('../../model/training/', import.meta.url))).filter((file) => file.endsWith('.py'));
  const sources = await Promise.all(['model/model.toml', ...training.map((file) => `model/training/${file}`)].map(read));
  const text = sources.join('\n');
  const written = new Set(text.match(/\w+/g));
  // Such as f"shortcut_{name}", with a name that stands in quotes elsewhere.
  const quoted = new Set([...text.matchAll(/"(\w+)"/g)].map(([, word]) => word));
  const composed = [...text.matchAll(/f"(\w*)\{[^{}"]*\}(\w*)"/g)].filter(([, before, after]) => `${before}${after}`.includes('_'));
  const isComposed = (name) => composed.some(([, before, after]) => name.startsWith(before) && name.endsWith(after)
    && quoted.has(name.slice(before.length, name.length - after.length)));
  assert.deepEqual(Object.keys(en.measures).filter((name) => !written.has(name) && !isComposed(name)), []);
});

test('a reason is told in the language of the page, an error with its English detail', () => {
  const refusal = (code, source = {}) => ({ refusal: { code, message: 'the library says so' }, error: null, source });
  const error = (code) => ({ refusal: null, error: { code, message: 'the PNG data cannot be read: early end' }, source: null });
  words.setLanguage('de');
  assert.deepEqual(reason(refusal('not_ct', { modality: 'MR' })), { text: others.de.refusals.not_ct({ modality: 'MR' }), detail: null });
  assert.deepEqual(reason(refusal('no_lungs')), { text: others.de.refusals.no_lungs, detail: null });
  assert.deepEqual(reason(refusal('not_ct', null)), { text: null, detail: 'The library says so.' });
  assert.deepEqual(reason(refusal('new')), { text: null, detail: 'The library says so.' });
  assert.deepEqual(reason(error('unreadable')), { text: others.de.errors.unreadable, detail: 'The PNG data cannot be read: early end.' });
  assert.deepEqual(reason(error('new')), { text: null, detail: 'The PNG data cannot be read: early end.' });
  assert.deepEqual(reason(error('crashed')), { text: others.de.errors.crashed, detail: null });
  words.setLanguage('en');
  assert.deepEqual(reason(error('unreadable')), { text: null, detail: 'The PNG data cannot be read: early end.' });
  assert.deepEqual(reason(error('crashed')), { text: en.errors.crashed, detail: null });
});
