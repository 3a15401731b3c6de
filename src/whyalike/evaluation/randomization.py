"""Does an explanation change when the weights are random? If not, it does not explain the model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.evaluation.agreement import (
    PIXELS,
    Comparison,
    Sides,
    Words,
    count_top,
    saliency_of,
    smooth_saliency,
)
from whyalike.evaluation.changed_models import (
    Mode,
    RandomizedState,
    count_states,
    randomized_states,
)
from whyalike.evaluation.randomization_result import (
    RandomizationResult,
    RandomizationStep,
    say_interval,
)
from whyalike.explainer import Explainer
from whyalike.explanation import ExplainedText, Explanation
from whyalike.options import check_whole, refuse_chunks
from whyalike.readings import read_pairs
from whyalike.render.markdown_table import write_row
from whyalike.showing import Tabulated
from whyalike.statistics import mean_interval
from whyalike.texts import clean_text

Progress = Callable[[int, int], None]
Mask = NDArray[np.bool_]


def measure_randomization(
    explainer: Explainer,
    pairs: Sequence[tuple[str, str]],
    *,
    mode: Mode = "full",
    keep_embeddings: bool = False,
    seeds: int = 3,
    seed: int = 0,
    top: float = 5,
    bins: int = 10,
    samples: int = 0,
    noise: float = PIXELS,
    trained: Sequence[Explanation] | None = None,
    progress: Progress | None = None,
) -> RandomizationResult:
    """Compare explanations of the trained model with those of randomised copies of it.

    The model parameter randomisation test (MPRT) of Adebayo et al. 2018, section 3, with the
    corrections of Hedström et al. 2024: eMPRT, (ξ(ê) - ξ(e)) / ξ(e), where ξ is the entropy of the
    saliency's histogram, e explains the trained model and ê the randomised one; and sMPRT, the
    rank correlation of saliency averaged over noisy copies of the texts (``smooth_saliency``). They
    use 100 bins for pictures; a text has some 40 words, so it is 10 here, the least that their
    implementation takes. eMPRT is meant for fully random weights.

    A method passes where ``spearman_plain`` is near 0 and ``jaccard_words`` near ``chance``; for
    all words the floor is above 0, see ``Words``. Methods that
    multiply a gradient by its input may fail, or pass, by the input alone: compare both values of
    ``keep_embeddings``, and ``bti_activations`` as a control that sees nothing else.

    Parameters
    ----------
    explainer : Explainer
        A model and a method.
    pairs : Sequence[tuple[str, str]]
        P pairs of texts.
    mode : Mode, default='full'
        Which parts of the model get new weights at a time, see ``Mode``.
    keep_embeddings : bool, default=False
        Leave the embeddings as they were trained.
    seeds : int, default=3
        S, how many randomised models.
    seed : int, default=0
        Of the first one, the others follow; and of ties and noise.
    top : float, default=5
        Words that are a text's top: a number of them, or below 1 a part.
    bins : int, default=10
        Of the histogram of eMPRT.
    samples : int, default=0
        Noisy copies of each text for sMPRT (Hedström et al. take 50); 0 leaves it out.
    noise : float, default=PIXELS
        Of sMPRT, in standard deviations of a text's embeddings.
    trained : sequence of Explanation, optional
        The explanations of the pairs by ``explainer``, in their order, where they are at hand from
        another test; they are not made again.
    progress : Progress, optional
        Called with how many sets of explanations are done, and how many there are.

    Returns
    -------
    RandomizationResult
        The metrics of METRICS for each state, seed and pair; NaN where undefined, and counted.

    Raises
    ------
    OptionError
        A wrong option; ``trained`` of other pairs or another method; or the explainer has no model,
        but a function.
    TextError, ModelError
        As the explainer.
    """
    numbers = (("seeds", seeds, 1), ("bins", bins, 2), ("samples", samples, 0), ("seed", seed, 0))
    for name, value, least in numbers:
        check_whole(name, value, least=least)
    if not pairs:
        raise OptionError("There are no pairs of texts to explain: give one or more.")
    count_top(1, top)
    states = count_states(explainer, mode=mode, keep_embeddings=keep_embeddings)
    tell = _Progress(progress, (1 + seeds * states) * (1 + samples))
    look = partial(_explain, pairs=pairs, samples=samples, noise=noise, seed=seed, tell=tell)
    known = None if trained is None else _checked(trained, explainer, pairs)
    original = look(explainer, known=known)
    comparison = Comparison(_words(explainer, original.explanations), top, bins, seed)
    found: dict[str, list[RandomizationStep]] = {}
    for number in range(seed, seed + seeds):
        for state in randomized_states(
            explainer, mode=mode, keep_embeddings=keep_embeddings, seed=number
        ):
            step = _compare(comparison, original, look(state.explainer), state)
            found.setdefault(state.name, []).append(step)
    return RandomizationResult(
        method=explainer.method.name,
        model=explainer.model.name,
        mode=mode,
        keep_embeddings=keep_embeddings,
        seeds=tuple(range(seed, seed + seeds)),
        top=top,
        bins=bins,
        samples=samples,
        noise=noise,
        chance=np.array([comparison.chance(n) for n in range(len(pairs))]),
        constant=_count_constant(comparison, original.explanations),
        steps=tuple(_joined(steps) for steps in found.values()),
    )


def compare_pair(
    explainer: Explainer,
    trained: Explanation,
    randomised: Explanation,
    *,
    top: float = 5,
    bins: int = 10,
    seed: int = 0,
) -> tuple[dict[str, float], float]:
    """Return the metrics of two explanations of one pair by name, and ``jaccard_words`` by chance.

    Parameters
    ----------
    explainer : Explainer
        Whose tokens say which words were read.
    trained : Explanation
        Of the trained model.
    randomised : Explanation
        Of another model of the same tokens.
    top : float, default=5
        See ``measure_randomization``.
    bins : int, default=10
        See ``measure_randomization``.
    seed : int, default=0
        Of ties.

    Raises
    ------
    OptionError
        A wrong ``top``.
    """
    comparison = Comparison(_words(explainer, [trained]), top, bins, seed)
    return comparison.explanations(0, trained, randomised), comparison.chance(0)


@dataclass(frozen=True, eq=False)
class _Seen:
    """What one model says of all pairs; ``smooth`` is empty where it was not asked for."""

    explanations: list[Explanation]
    smooth: list[Sides]


class _Progress:
    """Counts sets of explanations."""

    def __init__(self, tell: Progress | None, total: int) -> None:
        self.tell, self.done, self.total = tell, 0, total

    def __call__(self) -> None:
        self.done += 1
        if self.tell is not None:
            self.tell(self.done, self.total)


def _explain(
    explainer: Explainer,
    *,
    pairs: Sequence[tuple[str, str]],
    samples: int,
    noise: float,
    seed: int,
    tell: _Progress,
    known: list[Explanation] | None = None,
) -> _Seen:
    explanations = list(explainer.explain_many(pairs)) if known is None else known
    tell()
    if not samples:
        return _Seen(explanations, [])
    return _Seen(
        explanations,
        smooth_saliency(explainer, pairs, samples=samples, noise=noise, seed=seed, progress=tell),
    )


def _checked(
    trained: Sequence[Explanation], explainer: Explainer, pairs: Sequence[tuple[str, str]]
) -> list[Explanation]:
    """Return ``trained``. Raises OptionError where it is of another method or other pairs."""
    own = [(explainer.method.name, *(clean_text(t, side="given").text for t in p)) for p in pairs]
    if [(e.method, e.left.text, e.right.text) for e in trained] != own:
        raise OptionError(
            f"trained has {len(trained)} explanations that are not those of the {len(pairs)} pairs "
            f"by {explainer.method.name}, in their order: give what explain_many gave for them."
        )
    return list(trained)


def _compare(
    comparison: Comparison, trained: _Seen, randomised: _Seen, state: RandomizedState
) -> RandomizationStep:
    """Return one step of one seed: values are (1, P)."""
    both = zip(trained.explanations, randomised.explanations, strict=True)
    rows = [comparison.explanations(n, old, new) for n, (old, new) in enumerate(both)]
    for n, (one, other) in enumerate(zip(trained.smooth, randomised.smooth, strict=True)):
        rows[n]["smprt"] = comparison.smooth(n, one, other)
    return RandomizationStep(
        state.name,
        state.parts,
        {metric: np.array([[row[metric] for row in rows]]) for metric in rows[0]},
        np.array([[explanation.similarity for explanation in randomised.explanations]]),
    )


def _joined(steps: Sequence[RandomizationStep]) -> RandomizationStep:
    """Return one state under all seeds: values are (S, P)."""
    first = steps[0]
    return RandomizationStep(
        first.name,
        first.parts,
        {metric: np.vstack([step.values[metric] for step in steps]) for metric in first.values},
        np.vstack([step.similarity for step in steps]),
    )


def _words(explainer: Explainer, explanations: Sequence[Explanation]) -> tuple[Words, ...]:
    """Return which words of each pair's texts are compared."""
    refuse_chunks(explainer.options, what="a test with randomised weights")
    pairs = [(e.left.text, e.right.text) for e in explanations]
    readings = read_pairs(
        explainer.model, pairs, prompts=explainer.prompts, options=explainer.options
    )
    read, single = [], []
    for side in (0, 1):
        alignments = [pair[side].prepared.alignment for pair in readings]
        read.append([alignment.has_token for alignment in alignments])
        single.append([np.bincount(a.link_words, minlength=len(a.spans)) == 1 for a in alignments])
    found = []
    for n, explanation in enumerate(explanations):
        left, right = explanation.left, explanation.right
        plain = single[0][n] & _not_in(left, right), single[1][n] & _not_in(right, left)
        found.append(Words((read[0][n], read[1][n]), plain))
    return tuple(found)


