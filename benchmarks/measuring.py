"""What the benchmarks of cost share: taking turns, ratios, texts, the machine, results as JSON.

The machine may be busy, and its speed may change within a run. So what is compared is timed in turn
in one process, in another order each round; the figure is the median of the ratios of neighbours;
and the processor's time stands beside the clock's, as only the clock's grows with other work.
"""

import csv
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "src/whyalike/catalogue/examples"

MISSED = 3
"""The exit code of a benchmark that ran well, and whose figure is not what it asks for."""

Run = Callable[[], object]
Timed = list[dict[str, tuple[float, float]]]
"""By round, and in it by name: seconds of the processor and of the clock."""


def take_turns(runs: Mapping[str, Run], rounds: int, *, warm: int = 1, every: int = 1) -> Timed:
    """Time runs in turn; the first ``warm`` rounds do not count.

    A run may return the seconds (processor, clock) itself, as one in another process does.
    """
    timed: Timed = []
    names = list(runs)
    for round_ in range(warm + rounds):
        found: dict[str, tuple[float, float]] = {}
        # Who goes second may find caches warm or a core taken: they take turns at that.
        start = round_ % len(names)
        for name in names[start:] + names[:start]:
            found[name] = once(runs[name], every)
        if round_ >= warm:
            timed.append({name: found[name] for name in names})
    return timed


def once(run: Run, times: int = 1) -> tuple[float, float]:
    """Return the seconds of the processor and of the clock that a run takes."""
    used, began = time.process_time(), time.perf_counter()
    for _ in range(times):
        said = run()
    if isinstance(said, tuple) and len(said) == 2 and all(isinstance(s, float) for s in said):
        return said
    wait_for_device()
    return (time.process_time() - used) / times, (time.perf_counter() - began) / times


def wait_for_device() -> None:
    """Wait for what a GPU still has to do; on a processor there is nothing to wait for."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def summary(timed: Timed, *, by: str) -> dict[str, dict[str, float]]:
    """Return, by name, the medians of seconds, and of the ratios to the run ``by``."""
    return {
        name: {
            "processor_seconds": _median(one[name][0] for one in timed),
            "clock_seconds": _median(one[name][1] for one in timed),
            "processor_ratio": _median(_part(one[name][0], one[by][0]) for one in timed),
            "clock_ratio": _median(_part(one[name][1], one[by][1]) for one in timed),
            "least_ratio": min(_part(one[name][0], one[by][0]) for one in timed),
            "greatest_ratio": max(_part(one[name][0], one[by][0]) for one in timed),
            "rounds": len(timed),
        }
        for name in timed[0]
    }


def _median(values) -> float:
    return float(f"{statistics.median(values):.4g}")


def _part(one: float, whole: float) -> float:
    return float(f"{one / whole:.4g}") if whole else float("nan")


def say(title: str, found: Mapping[str, Mapping[str, float]]) -> None:
    """Print a summary as a table."""
    print(f"\n{title}\n{'':34}{'processor':>12}{'clock':>12}{'ratio':>9}{'by clock':>10}")
    for name, one in found.items():
        used, taken = one["processor_seconds"] * 1000, one["clock_seconds"] * 1000
        ratios = f"{one['processor_ratio']:9.3f}{one['clock_ratio']:10.3f}"
        print(f"{name:34}{used:9.1f} ms{taken:9.1f} ms{ratios}", flush=True)


def words_of_examples() -> list[str]:
    """Return the words of the descriptions that come with whyalike, in their order."""
    found: list[str] = []
    for name in ("fashion", "wine", "help"):
        with (EXAMPLES / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                found += row["description"].split()
    return found


def word_tokenizer(longest: int):
    """Return a tokenizer whose tokens are the words of the examples, for models made at random."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = sorted({word.lower() for word in words_of_examples()})
    own = Tokenizer(models.WordLevel({w: n for n, w in enumerate([*names, *words])}, "[UNK]"))
    own.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    own.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=own,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=longest,
    )


def texts_of(words: int, count: int, *, seed: int = 0) -> list[str]:
    """Return texts of so many words: runs of the shipped descriptions, from places by chance."""
    return mixed_texts([words] * count, seed=seed)


def mixed_texts(lengths: Sequence[int], *, seed: int = 0) -> list[str]:
    """Return a text for each number of words."""
    everything = words_of_examples()
    choose = random.Random(seed)
    found = []
    for words in lengths:
        start = choose.randrange(len(everything))
        repeated = everything * (1 + (start + words) // len(everything))
        found.append(" ".join(repeated[start : start + words]))
    return found


def mixed_pairs(count: int, *, least: int = 8, most: int = 90, seed: int = 0):
    """Return pairs of texts of ``least`` to ``most`` words, as they may come from a catalogue."""
    choose = random.Random(seed)
    texts = mixed_texts([choose.randint(least, most) for _ in range(2 * count)], seed=seed)
    return list(zip(texts[::2], texts[1::2], strict=True))


def machine() -> dict[str, object]:
    """Return what the figures depend on besides the code: processor, cores, versions, load."""
    import numpy
    import sentence_transformers
    import torch
    import transformers

    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        "load": [round(one, 1) for one in os.getloadavg()],
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "sentence_transformers": sentence_transformers.__version__,
        "numpy": numpy.__version__,
    }


def processor() -> str:
    """Return the processor's name, with the instructions that matter here."""
    about = Path("/proc/cpuinfo")
    if not about.exists():
        return platform.processor() or platform.machine()
    lines = about.read_text().splitlines()
    fields = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    known = {key.strip(): value.strip() for key, value in fields.items()}
    has = set(known.get("flags", "").split())
    said = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in has]
    return f"{known.get('model name', platform.machine())} ({', '.join(said) or 'no AVX2'})"


def keep(path: str | Path | None, found: Mapping[str, object]) -> None:
    """Write results as JSON with the machine that they are of; nowhere without a path."""
    if path is None:
        return
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"machine": machine(), "command": " ".join(sys.argv), **found}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def take_json(arguments: list[str]) -> str | None:
    """Take ``--json FILE`` out of arguments and return the file, for scripts that only count."""
    if "--json" not in arguments:
        return None
    place = arguments.index("--json")
    path = arguments[place + 1]
    del arguments[place : place + 2]
    return path
