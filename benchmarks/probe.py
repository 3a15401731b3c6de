"""Rates of blind spots by rule on catalogues: python benchmarks/probe.py FILE.csv ..."""

import argparse
import csv
import random
from pathlib import Path

from whyalike import Explainer
from whyalike.evaluation import find_blind_spots

SHORTEST = 9


def read_descriptions(path: Path, count: int, seed: int) -> list[str]:
    with path.open(encoding="utf-8", newline="") as stream:
        texts = {row["description"] for row in csv.DictReader(stream)}
    long_enough = sorted(text for text in texts if len(text.split()) >= SHORTEST)
    return random.Random(seed).sample(long_enough, min(count, len(long_enough)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    explainer = Explainer(given.model)
    for file in given.files:
        texts = read_descriptions(file, given.count, given.seed)
        result = find_blind_spots(explainer, texts, explain=0, seed=given.seed)
        print(f"\n{file.stem}: {len(texts)} texts, {len(result.scores)} edits\n")
        print("| rule | edits | drop | closer | blind |")
        print("|---|---|---|---|---|")
        for rate in (*result.rates, result.overall):
            if rate is not None:
                print(
                    f"| {rate.rule} | {rate.edits} | {rate.drop.mean:.4f} | "
                    f"{rate.closer or 'harmless'} | {rate.blind or 'harmless'} |"
                )


if __name__ == "__main__":
    main()
