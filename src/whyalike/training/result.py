"""What a training run came to: losses over time, figures before and after, where it lies."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from whyalike.documents import Format, read_object, read_value
from whyalike.training.retrieval import RetrievalMetrics
from whyalike.training.settings import TrainingSettings

FORMAT = Format("whyalike/training", "result of a training run", "Train anew.")


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a run is. Losses are means since the last one told, in nats.

    Attributes:
        step: steps done.
        steps: steps there are at most.
        title_description: the loss of pairs; None where only ``mrr`` is told.
        masked_words: the loss of masked tokens.
        mrr: of the watched items, titles to descriptions; None between looks.
        seconds_left: at the speed so far; None where that is unknown.
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

    Attributes:
        name: what the model is.
        retrieval: held-out titles to descriptions, among those of the whole catalogue.
        same_kind: the share of held-out descriptions whose nearest other description is of an
            item of the same kind; None where items have no kind.
    """

    name: str
    retrieval: RetrievalMetrics
    same_kind: float | None


@dataclass(frozen=True, slots=True, repr=False)
class TrainingResult:
    """A finished run.

    Attributes:
        folder: of the model, which loads as a SentenceTransformer; None where it was moved.
        base: the model that was trained from.
        catalogue: its name.
        items: how many items had a title and a description; ``trained``, ``watched`` and
            ``held_out`` of them.
        steps: steps that were done; ``best_step`` is the one that was kept.
        seconds: that training took, in the last run if it was resumed.
        history: losses and looks, in order.
        figures: the base, the trained model, and the baselines, in this order.
        settings: all choices.
        notes: what a user should know.
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
        from whyalike.training.card import figures_table

        what = f"{self.base}, trained on {self.trained:,} items of {self.catalogue}"
        lines = [f"{what}: step {self.best_step:,} of {self.steps:,} was kept.", ""]
        lines += [figures_table(self.figures) if self.figures else "No items were held out."]
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        """Return ``to_markdown``, which can be read as it is."""
        return self.to_markdown()

    def __repr__(self) -> str:
        """Return one line: the whole would be every step that was logged."""
        return (
            f"TrainingResult(folder={self.folder!r}, base={self.base!r}, "
            f"catalogue={self.catalogue!r}, steps={self.steps}, best_step={self.best_step})"
        )

    def _repr_markdown_(self) -> str:
        return self.to_markdown()
