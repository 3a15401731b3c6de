"""What training found, and the model card that says so."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from whyalike.arrays import Floats
from whyalike.data.items import Item
from whyalike.documents import Format, package_versions, read_object, read_value
from whyalike.errors import WhyalikeError
from whyalike.models.encoder import Encoder
from whyalike.models.loading import ModelSource, load
from whyalike.render.markdown_table import write_row
from whyalike.showing import Tabulated
from whyalike.similarity import similarity_matrix
from whyalike.training.data import number_texts
from whyalike.training.fusing import Scores, choose_weight
from whyalike.training.retrieval import RetrievalMetrics, rank_by, share_of_kind_by
from whyalike.training.settings import TrainingSettings
from whyalike.training.tfidf import WordCounts

WORDS_ALONE = "TF-IDF, untrained"

FORMAT = Format("whyalike/training", "result of a training run", "Train anew.")


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a run is. Losses are means since the last one reported, in nats.

    Attributes
    ----------
    step : int
        Steps done.
    steps : int
        Steps there are at most.
    title_description : float | None
        The loss of pairs; None where only ``mrr`` is reported.
    masked_words : float | None
        The loss of masked tokens.
    mrr : float | None
        Of the watched items, titles to descriptions; None between looks.
    seconds_left : float | None
        At the speed so far; None where that is unknown.
    """

    step: int
    steps: int
    title_description: float | None
    masked_words: float | None
    mrr: float | None
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """The figures of one model on the held-out items.

    Attributes
    ----------
    name : str
        What the model is.
    retrieval : RetrievalMetrics
        Held-out titles to descriptions, among those of the whole catalogue.
    same_kind : float | None
        The share of held-out descriptions whose nearest other description is of an item of the same
        kind; None where items have no kind.
    """

    name: str
    retrieval: RetrievalMetrics
    same_kind: float | None


@dataclass(frozen=True, slots=True, repr=False)
class TrainingResult(Tabulated):
    """A finished run.

    Attributes
    ----------
    folder : Path | None
        Of the model, which loads as a SentenceTransformer; None where it was moved.
    base : str
        The model that was trained from.
    catalogue : str
        Its name.
    items : int
        How many items had a title and a description; ``trained``, ``watched`` and ``held_out`` of
        them.
    steps : int
        Steps that were done; ``best_step`` is the one that was kept.
    seconds : float
        That training took, over all runs to its end; what was lost after a checkpoint is not in it.
    history : tuple[TrainingProgress, ...]
        Losses and looks, in order.
    figures : tuple[ModelFigures, ...]
        The base, the trained model, TF-IDF, both together where items were watched, and the trained
        baselines, in this order. Runs of before there was TF-IDF have none.
    settings : Mapping[str, Any]
        All choices.
    notes : tuple[str, ...]
        What a user should know.
    """

    folder: Path | None
    base: str
    catalogue: str
    items: int
    trained: int
    watched: int
    held_out: int
    steps: int
    best_step: int
    seconds: float
    history: tuple[TrainingProgress, ...]
    figures: tuple[ModelFigures, ...]
    settings: Mapping[str, Any]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without the folder."""
        found = {**FORMAT.head(), **asdict(self)}
        del found["folder"]
        for name in ("history", "figures", "notes"):
            found[name] = list(found[name])
        return found

    @classmethod
    def from_dict(cls, found: object, *, folder: Path | None = None) -> Self:
        """Return what ``to_dict`` gave. Raises FormatError on damage, or a newer release's."""
        # What was trained before 1.0 says neither format nor version.
        body = FORMAT.body(found, unnamed=True)
        with FORMAT.reading():
            read = read_object(body, cls, given={"folder": folder})
            # Settings that there were not when it was trained have their defaults.
            settings = read_value(read["settings"], TrainingSettings, "settings")
            return cls(**{**read, "settings": settings.to_dict()})

    def to_markdown(self) -> str:
        """Return what was trained, and the figures before and after as a table."""
        what = f"{self.base}, trained on {self.trained:,} items of {self.catalogue}"
        lines = [f"{what}: step {self.best_step:,} of {self.steps:,} was kept.", ""]
        lines += [figures_table(self.figures) if self.figures else "No items were held out."]
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    def __repr__(self) -> str:
        """Return one line: the whole would be every step that was logged."""
        return (
            f"TrainingResult(folder={self.folder!r}, base={self.base!r}, "
            f"catalogue={self.catalogue!r}, steps={self.steps}, best_step={self.best_step})"
        )


