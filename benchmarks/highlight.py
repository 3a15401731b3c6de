"""Which sentence answers: highlights against BM25, lone sentences, deletion and reading order.

    python benchmarks/highlight.py            # a table in Markdown, a few minutes on two cores

On the questions of WikiQA (Yang et al. 2015) that have an answer among the sentences of their
passage; the file is found through WHYALIKE_DATA and is no part of this repository. The form of the
scores was chosen by the questions of even number, with the figures of the odd ones in sight for the
first 110 forms or so: the odd half is no clean test.
"""

import argparse
import csv
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whyalike import BM25, Explainer
from whyalike.statistics import mean_interval

FILE = Path(os.environ.get("WHYALIKE_DATA", "../shared/data")) / "highlight" / "wikiqa-dev.tsv"


@dataclass(frozen=True)
class Question:
    """A question, its passage's sentences, and which of them answer."""

    text: str
    sentences: tuple[str, ...]
    answers: tuple[bool, ...]

    @property
    def passage(self) -> str:
        return " ".join(self.sentences)

    @property
    def spans(self) -> list[tuple[int, int]]:
        ends = np.cumsum([len(sentence) + 1 for sentence in self.sentences]) - 1
        return [(int(e) - len(s), int(e)) for s, e in zip(self.sentences, ends, strict=True)]


def read(path: Path) -> list[Question]:
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    by_question: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_question.setdefault(row["QuestionID"], []).append(row)
    return [
        Question(
            own[0]["Question"],
            tuple(row["Sentence"] for row in own),
            tuple(row["Label"] == "1" for row in own),
        )
        for own in by_question.values()
    ]


Score = Callable[[Question], Sequence[float]]


def by_order(question: Question) -> Sequence[float]:
    return [-float(place) for place in range(len(question.sentences))]


def by_bm25(question: Question) -> Sequence[float]:
    model = BM25(question.sentences)
    return model.score([(question.text, sentence) for sentence in question.sentences]).tolist()


def by_lone(explainer: Explainer) -> Score:
    def score(question: Question) -> Sequence[float]:
        pairs = [(question.text, sentence) for sentence in question.sentences]
        return explainer.model.score(pairs).tolist()

    return score


def by_deletion(explainer: Explainer) -> Score:
    def score(question: Question) -> Sequence[float]:
        kept = [
            " ".join(s for m, s in enumerate(question.sentences) if m != n)
            for n in range(len(question.sentences))
        ]
        if len(kept) == 1:
            return [0.0]
        pairs = [(question.text, text) for text in (question.passage, *kept)]
        whole, *without = explainer.model.score(pairs).tolist()
        return [whole - one for one in without]

    return score


def by_highlight(explainer: Explainer, *, lead: bool = False) -> Score:
    def score(question: Question) -> Sequence[float]:
        found = explainer.highlight(
            question.text, question.passage, sentences=question.spans, lead=lead
        )
        return [sentence.score for sentence in found.sentences]

    return score


def measure(questions: Sequence[Question], score: Score) -> tuple[np.ndarray, np.ndarray]:
    """Return the average precision and the reciprocal rank of each question."""
    precision, reciprocal = [], []
    for question in questions:
        order = np.argsort(-np.array(score(question)), kind="stable")
        ranks = np.flatnonzero(np.array(question.answers)[order]) + 1
        precision.append(np.mean([n / rank for n, rank in enumerate(ranks, start=1)]))
        reciprocal.append(1 / ranks[0])
    return np.array(precision), np.array(reciprocal)


def interval(values: np.ndarray) -> str:
    return str(mean_interval(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--file", type=Path, default=FILE)
    given = parser.parse_args()
    questions = read(given.file)
    explainer = Explainer(given.model)
    ways: dict[str, tuple[str, Score]] = {
        "document order": ("0", by_order),
        "BM25 over the sentences": ("0", by_bm25),
        "cosine of query and lone sentence": ("S", by_lone(explainer)),
        "deletion of the sentence": ("S + 1", by_deletion(explainer)),
        "`highlight`": ("1", by_highlight(explainer)),
        "`highlight(lead=True)`": ("1", by_highlight(explainer, lead=True)),
    }
    odd = np.arange(len(questions)) % 2 == 1
    found = {name: measure(questions, score) for name, (_, score) in ways.items()}
    print(f"{len(questions)} questions, {given.model}. 95 % bootstrap intervals.\n")
    print("| | passes | MAP, odd | MRR, odd | MAP, all | MRR, all |\n|---|---|---|---|---|---|")
    for name, (precision, reciprocal) in found.items():
        cells = [interval(v[w]) for w in (odd, ...) for v in (precision, reciprocal)]
        print(f"| {name} | {ways[name][0]} | {' | '.join(cells)} |")
    for ours in ("`highlight`", "`highlight(lead=True)`"):
        print(f"\nMAP of {ours} less that of the others, of the same questions:\n")
        print("| | even | odd | all |\n|---|---|---|---|")
        for name in list(ways)[:4]:
            gain = found[ours][0] - found[name][0]
            print(f"| {name} | {' | '.join(interval(gain[w]) for w in (~odd, odd, ...))} |")


if __name__ == "__main__":
    main()
