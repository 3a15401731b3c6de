"""Whether found differences are those that people marked (Span Similarity Dataset), and the floors.

Needs the data in the folder named by WHYALIKE_DATA (default ../shared/data). Thresholds were chosen
on the even lines (0, 2, …); the odd ones are the clean half.

Run with: python benchmarks/differences.py [--thesaurus /usr/share/wordnet]
"""

import argparse
import os
import time
from difflib import SequenceMatcher
from pathlib import Path

from whyalike import Explainer, Thesaurus
from whyalike.evaluation.dissimilar import contrary_spans, measure_spans, read_marked
from whyalike.texts import find_words, is_mark

DATA = Path(os.environ.get("WHYALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))


def other_spelling(left, right):
    """Every run of words that the other text has not, in its order."""
    texts = left, right
    words = [[s for s in find_words(text) if not is_mark(text[slice(*s)])] for text in texts]
    forms = [
        [text[slice(*s)].casefold() for s in own] for text, own in zip(texts, words, strict=True)
    ]
    places = SequenceMatcher(None, *forms, autojunk=False).get_opcodes()
    places = [place for place in places if place[0] != "equal"]
    return (
        [(words[0][i][0], words[0][j - 1][1]) for _, i, j, _, _ in places if i < j],
        [(words[1][k][0], words[1][m - 1][1]) for _, _, _, k, m in places if k < m],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--thesaurus", help="a folder of WordNet's files, for a row more")
    asked = parser.parse_args()
    pairs, skipped = read_marked(DATA / "dissimilar" / "ssd-dev.tsv")
    print(f"{len(pairs)} pairs, {len(skipped)} lines left out\n")
    explainer = Explainer(asked.model)
    finders = {"nothing": lambda *_: ([], []), "every other spelling": other_spelling}
    known = {"ours": Thesaurus.builtin()}
    if asked.thesaurus:
        known["ours, with WordNet"] = Thesaurus.read(asked.thesaurus)

    def ours(thesaurus):
        return lambda left, right: contrary_spans(
            explainer.differences(left, right, thesaurus=thesaurus, check=False)
        )

    finders |= {name: ours(thesaurus) for name, thesaurus in known.items()}
    print("| | all | even | odd | odd, nothing to find | odd, something | CPU ms a pair |")
    print("|---|---|---|---|---|---|---|")
    for name, find in finders.items():
        began = time.process_time()
        halves = [measure_spans(pairs[half::2], find) for half in (0, 1)]
        spent = 1000 * (time.process_time() - began) / len(pairs)
        counts = [len(pairs[half::2]) for half in (0, 1)]
        overall = sum(h.overall * n for h, n in zip(halves, counts, strict=True)) / sum(counts)
        figures = overall, halves[0].overall, *halves[1]
        print(f"| {name} | {' | '.join(f'{one:.3f}' for one in figures)} | {spent:.0f} |")


if __name__ == "__main__":
    main()
