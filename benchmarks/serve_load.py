"""Load on ``whyalike serve``: throughput against the library's own batch in the same run, latency.

Run: .venv/bin/python benchmarks/serve_load.py [--model M] [--pairs 400] [--clients 32]
         [--check 0] [--soak 10000]
Both check as many of the selected pairs by deletion (`--check`): none by default. The API's own
default checks some, which takes most of the time. Prints a table in Markdown. Exits with 1 where an
answer is another pair's or a request is lost, and with 3 where the server does less than 0.8 of
what the library does. The processor's time of the server, the library and the clients stands
beside: clients take a part of the cores, and other work may. ``--soak`` asks so many times more,
with kept results, and says how the server's memory grew.
"""

import argparse
import os
import random
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "web"), str(ROOT / "tests")]

from explorer_process import ServeProcess, ask_all  # noqa: E402
from measuring import MISSED, keep  # noqa: E402

from whyalike import Explainer  # noqa: E402

FLOOR = 0.8
TEXT = (
    "warm knit gloves with touchscreen fingertips and ribbed cuffs for cold mornings these are cut "
    "from stretch wool so that you can text without taking them off lined leather in a slim shape "
    "a long scarf of soft yarn keeps wind away and folds into any pocket when spring comes"
)
WORDS = TEXT.split()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3, help="of server and library by turns")
    parser.add_argument("--check", type=int, default=0, help="selected pairs that are checked")
    parser.add_argument("--soak", type=int, default=0)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    asked = parser.parse_args()
    server = ServeProcess(("--model", asked.model, "--cache-mb", "64"))
    explainer = Explainer(asked.model)
    try:
        server.start()
        good, figures = measure(server, explainer, asked)
        if asked.soak:
            good &= soak(server, asked.soak, asked.clients)
        code, said = server.stop()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.process.kill()
    print(f"the server ended with {code}{': ' + said if said else ''}")
    if not good or code:
        return 1
    return 0 if figures["ratio"] >= FLOOR else MISSED


def measure(server, explainer, asked):
    choose = random.Random(7)
    count, clients, more = asked.pairs, asked.clients, {"check": asked.check}
    rates, used, seconds, good = {"library": [], "server": []}, defaultdict(list), [], True
    list(explainer.explain_many(make_pairs(choose, 16), check=asked.check))
    ask_all(server.url, make_pairs(choose, 16), clients=clients, more=more)
    print(f"{count} pairs of 12 to 40 words, {clients} clients, by turns\n")
    for round_ in range(asked.rounds):
        # Other texts each time: kept results would flatter the server.
        pairs = make_pairs(choose, count)
        began, before = time.perf_counter(), time.process_time()
        for explanation in explainer.explain_many(pairs, check=asked.check):
            explanation.to_json()
        rates["library"].append(count / (time.perf_counter() - began))
        used["library"].append((time.process_time() - before) / count)
        pairs = make_pairs(choose, count)
        began, before = time.perf_counter(), (time.process_time(), processor(server))
        outcome = ask_all(server.url, pairs, clients=clients, more=more)
        rates["server"].append(count / (time.perf_counter() - began))
        used["clients"].append((time.process_time() - before[0]) / count)
        used["server"].append((processor(server) - before[1]) / count)
        seconds += outcome.seconds
        good &= not outcome.broken and len(outcome.seconds) == count
        said = ", ".join(f"{name} {each[-1]:.1f}/s" for name, each in rates.items())
        print(f"round {round_ + 1}: {said}", flush=True)
        figures = figures_of(rates, used, seconds) | {"all right": good, "clients": clients, **more}
        keep(asked.json, {"serve": figures})
    print("\n| | |\n|---|---|")
    print(f"| library, explain_many and to_json | {figures['library']:.1f}/s |")
    print(f"| server | {figures['server']:.1f}/s |")
    print(f"| server ÷ library | {figures['ratio']:.2f} |")
    print(f"| median latency | {figures['p50_ms']:.0f} ms |")
    print(f"| p95 latency | {figures['p95_ms']:.0f} ms |")
    print(f"| all answers are their own pair's | {good} |")
    return good, figures


def figures_of(rates, used, seconds):
    """Return medians: of ratios of neighbours, rates, seconds of the processor, and latencies."""
    cuts = statistics.quantiles(seconds, n=20)
    by_round = zip(rates["server"], rates["library"], strict=True)
    return {
        "pairs": len(seconds),
        "ratio": statistics.median(one / other for one, other in by_round),
        "processor_ratio": statistics.median(
            other / one for one, other in zip(used["server"], used["library"], strict=True)
        ),
        "rates": rates,
        **{name: statistics.median(each) for name, each in rates.items()},
        "processor_ms": {name: 1000 * statistics.median(each) for name, each in used.items()},
        "p50_ms": 1000 * cuts[9],
        "p95_ms": 1000 * cuts[18],
    }


def processor(server) -> float:
    """Return the seconds of the processor that the server has taken."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def soak(server, count, clients) -> bool:
    choose = random.Random(8)
    # A tenth are new; the others were asked for before, some of them long ago.
    known = make_pairs(choose, max(1, count // 10))
    pairs = [choose.choice(known) for _ in range(count)]
    first = server.memory
    outcome = ask_all(server.url, pairs[: count // 5], clients=clients)
    warm = server.memory
    later = ask_all(server.url, pairs[count // 5 :], clients=clients)
    last = server.memory
    print(f"\n{count:,} requests for {len(known):,} pairs: {mega(first)} MB at first, ", end="")
    print(f"{mega(warm)} after a fifth, {mega(last)} at the end")
    return not outcome.broken + later.broken and not outcome.unanswered + later.unanswered


def make_pairs(choose, count):
    def text():
        return " ".join(choose.choices(WORDS, k=choose.randint(12, 40)))

    return [(text(), text()) for _ in range(count)]


def mega(size) -> str:
    return f"{size / 1e6:,.0f}"


if __name__ == "__main__":
    raise SystemExit(main())
