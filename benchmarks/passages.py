"""How long ranking takes, in time and memory: queries with ten long passages each.

Passages are the sections of Markdown files, of 150 to 900 words, from any folder of documentation;
a query is the heading of one, and its passages are that section without the heading and its
neighbours in the same file, which are about the same things. Run:

    python benchmarks/passages.py /usr/share/doc/nodejs/api
"""

import argparse
import json
import re
import resource
import time
from pathlib import Path

from whyalike import Explainer

HEADING = re.compile(r"^#{1,5} +(.+)$", re.MULTILINE)
FEWEST, MOST = 150, 900


def sections(folder: Path) -> list[list[tuple[str, str]]]:
    """Return by file its sections (heading, text) of a fitting length, one of a heading."""
    found = []
    for path in sorted(folder.rglob("*.md")):
        text = path.read_text(errors="replace")
        heads = list(HEADING.finditer(text))
        ends = [*(head.start() for head in heads[1:]), len(text)][: len(heads)]
        own = {}
        for head, end in zip(heads, ends, strict=True):
            body = text[head.end() : end].strip()
            if FEWEST <= len(body.split()) <= MOST:
                own.setdefault(re.sub(r"[`#*_\[\]]", " ", head[1]).strip(), body)
        found.append(list(own.items()))
    return found


def questions(folder: Path, count: int, passages: int) -> list[tuple[str, list[str], int]]:
    """Return queries, each with its passages and which of them is right: some of every file."""
    files = [own for own in sections(folder) if len(own) >= passages]
    found: list[tuple[str, list[str], int]] = []
    turn = 0
    while files and len(found) < count and turn < count:
        for own in files:
            place = (7 * turn + 3) % len(own)
            start = min(max(0, place - passages // 2), len(own) - passages)
            some = own[start : start + passages]
            if len(found) < count:
                found.append((own[place][0], [text for _, text in some], place - start))
        turn += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--queries", type=int, default=30)
    parser.add_argument("--passages", type=int, default=10)
    parser.add_argument("--sizes", default="64,128,256,whole")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    asked = questions(args.folder, args.queries, args.passages)
    explainer = Explainer(args.model)
    explainer.rank("a warm glove", ["gloves", "hands"])  # The first pass takes longer.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    words = [len(text.split()) for _, texts, _ in asked for text in texts]
    result = {
        "queries": len(asked),
        "passages": len(words),
        "words": {"least": min(words), "mean": sum(words) / len(words), "most": max(words)},
        "seconds": {},
        "processor_seconds": {},
    }
    ways = {
        "score": {"explain": 0},
        "words": {"sentences": False},
        "words and sentences": {},
    }
    for name, how in ways.items():
        start, used = time.perf_counter(), time.process_time()
        found = [explainer.rank(query, texts, **how) for query, texts, _ in asked]
        result["seconds"][name] = round(time.perf_counter() - start, 1)
        result["processor_seconds"][name] = round(time.process_time() - used, 1)
        print(name, result["seconds"][name], result["processor_seconds"][name], flush=True)
    sizes = [name if name == "whole" else int(name) for name in args.sizes.split(",")]
    first = {}
    start, used = time.perf_counter(), time.process_time()
    for query, texts, right in asked:
        one = explainer.rank(query, texts, right=str(right + 1), sizes=sizes, explain=0)
        for size in one.sizes:
            first[size.name] = first.get(size.name, 0) + (size.rank == 1)
    result["seconds"]["sizes"] = round(time.perf_counter() - start, 1)
    result["processor_seconds"]["sizes"] = round(time.process_time() - used, 1)
    result["right first, by size"] = first
    result["memory, MiB"] = {
        "before": round(before),
        "most": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    result["page, KiB"] = round(len(found[0].to_html()) / 1024)
    said = json.dumps(result, indent=2)
    print(said)
    if args.out is not None:
        args.out.write_text(said + "\n")


if __name__ == "__main__":
    main()
