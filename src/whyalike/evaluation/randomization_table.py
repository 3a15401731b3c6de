"""Several methods under the parameter randomisation test, with and without their embeddings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from whyalike.evaluation.randomization import measure_randomization
from whyalike.evaluation.randomization_result import RandomizationResult, say_interval
from whyalike.explainer import Explainer
from whyalike.statistics import mean_interval

CONTROLLED = ("bti", "bti_activations", "gradient_x_activation", "vanilla_gradients", "whyalike")
"""The methods compared by default; ``bti_activations``, which sees no gradient, is a control."""

COLUMNS = (
    "spearman",
    "spearman_abs",
    "spearman_plain",
    "jaccard_words",
    "jaccard_matches",
    "jaccard_pairs",
    "emprt",
)


@dataclass(frozen=True, eq=False, repr=False)
class RandomizationTable:
    """Two results for each method: all weights random, and all but the embeddings."""

    results: tuple[RandomizationResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {"results": [result.to_dict() for result in self.results]}

    def to_markdown(self) -> str:
        """Return a table: means over pairs with 95 % intervals, and undefined comparisons."""
        metrics = [m for m in (*COLUMNS, "smprt") if m in self.results[0].last.values]
        heads = ["method", "embeddings", *metrics, "cosine"]
        lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        for result in self.results:
            step = result.last
            kept = "kept" if result.keep_embeddings else "random"
            cells = [say_interval(step.interval(m), step.undefined(m)) for m in metrics]
            cells.append(f"{step.similarity.mean():.3f}")
            lines.append("| " + " | ".join([result.method, kept, *cells]) + " |")
        first = self.results[0]
        chance = first.chance[first.chance == first.chance]
        said = say_interval(mean_interval(chance), 0) if len(chance) else "undefined"
        note = (
            f"{first.model}, {len(first.chance)} pairs, seeds {list(first.seeds)}; jaccard_words "
            f"of two random choices: {said}."
        )
        return "\n".join([*lines, "", note])

    def __str__(self) -> str:
        """Return ``to_markdown``, which can be read as it is."""
        return self.to_markdown()

    def __repr__(self) -> str:
        """Return one line: the whole would be the values of every pair."""
        methods = list(dict.fromkeys(result.method for result in self.results))
        return f"RandomizationTable(methods={methods})"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def tabulate_randomization(
    explainer: Explainer,
    pairs: Sequence[tuple[str, str]],
    *,
    methods: Sequence[str] = CONTROLLED,
    seeds: int = 3,
    seed: int = 0,
    samples: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> RandomizationTable:
    """Test each method with all weights random, and again with the embeddings kept.

    Args:
        explainer: a model; its own method plays no part.
        pairs: P pairs of texts.
        methods: names of methods.
        seeds: S, how many randomised models.
        seed: of the first one.
        samples: of sMPRT, see ``measure_randomization``.
        progress: called with how many tests are done, and how many there are.

    Raises:
        OptionError, TextError, ModelError: as ``measure_randomization``.
    """
    tests = [(explainer.with_method(name), kept) for name in methods for kept in (False, True)]
    results = []
    for done, (each, kept) in enumerate(tests, start=1):
        results.append(
            measure_randomization(
                each, pairs, keep_embeddings=kept, seeds=seeds, seed=seed, samples=samples
            )
        )
        if progress is not None:
            progress(done, len(tests))
    return RandomizationTable(tuple(results))
