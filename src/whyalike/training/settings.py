"""Every choice of a training run, checked."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal, Self, get_args

from whyalike.errors import OptionError
from whyalike.options import check_choice

Encoding = Literal["joint", "separate"]
Negative = Literal["drawn", "all", "ranking"]
Preset = Literal["ranking", "recobert"]

PRESETS: Mapping[Preset, Mapping[str, Any]] = MappingProxyType(
    {
        "ranking": MappingProxyType({}),
        "recobert": MappingProxyType(
            {
                "encoding": "joint",
                "negatives": "drawn",
                "mlm_weight": 1.0,
                "learning_rate": 2e-5,
                "batch_size": 32,
                # The paper trains to the end; lone titles, which are watched, say little of a
                # loss on titles that are read beside their descriptions.
                "watched": 0.0,
            }
        ),
    }
)
"""What each preset has other than the defaults, which are those of ``"ranking"``."""

_OBJECTIVES = {
    "drawn": "title-description loss, texts apart",
    "all": "title-description loss, all pairs of a batch",
    "ranking": "ranking loss",
}

WATCHED, LEAST_WATCHED = 0.05, 20
"""By default: the share of items that tell when to stop, and how many there must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How to train.

    Attributes
    ----------
    encoding : Encoding, default='separate'
        ``"joint"``, the paper's, has title and description in one sequence; ``"separate"`` reads
        each alone, as both are read after training.
    negatives : Negative, default='ranking'
        ``"drawn"``, the paper's, shows each title with a false description half the time; ``"all"``
        compares each title of a batch with each description of it, by the paper's loss;
        ``"ranking"`` by a softmax over them. The last two need ``"separate"``.
    scale : float, default=20.0
        What ``"ranking"`` multiplies cosines by.
    mlm_weight : float, default=0.1
        The weight of the masked-language loss; 0 trains without it.
    mask : float, default=0.15
        The share of tokens that are masked.
    learning_rate : float, default=5e-05
        At its peak; it warms up, then falls to 0 in a straight line.
    warmup : float, default=0.1
        The share of steps that warm up.
    batch_size : int, default=16
        Pairs of a step, in each process; false pairs come from the batches of all processes.
    cached_batch : bool, default=False
        Whether embeddings are computed once without activations, and again a few rows at a time
        with them (gradient caching): the same steps, with memory that does not grow with
        ``batch_size``, for a forward more.
    epochs : float, default=3.0
        Passes over the catalogue.
    max_steps : int, optional
        Instead of ``epochs``.
    max_length : int, default=128
        Tokens read of a sequence; what is beyond is cut.
    weight_decay : float, default=0.01
        Of AdamW.
    clip : float, default=1.0
        The greatest norm of the gradient.
    patience : int | None, default=3
        Looks at the watched items without a better MRR before it stops; None never stops. The best
        step is what is kept.
    looks : int, default=10
        How often to look at the watched items and to keep a checkpoint, over the whole run.
    held_out : float, default=0.2
        The share of items to report on; 0 reports nothing.
    watched : float, optional
        The share of items that tell when to stop; 0 trains to the end. None is 5 %, or nothing
        where that would be fewer than 20 items: so few tell one step from another by chance only.
    seed : int, default=0
        Of everything drawn.
    """

    encoding: Encoding = "separate"
    negatives: Negative = "ranking"
    scale: float = 20.0
    mlm_weight: float = 0.1
    mask: float = 0.15
    learning_rate: float = 5e-5
    warmup: float = 0.1
    batch_size: int = 16
    cached_batch: bool = False
    epochs: float = 3.0
    max_steps: int | None = None
    max_length: int = 128
    weight_decay: float = 0.01
    clip: float = 1.0
    patience: int | None = 3
    looks: int = 10
    held_out: float = 0.2
    watched: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise OptionError on a value that can't be."""
        check_choice("encoding", self.encoding, get_args(Encoding))
        check_choice("negatives", self.negatives, get_args(Negative))
        for name in ("scale", "learning_rate", "epochs", "clip"):
            _check(name, getattr(self, name), lambda value: value > 0, "above 0")
        for name in ("mlm_weight", "weight_decay"):
            _check(name, getattr(self, name), lambda value: value >= 0, "0 or above")
        for name in ("mask", "warmup", "held_out"):
            _check(name, getattr(self, name), lambda value: 0 <= value < 1, "from 0 to below 1")
        if self.watched is not None:
            _check("watched", self.watched, lambda value: 0 <= value < 1, "from 0 to below 1")
        if not isinstance(self.cached_batch, bool):
            raise OptionError(f"cached_batch is {self.cached_batch!r}; it is True or False.")
        _check("batch_size", self.batch_size, lambda value: value >= 1, "1 or more")
        _check("looks", self.looks, lambda value: value >= 1, "1 or more")
        _check("max_length", self.max_length, lambda value: value >= 8, "8 or more")
        _check("seed", self.seed, lambda value: value >= 0, "0 or above")
        for name in ("max_steps", "patience"):
            if getattr(self, name) is not None:
                _check(name, getattr(self, name), lambda value: value >= 1, "1 or more, or None")
        if self.encoding == "joint" and self.negatives != "drawn":
            raise OptionError(
                f"negatives={self.negatives!r} compares each title with every description of a "
                "batch, which a joint sequence can't: choose encoding='separate', or "
                "negatives='drawn'."
            )
        if self.negatives != "drawn" and self.batch_size < 2:
            raise OptionError(
                f"negatives={self.negatives!r} takes false pairs from the batch: batch_size is "
                f"{self.batch_size}, and must be 2 or more."
            )

    @classmethod
    def of(cls, *, preset: Preset = "ranking", **choices: Any) -> Self:
        """Return settings of these choices, where those that depend on others follow them.

        Joint sequences have drawn negatives, unless said otherwise.

        Parameters
        ----------
        preset : Preset, default='ranking'
            What the settings are that are not chosen. ``"ranking"``, the default of training: a
            softmax over the descriptions of a batch, with a little masked-language modelling.
            ``"recobert"``: the joint objective of Malkiel et al. (2020), title-description and
            masked-language loss of equal weight on both texts in one sequence.
        **choices : Any
            Attributes of this class.

        Raises
        ------
        OptionError
            There is no such preset, or a value that can't be.
        """
        check_choice("preset", preset, get_args(Preset))
        choices = {**PRESETS[preset], **choices}
        if choices.get("encoding") == "joint":
            choices = {"negatives": "drawn", **choices}
        return cls(**choices)

    @property
    def objective(self) -> str:
        """What the objective is called in tables: RecoBERT is the paper's own, and no other."""
        if self.encoding == "joint":
            own = "" if self.mlm_weight == 1 else f", masked words × {self.mlm_weight:g}"
            return f"RecoBERT{own}"
        words = f" + masked words × {self.mlm_weight:g}" if self.mlm_weight else ""
        return f"{_OBJECTIVES[self.negatives]}{words}"

    def share_watched(self, items: int) -> float:
        """Return the share of so many items that tells when to stop."""
        if self.watched is not None:
            return self.watched
        return WATCHED if round(WATCHED * items) >= LEAST_WATCHED else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def _check(name: str, value: Any, allowed: Any, wanted: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = name in {"batch_size", "looks", "max_length", "seed", "max_steps", "patience"}
    if not number or (whole and not isinstance(value, int)) or not allowed(value):
        raise OptionError(f"{name} is {value!r}; it is a number {wanted}.")
