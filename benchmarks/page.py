"""docs/benchmarks.md, written from the JSON that the benchmarks left."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

TITLES = {
    "pair": "What does one pair cost?",
    "batch": "What do many pairs of mixed length cost?",
    "serve": "How much of the library's speed does the server keep?",
    "serve_turns": "Do dear requests hold up cheap ones?",
    "search": "How long does a search take?",
    "rank": "What does ranking passages cost?",
    "length": "How does the cost grow with length?",
    "many_pairs": "How many pairs a minute, and in how much memory?",
    "many_pairs_tiny": "Does memory grow with the number of pairs?",
    "ray": "What do Ray's workers do beside one process?",
    "pairs_of_ids": "What do pairs of ids of an index cost?",
    "phases": "Where do `explain_many`, `index`, `rank` and `serve` spend their time?",
    "index": "What does building an index cost?",
    "million": "Our own index at a million vectors",
    "hnsw": "The graph of our engine, as it grows",
    "variants": "Are there faster ways of running the model?",
    "methods": "What does each method cost, in forwards?",
}
HEAD = """# Benchmarks

This page is written by `make bench` (`python benchmarks/run.py`) from what the benchmarks
measured, and holds no other figures. What is compared took turns on the same texts; a **ratio**
is the median of those of neighbours, of the processor's time, and below 1 is faster; of pairs a
second or a minute, above 1. Times are medians. *CPU* is the processor's time, all threads
together, and *wall* the clock's: with two threads at work the CPU time is the greater of both,
and where other work takes the cores it is the wall time. Packages that whyalike does not depend
on took their turns in a process and an environment each, with the same weights: `python
benchmarks/rival.py make` makes them ([how](../benchmarks/rival.py)). Each section says when it
was measured, by which command, and under which load (processes that wanted a core).