KINDS = ("category", "type", "variety", "product_type", "kind", "genre", "class")
"""Columns that look like a kind of item."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What models are measured on.

    Attributes
    ----------
    pairs : Sequence[tuple[str, str]]
        Title and description of all items.
    queries : sequence of int
        The held-out ones.
    kinds : sequence of object
        Of all items; None where there is none.
    watched : sequence of int, default=()
        The ones that may choose, and are not reported on.
    """

    pairs: Sequence[tuple[str, str]]
    queries: Sequence[int]
    kinds: Sequence[object]
    watched: Sequence[int] = ()

    @property
    def texts(self) -> Sequence[int]:
        """Equal numbers for equal descriptions."""
        found: Sequence[int] = number_texts([description for _, description in self.pairs]).tolist()
        return found

    @property
    def titles(self) -> list[str]:
        """Of the held-out items, then of the watched ones."""
        return [self.pairs[index][0] for index in (*self.queries, *self.watched)]

    def embed(
        self,
        model: ModelSource,
        *,
        prompted: bool = True,
        device: str | None = None,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
    ) -> Scores:
        """Return how near a model finds titles and descriptions, each embedded alone.

        A title is a query and a description a document, each with the prompt that the model has for
        it; without any where ``prompted`` is False, or where no prompt alone makes a query.
        """
        encoder = Encoder(
            load(
                model, device=device, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle
            )
        )
        query, document = _own_prompts(encoder) if prompted else ("", "")
        titles = encoder.embed(self.titles, prompt=query)
        descriptions = encoder.embed([text for _, text in self.pairs], prompt=document)
        function = encoder.similarity_function
        return Scores(
            lambda rows: similarity_matrix(titles[rows], descriptions, function=function),
            lambda rows: similarity_matrix(descriptions[rows], descriptions, function=function),
        )

    def count_words(self) -> Scores:
        """Return TF-IDF, for which nothing is learnt: the floor of any model.

        Its idf is the catalogue's; see ``WordCounts``.
        """
        titles, descriptions = ([pair[side] for pair in self.pairs] for side in (0, 1))
        counts = WordCounts(titles, descriptions)
        asked = self.titles
        return Scores(lambda rows: counts.cosines(asked[rows]), counts.cosines_of)

    def choose_weight(self, near: Scores, words: Scores) -> float:
        """Return the weight of words that is best for watched titles, among all descriptions."""
        first = len(self.queries)

        def of_watched(scores: Scores) -> Callable[[slice], Floats]:
            return lambda rows: scores.of_titles(slice(first + rows.start, first + rows.stop))

        return choose_weight(
            of_watched(near), of_watched(words), own=self.watched, texts=self.texts
        )

    def measure(self, near: Scores, name: str) -> ModelFigures:
        """Return the figures of scores on the held-out items."""
        texts = self.texts
        return ModelFigures(
            name=name,
            retrieval=rank_by(near.of_titles, own=self.queries, texts=texts),
            same_kind=share_of_kind_by(
                near.of_descriptions, self.kinds, queries=self.queries, texts=texts
            ),
        )


def _own_prompts(encoder: Encoder) -> tuple[str, str]:
    try:
        return encoder.find_prompts(None, None)
    except WhyalikeError:
        # Figures of a model that was trained for hours don't fail for this.
        return "", ""


def guess_kind(items: Sequence[Item]) -> str | None:
    """Return the metadata that looks like a kind of item, or None."""
    if not items:
        return None
    names = {name.casefold(): name for name in items[0].metadata}
    return next((names[kind] for kind in KINDS if kind in names), None)


