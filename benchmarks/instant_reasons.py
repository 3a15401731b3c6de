"""Reasons from stored vectors: what they cost, how exact they are, and how fast.

``formats``: of some items of two catalogues, each with its ten nearest, how far contributions from
stored vectors are off those of the model's passes, how many selected pairs change, what an item
takes of the disk and of time, and what ten hits take. CPU times on one thread, interleaved.
``audit``: an index of many items whose vectors and reasons are drawn at random over real texts, so
that only reading, explaining and counting are measured; see ``audit`` in whyalike.diagnosing.

Needs catalogues in the folder named by WHYALIKE_DATA (default ../shared/data).
Run with: python benchmarks/instant_reasons.py formats [items per catalogue]
          python benchmarks/instant_reasons.py audit [items] [pairs to explain]
"""

import os
import random
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

DATA = Path(os.environ.get("WHYALIKE_DATA", "../shared/data"))
NEIGHBOURS = 10


def draw_items(name, count):
    """Return some of a catalogue's items, always the same."""
    from whyalike.catalogue import Catalogue

    items = list(Catalogue.read(DATA / "catalogues" / f"{name}.csv"))
    return random.Random(7).sample(items, min(count, len(items)))


def cpu(function):
    """Return what a function returns, and the CPU time that it took."""
    start = time.process_time()
    found = function()
    return found, time.process_time() - start


def by_basis(explainer, text):
    """Return the time of as many backward passes as a vector has components, for one text.

    It is the other way to slopes: vector-Jacobian products on a basis of the embedding, from the
    vector down to the upper half of the layers.
    """
    import torch

    from whyalike.methods.word_derivatives import _RowsPass
    from whyalike.readings import read_texts

    prepared = read_texts(explainer.model, [text], prompt="", options=explainer.options)[0].prepared
    with explainer.model.held() as own:
        rows = _RowsPass(explainer.model, own, [(0, prepared.tokens.rows[0])], [prepared])
        at = [each.detach().requires_grad_() for each in (rows.of_state * 0, rows.of_last * 0)]
        logs = rows._presence().log_weights

        def backward():
            with torch.enable_grad():
                _, raw = rows._ends(at[0], logs, at[1])
                basis = torch.eye(raw.shape[1])[:, None, :]
                return torch.autograd.grad(
                    raw, [*at, logs], grad_outputs=basis, is_grads_batched=True
                )

        return cpu(backward)[1]


def formats(count):
    import torch

    from whyalike import Explainer

    torch.set_num_threads(1)
    explainer = Explainer("all-MiniLM-L6-v2")
    for name in ("wine", "fashion"):
        with tempfile.TemporaryDirectory() as folder:
            of_catalogue(name, draw_items(name, count), explainer, Path(folder))


