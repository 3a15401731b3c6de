"""What a suite measures, and how: parts, metrics, and what happens to the words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from whyalike.errors import OptionError
from whyalike.evaluation import infidelity, sensitivity
from whyalike.evaluation.faithfulness_curves import SIDES, Side
from whyalike.evaluation.perturbed import Kind
from whyalike.evaluation.suite_metrics import RANDOMIZATION
from whyalike.options import check_choice

PairPart = Literal["faithfulness", "randomization", "infidelity", "sensitivity"]
"""What can be measured on pairs of texts without gold."""

FAITHFULNESS = (
    "aopc_deletion",
    "sufficiency",
    "deletion_area",
    "insertion_area",
    "pair_deletion",
    "pair_interaction",
)
GOLD = {
    "alignment": ("alignment_f", "alignment_f_non_identical", "alignment_f_unaligned"),
    "ists": ("ists_f1_ali",),
}


def checked_parts(parts: Sequence[str]) -> tuple[str, ...]:
    """Return the parts to measure on pairs, each once.

    Raises:
        OptionError: none, or an unknown one.
    """
    names = tuple(dict.fromkeys(parts))
    allowed = get_args(PairPart)
    if not names or (wrong := [name for name in names if name not in allowed]):
        said = repr(wrong[0]) if names else "nothing"
        raise OptionError(f"There is no part {said} of a suite; there are: {', '.join(allowed)}.")
    return names


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How a suite measures.

    metrics: of faithfulness, by name. replacement: what stands for a word that is taken away. side:
    whose words are taken away. seed: of what is random, intervals included.
    """

    metrics: tuple[str, ...]
    replacement: Kind = "drop"
    side: Side = "both"
    seed: int = 0

    def check(self, datasets: Iterable[str], catalogues: Mapping[str, Sequence[str]]) -> None:
        """Refuse what can't be measured on these datasets of pairs.

        Raises:
            OptionError: another replacement or side, or words of a catalogue that is not there.
        """
        check_choice("replacement", self.replacement, get_args(Kind))
        check_choice("side", self.side, SIDES)
        if self.replacement == "catalogue":
            for name in datasets:
                if not catalogues.get(name):
                    raise OptionError(
                        f"replacement is 'catalogue', and there is none of {name!r}: give the "
                        "texts that its pairs come from, or take 'drop' or 'mask'."
                    )

    def metrics_of(self, part: str) -> tuple[str, ...]:
        """Return the names of a part's metrics."""
        of_pairs: Mapping[str, Sequence[str]] = {
            "faithfulness": self.metrics,
            "randomization": tuple(RANDOMIZATION),
            "infidelity": tuple(infidelity.METRICS),
            "sensitivity": tuple(sensitivity.METRICS),
        }
        return tuple(of_pairs.get(part) or GOLD[part])

    @property
    def said(self) -> dict[str, str]:
        """What is not as usual, for a report."""
        stands = {"mask": "the model's mask token", "catalogue": "words of the catalogue"}
        found = {}
        if self.replacement != "drop":
            found["In the place of a word"] = stands[self.replacement]
        if self.side != "both":
            found["Words are taken"] = f"from the {self.side} text"
        return found
