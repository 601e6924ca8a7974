/** The words that the rules get wrong, and their stems. */
const irregular: ReadonlyMap<string, string> = new Map([
  ["sky", "sky"],
  ["skies", "sky"],
  ["dying", "die"],
  ["lying", "lie"],
  ["tying", "tie"],
  ["news", "news"],
  ["innings", "inning"],
  ["inning", "inning"],
  ["outings", "outing"],
  ["outing", "outing"],
  ["cannings", "canning"],
  ["canning", "canning"],
  ["howe", "howe"],
  ["proceed", "proceed"],
  ["exceed", "exceed"],
  ["succeed", "succeed"],
]);

/**
 * The stem of a lower-case word by the Porter algorithm (Porter, "An algorithm for suffix stripping",
 * Program 14.3, 1980) with the changes that NLTK's `PorterStemmer` makes by default, which
 * `rouge-score` uses.
 */
export function porterStem(word: string): string {
  const known = irregular.get(word);
  if (known !== undefined) return known;
  if (word.length <= 2) return word;
  return step5(applyFirst(applyFirst(step2(step1c(step1b(step1a(word)))), rules3), rules4));
}

/** A suffix, what replaces it, and the condition on what is left; the first suffix that fits decides. */
type Rule = readonly [suffix: string, replacement: string, when: (stem: string) => boolean];

function applyFirst(word: string, rules: readonly Rule[]): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix));
  if (rule === undefined) return word;
  const [suffix, replacement, when] = rule;
  const stem = word.slice(0, word.length - suffix.length);
  return when(stem) ? stem + replacement : word;
}

/** For each letter whether it is a consonant: no vowel, and no y after a consonant. */
function consonants(word: string): boolean[] {
  const flags: boolean[] = [];
  for (const letter of word) {
    flags.push(letter === "y" ? flags.at(-1) !== true : !"aeiou".includes(letter));
  }
  return flags;
}

/** The paper's m: how often a vowel is followed by a consonant. */
function measure(word: string): number {
  const flags = consonants(word);
  return flags.filter((consonant, i) => consonant && flags[i - 1] === false).length;
}

const always = () => true;
const m0 = (stem: string) => measure(stem) > 0;
const m1 = (stem: string) => measure(stem) > 1;

/** The paper's *o: consonant, vowel, consonant other than w, x, y; NLTK adds two-letter "vowel, consonant". */
function endsShort(word: string): boolean {
  const flags = consonants(word);
  const [third, second, last] = [flags.at(-3), flags.at(-2), flags.at(-1)];
  if (word.length === 2) return second === false && last === true;
  return third === true && second === false && last === true && !/[wxy]$/.test(word);
}

function step1a(word: string): string {
  if (word.length === 4 && word.endsWith("ies")) return word.slice(0, -1);
  return applyFirst(word, [
    ["sses", "ss", always],
    ["ies", "i", always],
    ["ss", "ss", always],
    ["s", "", always],
  ]);
}

function step1b(word: string): string {
  if (word.endsWith("ied")) return word.slice(0, word.length === 4 ? -1 : -2);
  if (word.endsWith("eed")) return applyFirst(word, [["eed", "ee", m0]]);
  const suffix = ["ed", "ing"].find((suffix) =>
    word.endsWith(suffix) && consonants(word.slice(0, -suffix.length)).includes(false)
  );
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (/(.)\1$/.test(stem) && consonants(stem).at(-1) === true) {
    return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  }
  return measure(stem) === 1 && endsShort(stem) ? `${stem}e` : stem;
}

function step1c(word: string): string {
  return applyFirst(word, [[
    "y",
    "i",
    (stem) => stem.length > 1 && consonants(stem).at(-1) === true,
  ]]);
}

function step2(word: string): string {
  if (word.endsWith("alli") && m0(word.slice(0, -4))) return step2(word.slice(0, -2));
  return applyFirst(word, rules2);
}

function step5(word: string): string {
  let stem = word;
  if (word.endsWith("e")) {
    const rest = word.slice(0, -1);
    const m = measure(rest);
    if (m > 1 || (m === 1 && !endsShort(rest))) stem = rest;
  }
  return stem.endsWith("ll") && m1(stem.slice(0, -1)) ? stem.slice(0, -1) : stem;
}

const rules2: readonly Rule[] = [
  ["ational", "ate", m0],
  ["tional", "tion", m0],
  ["enci", "ence", m0],
  ["anci", "ance", m0],
  ["izer", "ize", m0],
  ["bli", "ble", m0],
  ["alli", "al", m0],
  ["entli", "ent", m0],
  ["eli", "e", m0],
  ["ousli", "ous", m0],
  ["ization", "ize", m0],
  ["ation", "ate", m0],
  ["ator", "ate", m0],
  ["alism", "al", m0],
  ["iveness", "ive", m0],
  ["fulness", "ful", m0],
  ["ousness", "ous", m0],
  ["aliti", "al", m0],
  ["iviti", "ive", m0],
  ["biliti", "ble", m0],
  ["fulli", "ful", m0],
  // The l counts towards the stem, so that "geology" is treated as "philology" is.
  ["logi", "log", (stem) => m0(`${stem}l`)],
];

const rules3: readonly Rule[] = [
  ["icate", "ic", m0],
  ["ative", "", m0],
  ["alize", "al", m0],
  ["iciti", "ic", m0],
  ["ical", "ic", m0],
  ["ful", "", m0],
  ["ness", "", m0],
];

const rules4: readonly Rule[] = [
  ["al", "", m1],
  ["ance", "", m1],
  ["ence", "", m1],
  ["er", "", m1],
  ["ic", "", m1],
  ["able", "", m1],
  ["ible", "", m1],
  ["ant", "", m1],
  ["ement", "", m1],
  ["ment", "", m1],
  ["ent", "", m1],
  ["ion", "", (stem) => m1(stem) && /[st]$/.test(stem)],
  ["ou", "", m1],
  ["ism", "", m1],
  ["ate", "", m1],
  ["iti", "", m1],
  ["ous", "", m1],
  ["ive", "", m1],
  ["ize", "", m1],
];
