"""All methods by all metrics on one model, resumable, each result kept as it is found."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import whyalike
from whyalike.documents import package_versions
from whyalike.errors import FunctionError, OptionError, OutputError, WhyalikeError
from whyalike.evaluation.faithfulness import Side
from whyalike.evaluation.gold import AlignedPair
from whyalike.evaluation.ists import ChunkedPair
from whyalike.evaluation.leaderboard import Entry, Leaderboard
from whyalike.evaluation.measures import FAITHFULNESS, checked_metrics, checked_parts
from whyalike.evaluation.perturbed import Kind
from whyalike.evaluation.results import Result, ResultStore, TextPair, explain_all, known_score
from whyalike.evaluation.suite_choice import Choice, Fitted, digest_of
from whyalike.evaluation.suite_parts import check_part, measure_part, with_notes
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.fingerprint import sample_scores
from whyalike.options import check_whole
from whyalike.texts import clean_text

Progress = Callable[[str, int, int], None]

LOOKED = 8
"""Pairs of a dataset whose vectors tell whether kept results are of this model."""


@dataclass(frozen=True, kw_only=True)
class Datasets:
    """What to measure on, by name: pairs of texts, word alignments, chunk alignments.

    catalogues: the texts that a dataset's pairs come from, where they are known: how rare a word is
    is learnt from them, for the methods that go by it, and words to replace others with are drawn
    from them.
    """

    pairs: Mapping[str, Sequence[TextPair]] = field(default_factory=dict)
    alignments: Mapping[str, Sequence[AlignedPair]] = field(default_factory=dict)
    ists: Mapping[str, Sequence[ChunkedPair]] = field(default_factory=dict)
    catalogues: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def parts(self, on_pairs: Sequence[str]) -> list[tuple[str, str, Sequence[Any]]]:
        """Return (part, name, items) of each dataset; on pairs of texts, each of ``on_pairs``."""
        return [
            *((part, name, items) for name, items in self.pairs.items() for part in on_pairs),
            *(("alignment", name, items) for name, items in self.alignments.items()),
            *(("ists", name, items) for name, items in self.ists.items()),
        ]

    def texts(self) -> dict[str, tuple[TextPair, ...]]:
        """Return the texts of each dataset's pairs, in their order."""
        every: dict[str, Sequence[TextPair | AlignedPair | ChunkedPair]] = {
            **self.pairs,
            **self.alignments,
            **self.ists,
        }
        return {name: tuple(map(_texts_of, items)) for name, items in every.items()}


def run_suite(
    explainer: Explainer,
    datasets: Datasets,
    *,
    methods: Sequence[str],
    parts: Sequence[str] = ("faithfulness",),
    metrics: Sequence[str] = FAITHFULNESS,
    replacement: Kind = "drop",
    side: Side = "both",
    folder: Path | None = None,
    keep_texts: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
    left_out: Mapping[str, str] | None = None,
) -> Leaderboard:
    """Measure methods on datasets; a method that fails is left out with its reason.

    Parameters
    ----------
    explainer : Explainer
        The model; its options go for all methods.
    datasets : Datasets
        What to measure on.
    methods : sequence of str
        Names of methods.
    parts : sequence of str, default=('faithfulness',)
        What to measure on pairs of texts: faithfulness, randomization, infidelity, sensitivity. The
        last three explain each pair several times over.
    metrics : sequence of str, default=FAITHFULNESS
        Of faithfulness, names of ``measures.METRICS``.
    replacement : Kind, default='drop'
        What stands for a word that is taken away (``Replacement``); words of a catalogue are those
        of the dataset's own.
    side : Side, default='both'
        Whose words are taken away; metrics of pairs of words always take those of both.
    folder : Path, optional
        Where each result is kept as soon as it is there; a run that was cut off goes on from them.
        Results of another model, version, dataset or other options are not taken; a model is known
        by the vectors that it gives to the dataset's first texts.
    keep_texts : bool, default=True
        With a folder, keep the explanations of the pairs there too, texts and all, until they are
        measured: explaining that is cut off goes on from its last batch, and measuring begins
        again. Without, those that a run before has left are removed.
    seed : int, default=0
        Of intervals and of the order of words of equal saliency.
    progress : Progress, optional
        Is called with the dataset and method, with how many pairs are explained, and how many of
        all are done.
    left_out : Mapping[str, str], optional
        Methods that are not measured, and why, for the leaderboard to say.

    Raises
    ------
    TextError
        With a folder, something that is no text among a dataset's first pairs.
    OptionError
        No datasets, an empty one, two of one name, no methods, an unknown one of these, of parts or
        of metrics, another replacement or side, or words of a catalogue for a dataset that has
        none.
    OutputError
        The folder can't be written.
    FunctionError
        The explainer's function raised what does not pass by itself: no other method would get an
        answer. What was measured before is kept.
    """
    runs = datasets.parts(checked_parts(parts))
    if not runs or not methods:
        raise OptionError("A suite needs datasets and methods; give one of each at least.")
    _check_names(datasets)
    check_whole("seed", seed, least=0)
    choice = Choice(
        metrics=tuple(checked_metrics(metrics)), replacement=replacement, side=side, seed=seed
    )
    choice.check(datasets.pairs, datasets.catalogues)
    explainers = {name: explainer.with_method(name) for name in dict.fromkeys(methods)}
    store = None if folder is None else ResultStore(folder)
    if store is not None and not keep_texts:
        store.forget_explanations()
    scores = {} if folder is None else _scores(explainer, runs, folder)
    entries: list[Entry] = []
    versions: list[Mapping[str, str]] = []
    failures: dict[str, str] = dict(left_out or {})
    total = len(runs) * len(explainers)
    fitted = Fitted(datasets.catalogues)
    for done, (part, name, items, method, own) in enumerate(_by_method(runs, explainers)):
        tell = partial(_tell, progress, f"{name}: {method}", done, total)
        tell("")
        place = f"{part}.{name}.{method}"
        of_catalogue = fitted.digest(name) if fitted.matters(own, part, choice) else ""
        key = _key(own, part, items, choice, score=scores.get(name, ""), catalogue=of_catalogue)
        found = None if store is None else store.read(place, key)
        if found is None:
            kept = store.explanations(place) if store is not None and keep_texts else None
            try:
                check_part(part, own)
                learnt = fitted.fit(own, name)
                explanations = _explain(learnt, items, kept, key, tell)
                tell(", measuring")
                measured = measure_part(
                    part,
                    name,
                    learnt,
                    items,
                    explanations=explanations,
                    choice=choice,
                    replacement=fitted.replacement(choice, name),
                )
            except (OutputError, FunctionError):
                raise
            except WhyalikeError as error:
                failures[f"{method} on {name}"] = str(error)
                continue
            found = Result(with_notes(measured, explanations), package_versions())
            if store is not None:
                store.write(place, key, found)
        if store is not None:
            store.forget_explanations(place)
        entries += found.entries
        versions.append(found.versions)
    _tell(progress, "done", total, total, "")
    return Leaderboard(
        entries=tuple(entries),
        failures=failures,
        model=explainer.model.name,
        pooling=explainer.model.pooling,
        prompts=explainer.prompts,
        version=whyalike.__version__,
        items={name: len(items) for _, name, items in runs},
        versions=_joined(versions),
        digests={name: digest_of(map(repr, items)) for _, name, items in runs},
        settings=choice.said,
    )