def of_catalogue(name, items, explainer, folder):
    """Measure one catalogue."""
    from whyalike.catalogue import CatalogueIndex, building
    from whyalike.catalogue.hit_reasons import PairReasons
    from whyalike.stored_reasons import NUMBERS

    plain, plain_cpu = cpu(lambda: CatalogueIndex.build(items, folder / "plain", model=explainer))
    texts = plain.texts()
    forward = min(cpu(lambda: explainer.model.embed(texts))[1] for _ in range(3)) / len(texts)
    # Every format stores the same numbers: they are derived once.
    known, derive = {}, building.derive

    def once(explainer, some, **settings):
        new = [text for text in some if text not in known]
        known.update(zip(new, derive(explainer, new, **settings), strict=True))
        return [known[text] for text in some]

    building.derive = once
    built, build_cpu = {}, {}
    for numbers in reversed(NUMBERS):
        built[numbers], build_cpu[numbers] = cpu(
            lambda numbers=numbers: CatalogueIndex.build(
                items, folder / numbers, model=explainer, explainable=numbers
            )
        )
    building.derive = derive
    first = build_cpu["float32"]
    words = [len(one.matchable) for one in known.values()]
    typical = sorted(texts, key=len)[len(texts) // 2]
    basis = min(by_basis(explainer, typical) for _ in range(2))
    along = min(cpu(lambda: derive_one(explainer, typical))[1] for _ in range(2))
    alone = min(cpu(lambda: explainer.model.embed([typical]))[1] for _ in range(3))
    print(
        f"\n{name}: {len(items)} items of {statistics.mean(words):.0f} words (marks included); a "
        f"forward pass {1000 * forward:.1f} ms, the plain index "
        f"{1000 * plain_cpu / len(items):.1f} ms an item, with reasons "
        f"{1000 * first / len(items):.0f} ms: {first / len(items) / forward:.0f} forwards, "
        f"{first / plain_cpu:.0f} times the plain index. The text of median length alone: "
        f"{along / alone:.0f} forwards along its words, {basis / alone:.0f} by backward passes on "
        "a basis of its vector.",
        flush=True,
    )
    vectors = explainer.model.embed(texts)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -1)
    near = [np.argsort(-row)[:NEIGHBOURS].tolist() for row in scores]
    pairs = list(dict.fromkeys((a, b) for a, own in enumerate(near) for b in own))
    between = explainer.between_documents().with_method("whyalike")
    own = list(between.explain_many((texts[a], texts[b]) for a, b in pairs))
    for numbers, index in built.items():
        files = index.reader.manifest.segments[0].files.items()
        size = sum(note.size for file, note in files if ".words." in file)
        explain = PairReasons(index.reader, index.stored_options())
        found = [explain(a, b) for a, b in pairs]
        report(numbers, own, found, size=size, words=sum(words), items=len(items))
    hits_of(built["int8"])


def derive_one(explainer, text):
    from whyalike.catalogue.reasons import derive

    return derive(explainer, [text], prompt="", long_text="truncate")


def report(numbers, own, found, *, size, words, items):
    """Print how far the contributions of a format are off, and how many selected pairs change."""
    off, sizes, changed, selected, texts = [], [], 0, 0, 0
    for one, other in zip(own, found, strict=True):
        for side in ("left", "right"):
            for a, b in zip(getattr(one, side).words, getattr(other, side).words, strict=True):
                off.append(abs(a.contribution - b.contribution))
                sizes.append(abs(a.contribution))
        first, second = ({(p.left, p.right) for p in each.pairs} for each in (one, other))
        changed += len(first - second)
        selected += len(first)
        texts += first != second
    off, sizes = np.array(off), np.array(sizes)
    relative = off / np.maximum(sizes, 1e-9)
    print(
        f"  {numbers}: {size / words:.0f} bytes a word, {size / items / 1000:.1f} kB an item; "
        f"contributions off by {np.median(off):.1e} (median), {off.max():.1e} (most); as a part of "
        f"themselves {np.median(relative):.2%} (median), of those above .01 "
        f"{relative[sizes > 0.01].max():.1%} (most); selected pairs changed {changed} of "
        f"{selected} ({changed / selected:.2%}), in {texts} of {len(own)} explanations",
        flush=True,
    )


def forget(index):
    """Drop what is kept in memory of texts that were explained before."""
    from whyalike import selection, stop_words

    index.reader._kept_text.cache_clear()
    for kept in (stop_words._counts, stop_words._found, selection._marks_of):
        kept.cache_clear()


