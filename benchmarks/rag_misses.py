"""Causes of misses, and what remedies turn, on a folder of real documentation.

    apt-get download git-doc && dpkg-deb -x git-doc_*.deb gitdoc
    python benchmarks/rag_misses.py gitdoc/usr/share/doc/git/html --only "$ONLY"

The figures in docs/results.md are with ONLY='^(git(faq|tutorial|everyday|ignore|attributes|hooks|
submodules|credentials|mailmap|namespaces)|user-manual|git-(stash|rebase|bisect|worktree|blame|
sparse-checkout|filter-branch|tag|push|notes|rerere|bundle|archive|send-email|shell|maintenance))\\.txt',
written on one line.

Texts are cut into sections at their headings: Markdown's, reStructuredText's, AsciiDoc's.
Queries are ours, in rag_misses.jsonl, each with the file and heading of a section that answers it.
"""

import argparse
import json
import re
import time
from collections import Counter
from pathlib import Path

import numpy as np

from whyalike import Item
from whyalike.diagnosing import LabelledQuery, diagnose

QUERIES = Path(__file__).with_name("rag_misses.jsonl")
UNDERLINE = re.compile(r"^([=\-~^+*\"'#])\1{2,}\s*$")
HEADINGS = {".md": re.compile(r"^(#{1,4}) +(\S.*)$"), ".txt": re.compile(r"^(={2,4}) +(\S.*)$")}
WORDS = (60, 900)
FILES = (".md", ".rst", ".txt")


def sections(text, *, kind):
    """Yield (heading, body) of a text; what stands before the first heading has none."""
    lines, heading, body = text.splitlines(), "", []
    for number, line in enumerate(lines):
        after = lines[number + 1] if number + 1 < len(lines) else ""
        underlined = UNDERLINE.match(after) and abs(len(after.rstrip()) - len(line.rstrip())) <= 2
        found = HEADINGS[kind].match(line) if kind in HEADINGS else None
        if found or (underlined and line.strip()):
            yield heading, "\n".join(body)
            heading, body = (found[2] if found else line).strip(), []
        elif not (body == [] and UNDERLINE.match(line)):
            body.append(line)
    yield heading, "\n".join(body)


def read_folder(folder, *, only=None):
    """Return items: sections of 60 to 900 words, called file#heading."""
    items, seen = [], Counter()
    for path in sorted(p for p in Path(folder).rglob("*") if p.suffix in FILES):
        if only and not re.search(only, path.name):
            continue
        for heading, body in sections(
            path.read_text(encoding="utf-8", errors="replace"), kind=path.suffix
        ):
            if WORDS[0] <= len(body.split()) <= WORDS[1]:
                id = f"{path.stem}#{heading}"
                seen[id] += 1
                id = id if seen[id] == 1 else f"{id} ({seen[id]})"
                items.append(Item(id, f"{path.stem}: {heading}", body.strip()))
    return items


def keep_vectors(model):
    """Let a model embed each text once, whatever k it is diagnosed at."""
    embed, kept = model.embed, {}

    def embed_once(texts, *, prompt="", long_text="truncate"):
        new = [text for text in dict.fromkeys(texts) if (prompt, text) not in kept]
        if new:
            rows = embed(new, prompt=prompt, long_text=long_text)
            kept.update(((prompt, text), row) for text, row in zip(new, rows, strict=True))
        return np.array([kept[prompt, text] for text in texts])

    model.embed = embed_once


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--only", help="a regular expression for names of files")
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--k", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--queries", type=Path, default=QUERIES)
    parser.add_argument("--out", help="where to write a page for each k: FOLDER/diagnosis-K.html")
    parser.add_argument("--list", action="store_true", help="list the sections, and do nothing")
    arguments = parser.parse_args()
    items = read_folder(arguments.folder, only=arguments.only)
    if arguments.list:
        for item in items:
            print(len(item.description.split()), item.id)
        return
    lines = arguments.queries.read_text(encoding="utf-8").splitlines()
    queries = [
        LabelledQuery(str(n), one["query"], tuple(one["right"]))
        for n, one in enumerate(map(json.loads, lines), start=1)
    ]
    lengths = sorted(len(item.description.split()) for item in items)
    print(f"{len(items)} sections, {lengths[len(items) // 2]} words in the median")
    from whyalike import Explainer

    explainer = Explainer(arguments.model)
    keep_vectors(explainer.model)
    for k in arguments.k:
        start = time.perf_counter()
        found = diagnose(queries, passages=items, model=explainer, k=k, chunks=(64, 128))
        print(
            f"\nk = {k}: {len(found.misses)} of {found.queries} missed, "
            f"{time.perf_counter() - start:.0f} s, {found.measures}"
        )
        for cause, count in found.counts.items():
            print(f"  {cause}: {count}")
        print(f"  turned by a remedy that the cause suggests: {found.suggested_turn}")
        for each in found.remedies:
            print(
                f"  {each.name}: turns {len(each.turned)} {found.turned_by(each)}, loses "
                f"{len(each.lost)}, {each.measures}"
            )
        for miss in found.misses:
            evidence = miss.evidence
            print(
                f"    {miss.item.rank:4} {miss.cause:11} {miss.query[:50]!r} -> {miss.item.id}"
                f" (first: {miss.rival.id}) {evidence and (evidence.words or evidence.rank)}"
                f" also {miss.also}"
            )
        for note in (*found.notes, *found.skipped):
            print("  !", note)
        if arguments.out:
            out = Path(arguments.out)
            out.mkdir(parents=True, exist_ok=True)
            (out / f"diagnosis-{k}.html").write_text(found.to_html(), encoding="utf-8")
            (out / f"diagnosis-{k}.json").write_text(found.to_json(indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