def _joined(versions: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the version of each package; several where results were kept from another time."""
    names = dict.fromkeys(name for each in versions for name in each)
    return {
        name: ", ".join(dict.fromkeys(each[name] for each in versions if name in each))
        for name in names
    }


def _tell(progress: Progress | None, what: str, done: int, total: int, detail: str) -> None:
    if progress is not None:
        progress(what + detail, done, total)


def _explain(
    explainer: Explainer,
    items: Sequence[Any],
    path: Path | None,
    key: str,
    tell: Callable[[str], None],
) -> list[Explanation]:
    # Of other packages, or from other batches, they would not be what this run gives.
    made_by = json.dumps([key, package_versions(), explainer.batch_size])
    return explain_all(
        explainer,
        [_texts_of(item) for item in items],
        path=path,
        key=made_by,
        tell=lambda number: tell(f", {number} of {len(items)} pairs explained"),
    )


def _check_names(datasets: Datasets) -> None:
    every = [
        (name, items)
        for kind in (datasets.pairs, datasets.alignments, datasets.ists)
        for name, items in kind.items()
    ]
    times = Counter(name for name, _ in every)
    for name, items in every:
        if times[name] > 1:
            raise OptionError(
                f"{times[name]} datasets are called {name!r}: give each its own name."
            )
        if not items:
            raise OptionError(f"There are no pairs in {name!r}: give a dataset that has some.")


def _by_method(
    runs: Sequence[tuple[str, str, Sequence[Any]]], explainers: Mapping[str, Explainer]
) -> Iterator[tuple[str, str, Sequence[Any], str, Explainer]]:
    for part, name, items in runs:
        for method, own in explainers.items():
            yield part, name, items, method, own


def _key(
    explainer: Explainer,
    part: str,
    items: Sequence[Any],
    choice: Choice,
    *,
    score: str,
    catalogue: str,
) -> str:
    """Return a digest of everything that a result depends on."""
    what = {
        "metrics": choice.metrics_of(part),
        "replacement": choice.replacement,
        "side": choice.side,
        "catalogue": catalogue,
        "version": whyalike.__version__,
        "model": explainer.model.name,
        "pooling": explainer.model.pooling,
        "method": explainer.method.name,
        "options": explainer.options.to_dict(),
        "score": score,
        "part": part,
        "items": [repr(item) for item in items],
        "seed": choice.seed,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _scores(
    explainer: Explainer, runs: Sequence[tuple[str, str, Sequence[Any]]], folder: Path
) -> dict[str, str]:
    """Return by dataset what its kept results were measured with, whatever the model is called."""
    file = folder / "scores.npz"
    return {
        name: known_score(file, sample_scores(explainer, texts))
        for name, texts in {name: _first_texts(items) for _, name, items in runs}.items()
    }


def _texts_of(item: TextPair | AlignedPair | ChunkedPair) -> TextPair:
    return (item.left, item.right) if isinstance(item, AlignedPair | ChunkedPair) else item


def _first_texts(items: Sequence[Any]) -> list[str]:
    pairs = [_texts_of(item) for item in items[:LOOKED]]
    return [clean_text(text, side="measured").text for pair in pairs for text in pair]