def hits_of(index):
    """Print what ten hits take, from what is stored and by passes of the model, in turn.

    Each way to stored reasons twice: of items that were never met, and of the same again.
    """
    from whyalike.catalogue import explain_hits

    ids = [item.id for item in index.reader.stores[0].items(0, min(12, len(index)))]
    times = {"first": [], "again": [], "passes": [], "text": []}
    walls = {"first": [], "again": [], "passes": []}

    def take(which, hits, **settings):
        start = time.perf_counter()
        times[which].append(cpu(lambda: explain_hits(hits, **settings))[1])
        walls[which].append(time.perf_counter() - start)

    explain_hits(index.similar(id=ids[0], k=NEIGHBOURS))
    for id_ in ids:
        hits = index.similar(id=id_, k=NEIGHBOURS)
        for _ in range(3):
            forget(index)
            take("first", hits)
            take("again", hits)
        for _ in range(3):
            take("passes", hits, stored=False)
    for query in ("a light red for fish", "warm gloves for the winter", "soft and easy to wear"):
        hits = index.similar(query, k=NEIGHBOURS)
        times["text"].append(cpu(lambda hits=hits: explain_hits(hits))[1])
    print("  ten hits, medians of CPU time (and of wall time; least CPU time):")
    for which, said in (
        ("first", "stored, items never met"),
        ("again", "stored, the same items again"),
        ("passes", "by passes of the model"),
    ):
        ratios = zip(times["passes"], times[which], strict=True)
        print(
            f"    {said} {1000 * statistics.median(times[which]):.2f} ms "
            f"({1000 * statistics.median(walls[which]):.2f}; {1000 * min(times[which]):.2f}), "
            f"{statistics.median(slow / one for slow, one in ratios):.0f} times as fast as passes"
        )
    print(
        "    a query of six words that is no item "
        f"{1000 * statistics.median(times['text']):.0f} ms",
        flush=True,
    )


def audit(count, explained):
    from whyalike import Explainer
    from whyalike.catalogue import Catalogue, CatalogueIndex, building, embedding
    from whyalike.diagnosing import audit as audit_index
    from whyalike.stored_reasons import TextReasons
    from whyalike.texts import find_words

    explainer = Explainer("all-MiniLM-L6-v2")
    wines = list(Catalogue.read(DATA / "catalogues" / "wine.csv"))
    items = [
        replace(wines[n % len(wines)], id=f"i{n}", title=f"{wines[n % len(wines)].title} {n}")
        for n in range(count)
    ]
    draw = np.random.default_rng(1)
    centers = draw.normal(size=(max(2, count // 50), 384))
    vectors = centers[draw.integers(len(centers), size=count)] + draw.normal(size=(count, 384))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    slopes, latent = draw.normal(size=(400, 384)) / 100, draw.normal(size=(400, 384))

    def drawn(_explainer, texts, **_settings):
        found = []
        for text in texts:
            words = min(len(find_words(text)), 400)
            start = int(draw.integers(401 - words))
            rows = slice(start, start + words)
            found.append(TextReasons(slopes[rows], latent[rows], np.ones(words, dtype=np.bool_)))
        return found

    building.derive, embedding.EXPLAINED_AT_ONCE = drawn, 2048
    building.check_given = lambda *_given, **_named: None
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        index = CatalogueIndex.build(
            items, f"{folder}/index", model=explainer, vectors=vectors, explainable="int8"
        )
        print(f"{count:,} items, {index.info()['bytes'] / 1e9:.2f} GB")
        began = {}

        def tell(what, done, total):
            now = time.perf_counter(), time.process_time()
            first = began.setdefault(what, now)
            if done == total:
                wall, used = (b - a for a, b in zip(first, now, strict=True))
                print(f"  {what}: {total:,} in {wall:.0f} s, {used:.0f} s of CPU", flush=True)

        start = time.perf_counter()
        found = audit_index(
            index, sample=count, explain=explained, neighbours=10, pairs="all", progress=tell
        )
        print(f"  in all {time.perf_counter() - start:.0f} s; {found.notes}")


if __name__ == "__main__":
    what, *numbers = sys.argv[1:] or ["formats"]
    given = list(islice(map(int, numbers), 2))
    if what == "formats":
        formats(*(given or [60]))
    else:
        audit(*(given or [120_000]), *([] if len(given) > 1 else [100_000]))
