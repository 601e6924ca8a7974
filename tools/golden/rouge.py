"""Records ROUGE scores of the Python package rouge-score for packages/text.

    python3 -m venv VENV && VENV/bin/pip install rouge-score==0.1.2 nltk==3.10.4
    VENV/bin/python tools/golden/rouge.py packages/text/testdata/rouge.jsonl

The texts are made up here from a seed. The first line tells seed and versions. Each other line
keeps the f-measures of ROUGE-1, ROUGE-2 and ROUGE-L of one pair, without and with the Porter
stemmer; the last lines have several references.
"""

import importlib.metadata
import json
import random
import sys

from rouge_score.rouge_scorer import RougeScorer

SEED = 20240229
TYPES = ["rouge1", "rouge2", "rougeL"]

NOUNS = "baker sailor garden kettle bridge ferry notebook musician gallery harvest lantern station".split()
VERBS = "repaired admires carrying painted forgets describing relates connected studies tied hopping agreed".split()
MORE = "quickly happily relational conditional possibly formality sensible electricity hopefulness adjustable".split()
SMALL = "the a of and to in with for on by is was".split()
ENDS = [".", "!", "?", ",", " ...", ";", " -", "", ":", ")"]

# What the tokenizer has to get right: case, digits, punctuation, other scripts, nothing at all.
EDGES = [
    ("", ""),
    ("", "a word"),
    ("a word", ""),
    ("!!! ...", "?"),
    ("same words here", "same words here"),
    ("One", "one"),
    ("one two", "two one"),
    ("Don't stop, it's 5:30 p.m.", "dont stop its 530 pm"),
    ("e-mail e_mail email", "e mail email"),
    ("caf\u00e9 cr\u00e8me br\u00fbl\u00e9e", "cafe creme brulee"),
    ("\u0130stanbul \u212aelvin stra\u00dfe", "istanbul kelvin strasse"),
    ("\u041f\u0440\u0438\u0432\u0435\u0442 world", "world"),
    ("\u4f60\u597d hello \u4e16\u754c", "hello"),
    ("tabs\tand\nnew\r\nlines\u00a0too", "tabs and new lines too"),
    ("the the the the", "the the"),
    ("1,234.56 dollars", "1234.56 dollars"),
    ("skies dying news innings howe exceed", "sky die new inning how exceeds"),
    ("flies died tied lies yyyy syzygy", "fly die tie lie y syzygies"),
    ("\U0001f600 smile \U0001f600", "smiling"),
    ("a1b2 c3 2nd 3rd", "A1B2 C3 second third"),
]


def sentence(rng: random.Random, length: int) -> str:
    words = []
    for _ in range(length):
        word = rng.choice(rng.choice([NOUNS, VERBS, MORE, SMALL, SMALL]))
        if rng.random() < 0.15:
            word = word.capitalize()
        words.append(word + (rng.choice(ENDS) if rng.random() < 0.15 else ""))
    return " ".join(words)


def altered(rng: random.Random, text: str) -> str:
    """The text with words dropped, swapped and given other endings."""
    words = []
    for word in text.split(" "):
        chance = rng.random()
        if chance < 0.15:
            continue
        if chance < 0.25:
            word = rng.choice(NOUNS)
        elif chance < 0.4:
            word += rng.choice(["s", "ed", "ing", "ly", "ness", "er", "ation", "ies"])
        words.append(word)
    if len(words) > 3 and rng.random() < 0.4:
        i = rng.randrange(len(words) - 1)
        words[i], words[i + 1] = words[i + 1], words[i]
    return " ".join(words)


def scores(scorer: RougeScorer, references: list[str], prediction: str) -> list[float]:
    score = scorer.score_multi(references, prediction)
    return [float(score[kind].fmeasure) for kind in TYPES]


def main(path: str) -> None:
    rng = random.Random(SEED)
    cases = [([reference], prediction) for reference, prediction in EDGES]
    for i in range(250):
        reference = sentence(rng, rng.randint(1, 18))
        prediction = altered(rng, reference) if i % 5 else sentence(rng, rng.randint(1, 18))
        cases.append(([reference], prediction))
    for _ in range(30):
        prediction = sentence(rng, rng.randint(3, 12))
        cases.append(([altered(rng, prediction) for _ in range(3)], prediction))
    plain, stemmed = RougeScorer(TYPES), RougeScorer(TYPES, use_stemmer=True)
    versions = {name: importlib.metadata.version(name) for name in ("rouge-score", "nltk")}
    lines = [json.dumps({"seed": SEED, "versions": versions, "types": TYPES})]
    lines += [
        json.dumps({
            "references": references,
            "prediction": prediction,
            "plain": scores(plain, references, prediction),
            "stemmed": scores(stemmed, references, prediction),
        })
        for references, prediction in cases
    ]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
