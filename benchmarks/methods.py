"""What each method costs, as a multiple of one forward of the same two texts.

The machine may be busy: a forward is timed before and after each explanation in one process, and
the median of the ratios is the figure. Run with: python benchmarks/methods.py [rounds]
"""

import statistics
import sys
import time

import torch
from single_pair import LEFT, RIGHT

from whyalike import Explainer
from whyalike.errors import OptionError
from whyalike.methods.method import list_methods
from whyalike.models.installed import preprocess

SECONDS_ENOUGH = 20.0


def forward_of(explainer):
    """Return a function: one forward of both texts through the user's pipeline, nothing else."""
    pipeline = explainer.model.pipeline

    def run():
        with torch.no_grad():
            pipeline(preprocess(pipeline, [LEFT, RIGHT]))

    return run


def seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(explainer, forward, rounds):
    """Return the ratios of an explanation to the forwards around it; fewer rounds if slow."""
    explainer.explain(LEFT, RIGHT)
    ratios, spent = [], 0.0
    for _ in range(rounds):
        before = min(seconds(forward) for _ in range(3))
        taken = seconds(lambda: explainer.explain(LEFT, RIGHT))
        after = min(seconds(forward) for _ in range(3))
        ratios.append(taken / ((before + after) / 2))
        spent += taken
        if spent > SECONDS_ENOUGH and len(ratios) >= 3:
            break
    return ratios


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    explainer = Explainer("all-MiniLM-L6-v2")
    forward = forward_of(explainer)
    seconds(forward)
    print(f"texts of {len(LEFT.split())} and {len(RIGHT.split())} words; all-MiniLM-L6-v2")
    print(f"{'method':24}{'x forward':>10}{'lowest':>9}{'highest':>9}{'rounds':>8}")
    for method in list_methods():
        try:
            other = explainer.with_method(method.name)
        except OptionError:
            continue  # It is for models of another kind.
        ratios = measure(other, forward, rounds)
        middle = statistics.median(ratios)
        print(
            f"{method.name:24}{middle:10.1f}{min(ratios):9.1f}{max(ratios):9.1f}{len(ratios):8}",
            flush=True,
        )


if __name__ == "__main__":
    main()
