"""What the selected pairs are: stop words, a catalogue's boilerplate, what deleting them takes.

    python benchmarks/selected_pairs.py [CATALOGUE.csv] [SEED] [PAIRS]

Texts of a catalogue with their nearest, as ``whyalike study`` draws them. For each way of selecting
pairs: how many are shown, how many have a stop word or a mark on a side, how many a word of the
catalogue's top 1 % of document frequency, by how much the cosine falls without a pair's two words,
and how many pairs raise it. Stop words are those of bm25s' longer English list, NLTK's.
"""

import sys
from collections import Counter
from pathlib import Path
from statistics import mean

from bm25s.stopwords import STOPWORDS_EN_PLUS

from whyalike import BTIOptions, Explainer, Explanation
from whyalike.cli.listings import read_texts_of
from whyalike.deletions import text_with
from whyalike.models.scorer import scores_of
from whyalike.nearest_pairs import nearest_pairs
from whyalike.texts import is_mark, word_forms

TOP = 0.01
WAYS = (
    ("bti, its own (Algorithm 1)", "bti", {}, 0, False),
    ("whyalike, Algorithm 1 (before)", "whyalike", {"selection": "clusters"}, 0, False),
    ("whyalike, content first", "whyalike", {}, 0, False),
    ("whyalike, content first, checked", "whyalike", {}, 3, False),
    ("whyalike, content first, background", "whyalike", {}, 0, True),
    ("whyalike, the same, checked", "whyalike", {}, 3, True),
)


def boilerplate(texts: list[str]) -> frozenset[str]:
    counts = Counter(word for text in texts for word in set(word_forms(text)))
    return frozenset(word for word, _ in counts.most_common(round(TOP * len(counts))))


def words_of(explanation: Explanation) -> list[tuple[str, str]]:
    left, right = explanation.left.words, explanation.right.words
    return [(left[p.left].text, right[p.right].text) for p in explanation.pairs]


def falls(explainer: Explainer, explanation: Explanation) -> list[float]:
    sides = explanation.left, explanation.right
    without = [
        tuple(
            text_with(side, [n != gone for n in range(len(side.words))])
            for side, gone in zip(sides, (pair.left, pair.right), strict=True)
        )
        for pair in explanation.pairs
    ]
    scores = scores_of(explainer.model, without, prompts=explainer.prompts) if without else []
    return [explanation.similarity - score for score in scores]


def main(path: Path, seed: int, count: int) -> None:
    texts = read_texts_of(path, column=None, strict=False)
    common = boilerplate(texts)
    content = sorted(common - set(STOPWORDS_EN_PLUS))
    explainer = Explainer().between_documents()
    pairs = nearest_pairs(texts, explainer.model, count=count, seed=seed)
    print(f"{path.stem}, seed {seed}, {len(pairs)} pairs; top 1 % of document frequency:")
    print(f"{len(common)} words, {len(content)} no stop words: {', '.join(content)}\n")
    print(
        "| pairs of | shown | stop word or mark | boilerplate | beside stop words | fall | raise |"
    )
    print("|---|---|---|---|---|---|---|")
    by_background = explainer.with_background(texts)
    for name, method, options, check, has_background in WAYS:
        one = by_background if has_background else explainer
        one = one.with_method(method)
        one.options = BTIOptions(**options)
        found = list(one.explain_many(pairs, check=check))
        shown = [pair for each in found for pair in words_of(each)]
        fell = [fall for each in found for fall in falls(one, each)]

        def share(kind: object, of: list[tuple[str, str]] = shown) -> str:
            return f"{mean(any(map(kind, pair)) for pair in of):.0%}"

        def is_stop(word: str) -> bool:
            return is_mark(word) or word.lower() in STOPWORDS_EN_PLUS

        cells = [
            f"{len(shown) / len(found):.1f}",
            share(is_stop),
            share(lambda word: word.lower() in common),
            share(lambda word: word.lower() in content),
            f"{mean(fell):.3f}",
            f"{mean(fall <= 0 for fall in fell):.0%}",
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        Path(given[0] if given else "../shared/data/catalogues/fashion.csv"),
        int(given[1]) if len(given) > 1 else 11,
        int(given[2]) if len(given) > 2 else 24,
    )
