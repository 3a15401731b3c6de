"""What a suite measures, and how: parts, metrics, and what happens to the words."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from whyalike.errors import OptionError
from whyalike.evaluation import agreement as randomization_agreement
from whyalike.evaluation import alignment, infidelity, ists, measures, sensitivity
from whyalike.evaluation.faithfulness import SIDES, Side
from whyalike.evaluation.metrics import Metric
from whyalike.evaluation.perturbed import Kind, Replacement
from whyalike.explainer import Explainer
from whyalike.options import check_choice
from whyalike.words import Lexicon

AGREEMENTS = ("spearman", "spearman_plain", "jaccard_words")

BY_CHANCE = "jaccard_words"
"""The agreement that is above 0 by chance; that of the others is 0."""

WEIGHTS = {
    "random": "all weights random",
    "kept": "all weights random but the embeddings",
}

HEADINGS = {"spearman": "rank", "spearman_plain": "rank plain", "jaccard_words": "top words"}

RANDOMIZATION: dict[str, Metric] = {
    f"{name}_{weights}": replace(
        randomization_agreement.METRICS[name],
        name=f"{name}_{weights}",
        summary=f"{randomization_agreement.METRICS[name].summary} ({said})",
        heading=f"{HEADINGS[name]} {weights}",
    )
    for weights, said in WEIGHTS.items()
    for name in AGREEMENTS
}

METRICS: dict[str, Metric] = {
    **measures.METRICS,
    **RANDOMIZATION,
    **infidelity.METRICS,
    **sensitivity.METRICS,
    **alignment.METRICS,
    **ists.METRICS,
}

GOLD = {
    "alignment": ("alignment_f", "alignment_f_non_identical", "alignment_f_unaligned"),
    "ists": ("ists_f1_ali",),
}


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

        Raises
        ------
        OptionError
            Another replacement or side, or words of a catalogue that is not there.
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


def digest_of(lines: Iterable[str]) -> str:
    """Return a short name for these lines, by which others are seen to be the same."""
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:12]


class Fitted:
    """What is learnt from each dataset's catalogue, once, and only where a method asks for it."""

    def __init__(self, catalogues: Mapping[str, Sequence[str]]) -> None:
        self.catalogues = catalogues
        self._lexicons: dict[str, Lexicon] = {}
        self._replacements: dict[str, Replacement] = {}

    def matters(self, explainer: Explainer, part: str, choice: Choice) -> bool:
        """Return whether a result depends on the catalogue."""
        replaces = choice.replacement == "catalogue" and part in ("faithfulness", "infidelity")
        return replaces or self._learns(explainer)

    def digest(self, name: str) -> str:
        """Return a name for the dataset's catalogue, or nothing."""
        texts = self.catalogues.get(name)
        return digest_of(texts) if texts else ""

    def fit(self, explainer: Explainer, name: str) -> Explainer:
        """Return the Explainer with the lexicon of the dataset's catalogue, if it goes by one.

        A lexicon of the Explainer's own stays: it was chosen.

        Raises
        ------
        MissingExtraError
            No word vectors are installed.
        """
        texts = self.catalogues.get(name)
        if not texts or not self._learns(explainer):
            return explainer
        if name not in self._lexicons:
            self._lexicons[name] = Lexicon.fit(texts)
        return explainer.with_lexicon(self._lexicons[name])

    def replacement(self, choice: Choice, name: str) -> Replacement:
        """Return what stands for a word of the dataset that is taken away.

        Of gold nothing is taken away, and so it needs no catalogue.
        """
        if choice.replacement == "catalogue" and not self.catalogues.get(name):
            return Replacement()
        if name not in self._replacements:
            words = self.catalogues.get(name, ()) if choice.replacement == "catalogue" else ()
            made = Replacement(kind=choice.replacement, catalogue=words, seed=choice.seed)
            self._replacements[name] = made
        return self._replacements[name]

    def _learns(self, explainer: Explainer) -> bool:
        return explainer.method.lexical and explainer.lexicon is None