*The limit* is one forward and one backward to the embeddings of the same texts, weights frozen.
"""


def write_page(
    path: Path,
    results: Path,
    *,
    order: Sequence[str],
    not_run: Mapping[str, str],
    why: Mapping[str, str] | None = None,
    gpu: str = "",
) -> None:
    """Write the page of all results that are there.

    not_run: scripts that no suite runs, and what they need. why: of benchmarks, why one does not
    run. gpu: what would run on one.
    """
    read = {
        name: json.loads(file.read_text(encoding="utf-8"))
        for name in order
        if (file := results / f"{name}.json").exists()
    }
    found = {name: one for name, one in read.items() if "machine" in one}
    parts = [HEAD, _machines(found), _summary(found)]
    parts += [_section(name, one) for name, one in found.items()]
    parts.append(_computed(found))
    why = {name: f"failed: {one['failed']}" for name, one in read.items() if "failed" in one} | {
        name: said for name, said in (why or {}).items() if name not in found
    }
    missing = {name: why.get(name, "") for name in order if name not in found}
    by_reason: dict[str, list[str]] = {}
    for name, said in missing.items():
        by_reason.setdefault(said, []).append(f"`{name}`")
    lines = [
        f"- {', '.join(names)}{': ' if said else ''}{said}." for said, names in by_reason.items()
    ]
    if gpu and not any(one["machine"]["gpu"] for one in found.values()):
        lines.append(f"- On a GPU: nothing, as none was at hand; {gpu}.")
    if lines:
        parts.append("## What did not run here, and why\n\n" + "\n".join(lines))
    needs = "\n".join(f"- `{name}` needs {what}" for name, what in not_run.items())
    parts.append(f"## What `make bench` never runs\n\n{needs}")
    whole = "\n\n".join(part.strip() for part in parts if part) + "\n"
    path.write_text(whole, encoding="utf-8")


def _computed(found) -> str:
    """Return what other numbers of pairs and items take, computed from what was measured."""
    sizes = {"10⁵": 10**5, "10⁷": 10**7, "10⁹": 10**9}
    rows = []
    if pairs := found.get("many_pairs", {}).get("many_pairs"):
        one = [each for each in pairs.values() if "explained" in each][-1]
        seconds = one["processor_seconds"] / one["explained"]
        rows.append(("explaining pairs, core-hours", _each(sizes, seconds / 3600)))
    if built := found.get("index", {}).get("index"):
        seconds = built["against"]["whyalike index"]["processor_seconds"] / built["texts"]
        rows.append(("embedding items, core-hours", _each(sizes, seconds / 3600)))
    if searched := found.get("search", {}).get("search"):
        one = [each for each in searched if each["what"] == "all"][-1]
        seconds = one["processor"] / 1000 / one["vectors"]
        rows.append(("one exact search, seconds of CPU", _each(sizes, seconds)))
        rows.append(("vectors of 384 in float32, GB", _each(sizes, 4 * 384 / 1e9)))
    if not rows:
        return ""
    table = _table(("computed", *sizes), [(what, *values) for what, values in rows])
    return (
        "## What would more take? (computed)\n\nIn proportion to what was measured above, on such "
        f"cores; none of it was run ([what to use there](how-to/scale.md)).\n\n{table}"
    )


def _each(sizes: Mapping[str, int], one: float) -> list[str]:
    return [f"{float(f'{size * one:.2g}'):,g}" for size in sizes.values()]


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


SUMMARY = (
    ("`whyalike`, a pair of 20 words, ÷ the limit", ("pair", "20 words", "whyalike")),
    ("`bti`, the same", ("pair", "20 words", "bti")),
    (
        "Captum's integrated gradients, 50 steps, ÷ `whyalike`",
        ("pair", "20 words, other methods", "Captum, IG of 50"),
    ),
    (
        "integrated Jacobians ÷ `whyalike`",
        ("pair", "20 words, other methods", "integrated_jacobians"),
    ),
    ("whymatched ÷ `whyalike`", ("pair", "20 words, other methods", "whymatched")),
    ("SHAP's permutation ÷ `whyalike`", ("pair", "20 words, other methods", "shap")),
    (
        "`whyalike`, many pairs, ÷ bare passes over rows by length",
        ("batch", "against", "bare, rows by length", "whyalike"),
    ),
    (
        "`whyalike`, many pairs, ÷ the loop that a user would write",
        ("batch", "against", "bare, pairs as they come", "whyalike"),
    ),
    ("`bti`, the same", ("batch", "against", "bare, pairs as they come", "bti")),
    ("ranking passages, a fifth of them explained, ÷ as many pairs",
     ("rank", "against", "rank, a fifth of them explained")),
    ("building an index ÷ sentence-transformers' `encode`", ("index", "against", "whyalike index")),
)  # fmt: skip
"""What the first table says: words, and where a summary of ``measuring`` stands."""


def _summary(found) -> str:
    """Return the most important ratios, each once."""
    rows = []
    for said, (name, *keys) in SUMMARY:
        one = found.get(name, {}).get(name)
        for key in keys:
            one = (one or {}).get(key)
        if one:
            quick = ", a short run" if found[name].get("quick") else ""
            rows.append(f"| {said}{quick} | **{one['processor_ratio']:.3g}** | {_wall(one)} |")
    if "ratio" in (served := found.get("serve", {}).get("serve", {})):
        said = f"| the server with {served['clients']} clients ÷ the library, pairs a second | "
        rows.append(f"{said}**{served['processor_ratio']:.2f}** | {served['ratio']:.2f} |")
    if "ratio" in (turned := found.get("serve_turns", {}).get("serve_turns", {})):
        said = "p95 of cheap requests beside dear ones ÷ without them"
        rows.append(f"| {said} | | **{turned['ratio']:.2f}** |")
    return "\n".join(["| | by CPU | by wall |", "|---|---|---|", *rows]) if rows else ""


def _wall(one) -> str:
    return f"{one['clock_ratio']:.3g}" if "clock_ratio" in one else ""


def _section(name: str, one) -> str:
    machine = one["machine"]
    short = "a short run, " if one.get("quick") else ""
    threads = "1 thread" if machine["threads"] == 1 else f"{machine['threads']} threads"
    about = f"`{one['command']}` ({short}{machine['date']}, {threads}, load {machine['load'][0]})"
    if one.get("partial"):
        about += f". **This is what it found until {one['partial']}.**"
    if one.get("failed"):
        about += f". A later run failed: {one['failed']}."
    try:
        drawn = DRAWN.get(name, _output)(one)
    except KeyError:
        drawn = "A result of an older version of this benchmark: run it again."
    return f"## {TITLES.get(name, name.replace('_', ' ').capitalize())}\n\n{drawn}\n\n{about}"


def _output(one) -> str:
    lines = [line.rstrip() for line in one["output"].splitlines()]
    if any(line.startswith("|") for line in lines):
        return "\n".join(lines).strip()
    return "\n".join(["```text", *lines, "```"]).replace("```text\n\n", "```text\n")


def _table(heads: Sequence[str], rows) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _ratios(found) -> str:
    # What the others are compared with stands first.
    ordered = sorted(
        found.items(),
        key=lambda each: (each[1]["least_ratio"], each[1]["greatest_ratio"]) != (1, 1),
    )
    rows = (
        (
            f"**{one['processor_ratio']:.3g}**",
            name,
            f"{one['least_ratio']:.3g} to {one['greatest_ratio']:.3g}",
            _wall(one),
            _time(one["processor_seconds"]),
            _time(one["clock_seconds"]),
            one["rounds"],
        )
        for name, one in ordered
    )
    return _table(("ratio", "what", "least to greatest", "by wall", "CPU", "wall", "rounds"), rows)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _pair(one) -> str:
    parts = [
        f"Two texts of {title}, against {'`whyalike`' if 'other' in title else 'the limit'}:"
        f"\n\n{_ratios(found)}"
        for title, found in one["pair"].items()
    ]
    parts.append(
        "Captum runs in this process, as it comes with the extra `methods`; whymatched and shap "
        "run in a process and an environment each."
    )
    left_out = [line for line in one.get("output", "").splitlines() if " is left out" in line]
    return "\n\n".join(parts + left_out)


def _batch(one) -> str:
    found = one["batch"]
    return "\n\n".join(
        f"{found['pairs']} pairs of 8 to 90 words, against *{by}*:\n\n{_ratios(table)}"
        for by, table in found["against"].items()
    )


def _serve(one) -> str:
    found = one["serve"]
    used = found["processor_ms"]
    rows = [
        ("**1**", "the library, `explain_many` and `to_json`", f"{used['library']:.1f} ms",
         f"{found['library']:.1f}", ""),
        (f"**{found['ratio']:.2f}**", "the server", f"{used['server']:.1f} ms",
         f"{found['server']:.1f}", f"{found['p50_ms']:.0f} ms, {found['p95_ms']:.0f} ms"),
        ("", "its clients", f"{used['clients']:.1f} ms", "", ""),
    ]  # fmt: skip
    heads = ("ratio of pairs a second", "", "CPU a pair", "pairs a second", "median, p95")
    return (
        f"{found['clients']} clients on the same cores, {found['pairs']} pairs of 12 to 40 words, "
        f"{len(found['rates']['server'])} rounds, {found['check'] or 'none'} of the selected pairs "
        f"checked by deletion:\n\n{_table(heads, rows)}\n\n"
        f"Answers are all their own pair's: {'yes' if found['all right'] else '**no**'}."
    )


def _turns(one) -> str:
    found = one["serve_turns"]
    rows = [
        (ratio, name, *(f"{found[key][p]:,.0f} ms" for p in ("p50_ms", "p95_ms")),
         found["answers"][key])
        for ratio, name, key in (
            ("**1**", "alone", "alone"),
            (f"**{found['ratio']:.2f}**",
             f"beside {found['long']} of {found['what']}, {found['words']} words", "beside"),
        )
    ]  # fmt: skip
    rounds = ", ".join(f"{ratio:.2f}" for ratio in found["ratios"])
    return (
        f"{found['clients']} clients that ask for pairs of 12 to 40 words, wall time:\n\n"
        f"{_table(('ratio of p95', '', 'median', 'p95', 'answers'), rows)}\n\n"
        f"By round: {rounds}. Dear requests had {found['turns a second']:.1f} turns a second "
        f"meanwhile, {found['long answered']} were answered, and the last was gone "
        f"{found['seconds until quiet']:.1f} s after its client left."
    )


def _phases(one) -> str:
    found = one["phases"]
    works = {"explain_many": found, **found.get("others", {})}
    rows = [
        (phase, *(f"{each['shares'].get(phase, 0):.1%}" for each in works.values()))
        for phase in found["shares"]
    ]
    rows.append(("**all but the model**", *(f"{w['not the model']:.1%}" for w in works.values())))
    said = f"{found['pairs']} pairs of 8 to 90 words by `whyalike`, CPU time."
    if "others" in found:
        said += (
            " The left texts are items of the index, the right ones passages of a query; a "
            "server's app is asked by 32 at once, without sockets. One thread of torch."
        )
    return f"{said}\n\n{_table(('', *works), rows)}"


def _rank(one) -> str:
    found = one["rank"]
    return f"{found['passages']} passages, against as many pairs:\n\n{_ratios(found['against'])}"


def _length(one) -> str:
    said = (
        "A ModernBERT of 4 layers and 64 features, made from its configuration with a fixed seed, "
        "on two texts of so many words, each a token; cut at 8,192 tokens. So small a model shows "
        "what is not the model at its greatest: matching compares each word with each."
    )
    rows = [
        (
            f"**{found['whyalike']['processor_ratio']:.3g}**",
            title.removesuffix(" words"),
            *(
                _time(found[name][f"{clock}_seconds"])
                for clock in ("processor", "clock")
                for name in ("whyalike", "limit")
            ),
        )
        for title, found in one["length"].items()
    ]
    heads = ("ratio", "words a text", "CPU", "CPU of the limit", "wall", "wall of the limit")
    return f"{said}\n\n{_table(heads, rows)}"


def _many(one) -> str:
    heads = ["pairs", "a minute of CPU", "a minute of wall", "memory before"]
    parts = next(
        list(found["memory, MB"])
        for found in one["many_pairs"].values()
        if "memory, MB" in found
    )  # fmt: skip
    heads += [*(f"at {part}" for part in parts), "peak"]
    rows = []
    for size, found in one["many_pairs"].items():
        if "memory, MB" not in found:
            blank = [""] * (len(heads) - 2)
            rows.append((size, f"{found['minutes of the processor']} minutes in all", *blank))
            continue
        memory = [found["memory before, MB"], *found["memory, MB"].values(), found["peak, MB"]]
        rows.append(
            (
                size,
                f"{found['pairs a minute of the processor']:,}",
                f"{found['pairs a minute of the clock']:,}",
                *(f"{value:,.0f} MB" for value in memory),
            )
        )
    model = {
        "packaged": "all-MiniLM-L6-v2",
        "tiny": "a random BERT of 2 layers and 64 features, not the packaged model,",
    }[one["model"]]
    least, most = one["words"]
    said = (
        f"Pairs of {least} to {most} words by {model} from a file into a file, in a process each:"
    )
    return f"{said}\n\n{_table(heads, rows)}"


def _ray(one) -> str:
    found = one["ray"]
    rows = [
        (
            f"**{each['ratio']:.2f}**",
            name,
            f"{each['pairs a minute']:,.0f}",
            f"{each['seconds to the first piece']:.1f} s",
        )
        for name, each in found["against"].items()
    ]
    heads = ("pairs a minute, ratio", "what", "pairs a minute", "first piece")
    return (
        f"{found['pairs']} pairs of 8 to 90 words, by the clock; the rate is one without the start "
        "of Ray and its workers, which the time to the first piece has in it. A worker has one "
        f"thread, and the writer is a process besides:\n\n{_table(heads, rows)}"
    )


def _index(one) -> str:
    found = one["index"]
    return f"{found['texts']} texts of 8 to 90 words:\n\n{_ratios(found['against'])}"


def _search(one) -> str:
    rows = (
        (
            f"**{each['p50']:.3g} ms**",
            f"{each['vectors']:,}",
            each["what"],
            f"{each['p95']:.3g} ms",
            f"{each['processor']:.3g} ms",
        )
        for each in one["search"]
    )
    heads = ("p50, wall", "vectors of 384", "", "p95, wall", "CPU")
    return f"Exact, one query at a time:\n\n{_table(heads, rows)}"


def _million(one) -> str:
    rows = (
        (
            f"**{each['p50_ms']:.3g} ms**",
            f"{each['items']:,}",
            f"{each['recall@10']:.3f}",
            f"{each['p99_ms']:.3g} ms",
            f"{each['own_cpu_ms']:.3g} ms",
            f"{each['load_cpu_s']:.0f} s, {each['load_s']:.0f} s",
            f"{each['bytes'] / 1e6:,.0f} MB",
            f"{each['peak_gib'] * 1.073741824:.1f} GB",
        )
        for each in one["million"]
    )
    heads = (
        *("p50, wall", "vectors of 128", "recall at 10", "p99, wall", "CPU a query"),
        *("making it: CPU, wall", "on the disk", "peak memory"),
    )
    name = one["million"][0]["store"]
    return (
        f"Synthetic vectors in clusters ({name}); the peak has the vectors and the true "
        f"neighbours' computation in it:\n\n{_table(heads, rows)}"
    )


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
    "serve": _serve,
    "serve_turns": _turns,
    "phases": _phases,
    "rank": _rank,
    "length": _length,
    "many_pairs": _many,
    "many_pairs_tiny": _many,
    "pairs_of_ids": _many,
    "ray": _ray,
    "index": _index,
    "search": _search,
    "million": _million,
    "hnsw": _million,
}
