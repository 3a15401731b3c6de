"""What a study is made of, as plain data: stimuli, checks, practice, and a rater's tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from whyalike.errors import OptionError
from whyalike.explanation import Explanation

Kind = Literal["practice", "item", "check", "repeat"]

QUESTION = "How well do the marked words and pairs explain why these two texts are alike?"
SCALE = ("poorly", "rather poorly", "fairly", "well", "excellently")
LOWEST, HIGHEST = 1, len(SCALE)


@dataclass(frozen=True, slots=True)
class Stimulus:
    """What a rater is asked about: one sample, explained by one method, as it is shown.

    ``explanation`` holds nothing that a rater may not see, and no name of a method. ``sha256`` is
    of its file, ``stimuli/ID.json``.
    """

    id: str
    sample: int
    method: str
    explanation: Explanation
    sha256: str


@dataclass(frozen=True, slots=True)
class Practice:
    """An item with a known answer: from ``low`` to ``high``, and ``why``, which is shown."""

    id: str
    explanation: Explanation
    low: int
    high: int
    why: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Check:
    """An item that only an inattentive rater answers outside of ``low`` to ``high``.

    ``sample`` is the sample whose texts it shows, or None where it has texts of its own.
    """

    id: str
    explanation: Explanation
    low: int
    high: int
    why: str
    sample: int | None
    sha256: str


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """How much one rater is given, see ``design.plan``.

    ``per_rater`` counts items, without checks and repeats; None is every sample by every method.
    """

    per_rater: int | None
    checks: int
    repeats: int


@dataclass(frozen=True)
class Study:
    """A frozen study. Methods by stimulus are secret: they stay on the server.

    Parameters
    ----------
    folder : Path
        Where it lies.
    seed : int
        Of samples, ids and orders.
    question : str
        Asked on every screen.
    scale : tuple[str, ...]
        What 1 to 5 mean, lowest first.
    methods : tuple[str, ...]
        Names, in the order in which they are reported.
    model : str
        Whose similarity is explained.
    fingerprint : str
        A digest of the vectors that the model gives to the texts.
    versions : Mapping[str, str]
        Of Python and the packages that made the stimuli.
    settings : Mapping[str, Any]
        What was chosen when it was made.
    plan : PlanSettings
        How much one rater is given.
    samples : int
        How many pairs of texts.
    stimuli : tuple[Stimulus, ...]
        A stimulus for each sample and method.
    practice : tuple[Practice, ...]
        Shown first, in this order.
    checks : tuple[Check, ...]
        Mixed in.
    digest : str
        SHA-256 of ``study.json``, which holds the hashes of everything else.
    """

    folder: Path
    seed: int
    question: str
    scale: tuple[str, ...]
    methods: tuple[str, ...]
    model: str
    fingerprint: str
    versions: Mapping[str, str]
    settings: Mapping[str, Any]
    plan: PlanSettings
    samples: int
    stimuli: tuple[Stimulus, ...]
    practice: tuple[Practice, ...]
    checks: tuple[Check, ...]
    digest: str

    def shown(self, stimulus_id: str) -> Stimulus | Practice | Check:
        """Return what has that id. Raises OptionError where nothing has."""
        found = self._by_id.get(stimulus_id)
        if found is None:
            raise OptionError(f"The study has nothing of the id {stimulus_id!r}: ask its plan.")
        return found

    def stimulus_of(self, sample: int, method: str) -> Stimulus:
        """Return the sample as that method explains it. Raises OptionError where there is none."""
        found = self._by_cell.get((sample, method))
        if found is None:
            raise OptionError(
                f"The study has no sample {sample} by {method!r}; it has {self.samples} samples by "
                f"{', '.join(self.methods)}."
            )
        return found

    @cached_property
    def _by_id(self) -> dict[str, Stimulus | Practice | Check]:
        every: list[Stimulus | Practice | Check] = [*self.stimuli, *self.practice, *self.checks]
        return {one.id: one for one in every}

    @cached_property
    def _by_cell(self) -> dict[tuple[int, str], Stimulus]:
        return {(one.sample, one.method): one for one in self.stimuli}


@dataclass(frozen=True, slots=True)
class Task:
    """One screen of a rater. ``position`` counts from 0, practice included.

    ``repeat_of`` is the position at which a ``"repeat"`` was shown before.
    """

    position: int
    kind: Kind
    stimulus_id: str
    repeat_of: int | None = field(default=None)