OBJECTIVES = {
    "drawn": "binary cross-entropy of (1 + cos) / 2 of title and description, where half of the "
    "titles are shown with the description of another item (Malkiel et al. 2020)",
    "all": "the same, over every title with every description of a batch",
    "ranking": "cross-entropy of finding a title's description among those of the batch",
}

_ENCODINGS = {
    "joint": "in one sequence, as in the RecoBERT paper",
    "separate": "each in a sequence of its own, as they are embedded after training",
}

_CARD = """---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags: [sentence-transformers, sentence-similarity, {tag}whyalike]
---

# Item similarity learnt from {catalogue}

Embeds titles and descriptions of items so that their cosine says how alike two items are. Trained
from `{base}` without labels, on {trained} items of {catalogue} ({items} have a title and a
description; {watched} told when to stop, {held_out} were kept for the figures below).

## How it was trained

- Objective: {name}. Title and description: {encoding}; {objective}.
- Masked-language loss: {masked}.
- Step {best_step} of {steps} was kept: batches of {batch_size}, learning rate {learning_rate}.
- Seed {seed}; all settings stand in `training.json`.
- An embedding is the mean of a text's token vectors without special tokens.
{notes}
## Figures on the held-out items

Each held-out title looks for its own description among those of the whole catalogue, both embedded
alone. MPR: mean percentile rank, 0 is best. Same kind: the nearest other description is of an item
of the same kind. TF-IDF compares words alone, by how rare they are in the catalogue's texts: what
any model should do better than. Trained, with TF-IDF: both scores of a query, each of mean 0 and
deviation 1, with the weight that did best on the watched titles.

{table}

## Use it

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("this folder")
model.similarity(model.encode("a title or a description"), model.encode("another"))
```

Why it finds two texts alike, with [whyalike](https://pypi.org/project/whyalike/):

```python
from whyalike import Explainer

print(Explainer("this folder").explain("a text", "another"))
```

Made with {versions}.
"""


def write_card(result: TrainingResult) -> str:
    """Return the card, in Markdown."""
    settings = result.settings
    weight = settings["mlm_weight"]
    return _CARD.format(
        tag="recobert, " if settings["encoding"] == "joint" else "",
        name=TrainingSettings(**settings).objective,
        catalogue=result.catalogue,
        base=result.base,
        trained=result.trained,
        items=result.items,
        watched=result.watched,
        held_out=result.held_out,
        encoding=_ENCODINGS[settings["encoding"]],
        objective=OBJECTIVES[settings["negatives"]],
        masked=f"{settings['mask']:.0%} of tokens, weight {weight:g}" if weight else "none",
        best_step=result.best_step,
        steps=result.steps,
        batch_size=settings["batch_size"],
        learning_rate=f"{settings['learning_rate']:g}",
        seed=settings["seed"],
        notes="".join(f"- {note}\n" for note in result.notes),
        table=figures_table(result.figures) if result.figures else "No items were held out.",
        versions=", ".join(f"{name} {said}" for name, said in package_versions().items()),
    )


COLUMNS = ("model", "MRR", "MPR", "HR@1", "HR@10", "HR@100", "same kind")


def figures_rows(figures: tuple[ModelFigures, ...]) -> list[tuple[str, ...]]:
    """Return a row of texts for each model, as COLUMNS names them."""
    rows = []
    for model in figures:
        found = model.retrieval
        numbers = [found.mrr, found.mpr, found.hit_1, found.hit_10, found.hit_100]
        kind = "–" if model.same_kind is None else f"{model.same_kind:.3f}"
        rows.append((model.name, *(f"{number:.3f}" for number in numbers), kind))
    return rows


def figures_table(figures: tuple[ModelFigures, ...]) -> str:
    """Return the same as a Markdown table."""
    lines = [COLUMNS, ("---", *["---:"] * (len(COLUMNS) - 1)), *figures_rows(figures)]
    return "\n".join(map(write_row, lines))
