"""docs/benchmarks.md, written from the JSON that the benchmarks left."""

import json
from pathlib import Path

TITLES = {
    "pair": "One pair",
    "batch": "Many pairs of mixed length",
    "phases": "Where explain_many spends its time",
    "rank": "A query and its passages",
    "length": "Growth with length",
    "many_pairs": "Growth with the number of pairs",
    "index": "Building an index",
    "search": "Searching an index",
    "variants": "Other ways of running the model",
    "serve": "The server",
}
HEAD = """# Benchmarks

This page is written by `make bench` (`python benchmarks/run.py`) from what the benchmarks measured,
and holds no other figures. Machines are often shared: what is compared took turns, and **ratios are
medians of those of neighbours, of the processor's time**; times are medians. Packages that whyalike
does not depend on took their turns in a process each, with the same weights and texts. Each section
says when it was measured, by which command, and under which load. Where other work takes the
cores, threads that wait for each other use up the processor's time: set `OMP_NUM_THREADS=1` there.

*The limit* is one forward and one backward to the embeddings of the same texts, weights frozen.
"""


def write_page(path: Path, results: Path, *, order, not_run) -> None:
    """Write the page of all results that are there."""
    found = {
        name: json.loads(file.read_text(encoding="utf-8"))
        for name in order
        if (file := results / f"{name}.json").exists()
    }
    parts = [HEAD, _machines(found)]
    parts += [_section(name, one) for name, one in found.items()]
    missing = [name for name in order if name not in found]
    if missing:
        parts.append(f"## Not run here\n\n{', '.join(f'`{name}`' for name in missing)}.")
    needs = "\n".join(f"- `{name}` needs {what}" for name, what in not_run.items())
    parts.append(f"## Not run by `make bench`\n\n{needs}")
    path.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")


def _machines(found) -> str:
    """Return the machines that results are of, mostly one."""
    keys = ("processor", "cores", "gpu", "python", "torch", "transformers", "sentence_transformers")
    seen = {tuple(str(one["machine"].get(key)) for key in keys) for one in found.values()}
    lines = [
        f"| {cpu} | {cores} | {'none' if gpu == 'None' else gpu} | Python {python}, torch {torch}, "
        f"transformers {transformers}, sentence-transformers {others} |"
        for cpu, cores, gpu, python, torch, transformers, others in sorted(seen)
    ]
    return "\n".join(["| processor | cores | GPU | versions |", "|---|---|---|---|", *lines])


def _section(name: str, one) -> str:
    machine = one["machine"]
    short = "a short run, " if one.get("quick") else ""
    threads = "1 thread" if machine["threads"] == 1 else f"{machine['threads']} threads"
    about = f"`{one['command']}` ({short}{machine['date']}, {threads}, load {machine['load'][0]})"
    draw = DRAWN.get(name, _output)
    return f"## {TITLES.get(name, name.replace('_', ' ').capitalize())}\n\n{about}\n\n{draw(one)}"


def _output(one) -> str:
    lines = [line.rstrip() for line in one["output"].splitlines()]
    if any(line.startswith("|") for line in lines):
        return "\n".join(lines).strip()
    return "\n".join(["```text", *lines, "```"]).replace("```text\n\n", "```text\n")


def _ratios(found) -> str:
    rows = [
        "| | processor | clock | ratio | least to greatest | rounds |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        rows.append(
            f"| {name} | {_time(one['processor_seconds'])} | {_time(one['clock_seconds'])} | "
            f"**{one['processor_ratio']:.3g}** | {one['least_ratio']:.3g} to "
            f"{one['greatest_ratio']:.3g} | {one['rounds']} |"
        )
    return "\n".join(rows)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _pair(one) -> str:
    return "\n\n".join(
        f"Two texts of {title}, against {'whyalike' if 'other' in title else 'the limit'}:"
        f"\n\n{_ratios(found)}"
        for title, found in one["pair"].items()
    )


def _batch(one) -> str:
    found = one["batch"]
    return "\n\n".join(
        f"{found['pairs']} pairs of 8 to 90 words, against *{by}*:\n\n{_ratios(table)}"
        for by, table in found["against"].items()
    )


def _phases(one) -> str:
    found = one["phases"]
    rows = [f"| {phase} | {share:.1%} |" for phase, share in found["shares"].items()]
    return "\n".join(
        [
            f"{found['pairs']} pairs of 8 to 90 words by `whyalike`, time of the calling thread:",
            "",
            *("| | share |", "|---|---|", *rows),
            f"| **all but the model** | **{found['not the model']:.1%}** |",
        ]
    )


def _rank(one) -> str:
    found = one["rank"]
    return f"{found['passages']} passages, against as many pairs:\n\n{_ratios(found['against'])}"


def _length(one) -> str:
    return "\n\n".join(
        f"{title} a text, cut at 8,192 tokens:\n\n{_ratios(found)}"
        for title, found in one["length"].items()
    )


def _many(one) -> str:
    rows = ["| pairs | a minute of the processor | by the clock | memory at 10, 50, 100 % |"]
    rows.append("|---|---|---|---|")
    for size, found in one["many_pairs"].items():
        if "memory, MB" not in found:
            rows.append(f"| {size} | {found['minutes of the processor']} minutes | | |")
            continue
        memory = ", ".join(f"{value:,.0f}" for value in found["memory, MB"].values())
        rows.append(
            f"| {size} | {found['pairs a minute of the processor']:,} | "
            f"{found['pairs a minute of the clock']:,} | {memory} MB |"
        )
    return "\n".join(rows)


def _index(one) -> str:
    found = one["index"]
    return f"{found['texts']} texts of 8 to 90 words:\n\n{_ratios(found['against'])}"


def _search(one) -> str:
    rows = ["| vectors of 384 | | p50 | p95 | processor |", "|---|---|---|---|---|"]
    rows += [
        f"| {each['vectors']:,} | {each['what']} | **{each['p50']:.3g} ms** | {each['p95']:.3g} ms "
        f"| {each['processor']:.3g} ms |"
        for each in one["search"]
    ]
    return "\n".join(rows)


def _variants(one) -> str:
    parts = []
    for title, found in one["variants"].items():
        parts.append(f"Against single precision, {title}:\n\n{_ratios(found)}")
        cosines = {n: each["least_cosine"] for n, each in found.items() if "least_cosine" in each}
        if cosines:
            said = ", ".join(f"{name} {value:.6f}" for name, value in cosines.items())
            parts.append(f"Least cosine of a vector with that of single precision: {said}.")
    return "\n\n".join(parts)


DRAWN = {
    "variants": _variants,
    "pair": _pair,
    "batch": _batch,
    "phases": _phases,
    "rank": _rank,
    "length": _length,
    "many_pairs": _many,
    "index": _index,
    "search": _search,
}