def _not_in(text: ExplainedText, other: ExplainedText) -> Mask:
    """Return which words of ``text`` do not stand in ``other``, in any case."""
    there = {word.text.casefold() for word in other.words}
    return np.array([word.text.casefold() not in there for word in text.words], dtype=np.bool_)


def _count_constant(comparison: Comparison, explanations: Sequence[Explanation]) -> int:
    sides = [
        side
        for n, e in enumerate(explanations)
        for side in comparison.sides(n, (saliency_of(e.left), saliency_of(e.right)))
    ]
    return sum(len(side) == 0 or bool(np.ptp(side) == 0) for side in sides)


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
class RandomizationTable(Tabulated):
    """Two results for each method: all weights random, and all but the embeddings."""

    results: tuple[RandomizationResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {"results": [result.to_dict() for result in self.results]}

    def to_markdown(self) -> str:
        """Return a table: means over pairs with 95 % intervals, and undefined comparisons."""
        metrics = [m for m in (*COLUMNS, "smprt") if m in self.results[0].last.values]
        heads = ["method", "embeddings", *metrics, "cosine"]
        lines = [write_row(heads), "|" + "---|" * len(heads)]
        for result in self.results:
            step = result.last
            kept = "kept" if result.keep_embeddings else "random"
            cells = [say_interval(step.interval(m), step.undefined(m)) for m in metrics]
            cells.append(f"{step.similarity.mean():.3f}")
            lines.append(write_row([result.method, kept, *cells]))
        first = self.results[0]
        chance = first.chance[first.chance == first.chance]
        said = say_interval(mean_interval(chance), 0) if len(chance) else "undefined"
        note = (
            f"{first.model}, {len(first.chance)} pairs, seeds {list(first.seeds)}; jaccard_words "
            f"of two random choices: {said}."
        )
        return "\n".join([*lines, "", note])

    def __repr__(self) -> str:
        """Return one line: the whole would be the values of every pair."""
        methods = list(dict.fromkeys(result.method for result in self.results))
        return f"RandomizationTable(methods={methods})"


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

    Parameters
    ----------
    explainer : Explainer
        A model; its own method plays no part.
    pairs : Sequence[tuple[str, str]]
        P pairs of texts.
    methods : sequence of str, default=CONTROLLED
        Names of methods.
    seeds : int, default=3
        S, how many randomised models.
    seed : int, default=0
        Of the first one.
    samples : int, default=0
        Of sMPRT, see ``measure_randomization``.
    progress : Callable[[int, int], None], optional
        Called with how many tests are done, and how many there are.

    Raises
    ------
    OptionError, TextError, ModelError
        As ``measure_randomization``.
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
