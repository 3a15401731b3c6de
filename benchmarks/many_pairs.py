"""How fast a file of pairs is explained, and what memory it takes, from 10^2 pairs upward.

Each file is explained in a process of its own; the memory is that of the process when a hundredth,
a tenth, half and all of the rows are done, and its greatest. What more pairs would take is computed
from the rate of the largest file, and labelled so. `--model tiny` is a random BERT of 2 layers and
64 features, with which whether memory grows is seen at 10^5 pairs in minutes. `--ids` explains
pairs of ids of an index beside the same pairs as texts.

    python benchmarks/many_pairs.py [--sizes 100 1000] [--computed 10000 100000] [--json FILE]
        [--model packaged|tiny] [--words 8 90] [--ids]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measuring

ITEMS = 400
PARTS = {"1%": 0.01, "10%": 0.1, "50%": 0.5, "100%": 1.0}


def open_explainer(name: str, device: str):
    """Return what explains: the packaged model, or a tiny one with random weights."""
    from whyalike import Explainer

    if name == "packaged":
        return Explainer("all-MiniLM-L6-v2", device=device)
    import torch
    from transformers import BertConfig, BertModel

    tokenizer = measuring.word_tokenizer(512)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
    )
    return Explainer((BertModel(config).eval(), tokenizer), device=device)


def explain(path: Path, out: Path, index: Path | None, asked) -> None:
    """In a process of its own: explain a file, and print what it took."""
    import torch

    from whyalike.batch.run import PairsRun
    from whyalike.batch.source import PairSource
    from whyalike.catalogue import CatalogueIndex

    if asked.threads:
        torch.set_num_threads(asked.threads)
    explainer = open_explainer(asked.model, asked.device)
    opened = None if index is None else CatalogueIndex.open(index, model=explainer)
    explainer.explain("warm gloves", "woollen mittens")
    memory: dict[str, float] = {}

    def watch(done: int, total: int) -> None:
        for name, part in PARTS.items():
            if done >= part * total:
                memory.setdefault(name, round(resident(), 1))

    before, used, began = resident(), time.process_time(), time.perf_counter()
    run = PairsRun(PairSource(path, ids="both" if opened else None), out)
    report = run.explain(explainer, index=opened, progress=watch)
    said = {
        "explained": report.explained,
        "clock_seconds": time.perf_counter() - began,
        "processor_seconds": time.process_time() - used,
        "memory before, MB": round(before, 1),
        "memory, MB": memory,
        "peak, MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1),
        "output, MB": round(out.stat().st_size / 1e6, 1),
    }
    print(json.dumps(said))


def resident() -> float:
    """Return the megabytes that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def in_a_process(asked, *own: object) -> dict[str, object]:
    """Explain a file in a process of its own, and return what it says."""
    more = ["--threads", str(asked.threads)] if asked.threads else []
    command = [
        *(sys.executable, __file__, "--explain", *map(str, own), *more),
        *("--device", asked.device, "--model", asked.model),
    ]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    one = json.loads(said.splitlines()[-1])
    for name in ("clock", "processor"):
        one[f"pairs a minute of the {name}"] = round(60 * one["explained"] / one[f"{name}_seconds"])
    return one


def write_lines(path: Path, rows) -> Path:
    """Write rows as JSON Lines."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def measure_texts(asked, folder: Path) -> dict[str, dict[str, object]]:
    """Files of texts, one of each size."""
    least, most = asked.words
    found: dict[str, dict[str, object]] = {}
    for size in asked.sizes:
        pairs = measuring.mixed_pairs(size, least=least, most=most, seed=size)
        rows = ({"left": left, "right": right} for left, right in pairs)
        path = write_lines(folder / f"{size}.jsonl", rows)
        one = found[f"{size:,}"] = in_a_process(asked, path, path.with_suffix(".out.jsonl"))
        print(f"{size:,} pairs: {json.dumps(one)}", flush=True)
        measuring.keep(asked.json, {"many_pairs": found})
    rate = asked.sizes[-1] / one["processor_seconds"]
    for size in asked.computed:
        minutes = round(size / rate / 60, 1)
        found[f"{size:,} (computed)"] = {"minutes of the processor": minutes}
        print(f"{size:,} pairs, computed: {minutes} minutes of the processor")
    return found


def measure_ids(asked, folder: Path) -> dict[str, dict[str, object]]:
    """Pairs of ids of an index beside the same pairs as texts, by turns."""
    from whyalike.catalogue import CatalogueIndex, Item

    least, most = asked.words
    texts = [t for pair in measuring.mixed_pairs(ITEMS // 2, least=least, most=most) for t in pair]
    items = [Item(f"i{n}", "", text) for n, text in enumerate(texts)]
    explainer = open_explainer(asked.model, asked.device)
    index = folder / "index"
    CatalogueIndex.build(items, index, model=explainer, fields=("description",))
    found: dict[str, dict[str, object]] = {}
    for size in asked.sizes:
        pairs = [(n % ITEMS, (n * 7 + n // ITEMS + 1) % ITEMS) for n in range(size)]
        by_ids = ({"left_id": f"i{a}", "right_id": f"i{b}"} for a, b in pairs)
        by_texts = ({"left": texts[a], "right": texts[b]} for a, b in pairs)
        given = {
            "ids": (write_lines(folder / f"ids{size}.jsonl", by_ids), index),
            "texts": (write_lines(folder / f"texts{size}.jsonl", by_texts),),
        }
        for what, (path, *more) in given.items():
            one = in_a_process(asked, path, path.with_suffix(".out.jsonl"), *more)
            found[f"{size:,} by {what}"] = one
            print(f"{size:,} by {what}: {json.dumps(one)}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--computed", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--model", choices=("packaged", "tiny"), default="packaged")
    parser.add_argument("--words", type=int, nargs=2, default=[8, 90], help="least and most")
    parser.add_argument("--ids", action="store_true", help="ids of an index, beside texts")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--explain", nargs="+", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.explain:
        path, out, *index = asked.explain
        explain(path, out, index[0] if index else None, asked)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure = measure_ids if asked.ids else measure_texts
        found = measure(asked, Path(folder))
    said = {"model": asked.model, "words": asked.words, "many_pairs": found}
    measuring.keep(asked.json, said)


if __name__ == "__main__":
    main()
