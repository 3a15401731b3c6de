"""What an explanation costs, as a multiple of a bare forward and backward of the same two texts.

The machine may be busy: both are timed in turn in one process, and the median of the ratios of
neighbours is the figure. Run with: python benchmarks/single_pair.py [rounds]
"""

import statistics
import sys
import time

import torch

from whyalike import Explainer
from whyalike.models.installed import preprocess
from whyalike.selection import mean_shift

LEFT = (
    "Made for cold mornings, these knit gloves keep hands warm without getting in your way. The "
    "fingertips are touchscreen-compatible, so you can answer a message while walking the dog, and "
    "a soft fleece lining takes the bite out of the wind. Ribbed cuffs slip under a sleeve for "
    "a snug fit, and the wool blend stays comfortable all day long in town."
)
RIGHT = (
    "Cut from stretch merino with supple leather palms, these smartphone-friendly gloves let you "
    "text, call and take pictures without baring your fingers to the weather. They are lined with "
    "brushed cotton, dry quickly after rain and fold flat into a pocket. Choose them for the "
    "commute, for cycling or for standing beside a frosty pitch on a Saturday in the winter months."
)


def bare_pass(pipeline):
    """Return a function: one forward and one backward to the embeddings, and nothing else."""
    transformer = pipeline.transformers_model
    embedding = transformer.get_input_embeddings()

    def run():
        leaf = []

        def hook(_module, _inputs, output):
            leaf.append(output.detach().requires_grad_())
            return leaf[0]

        features = preprocess(pipeline, [LEFT, RIGHT])
        handle = embedding.register_forward_hook(hook)
        vectors = pipeline(features)["sentence_embedding"]
        handle.remove()
        score = torch.cosine_similarity(vectors[:1], vectors[1:]).sum()
        torch.autograd.grad(score, leaf[0])

    return run


def measure(rounds):
    """Time both in turn; return milliseconds of each and the ratios."""
    explainer = Explainer("all-MiniLM-L6-v2")
    pipeline = explainer.encoder.pipeline
    pipeline.requires_grad_(False).eval()
    runs = {"bare": bare_pass(pipeline), "whole": lambda: explainer.explain(LEFT, RIGHT)}
    timed = []
    for round_ in range(rounds + 5):
        pair = {}
        # Whoever goes second may find caches warm or a core taken: they take turns.
        for name in ("bare", "whole") if round_ % 2 else ("whole", "bare"):
            start = time.perf_counter()
            runs[name]()
            pair[name] = (time.perf_counter() - start) * 1000
        if round_ >= 5:
            timed.append((pair["bare"], pair["whole"]))
    return timed, explainer.explain(LEFT, RIGHT)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    timed, explanation = measure(rounds)
    ratios = sorted(whole / bare for bare, whole in timed)
    bare, whole = (statistics.median(column) for column in zip(*timed, strict=True))
    print(f"texts of {len(LEFT.split())} and {len(RIGHT.split())} words, {rounds} rounds")
    print(f"bare forward and backward  {bare:7.1f} ms (median)")
    print(f"explain                    {whole:7.1f} ms (median)")
    print(
        f"ratio                      {statistics.median(ratios):7.2f} (median; "
        f"{ratios[len(ratios) // 10]:.2f} to {ratios[-len(ratios) // 10]:.2f} in the middle 80 %)"
    )
    scores = torch.tensor([m.score for m in explanation.matches], dtype=torch.float64).numpy()
    start = time.perf_counter()
    for _ in range(100):
        mean_shift(scores)
    print(f"of which MeanShift         {(time.perf_counter() - start) * 10:7.2f} ms")


if __name__ == "__main__":
    main()
