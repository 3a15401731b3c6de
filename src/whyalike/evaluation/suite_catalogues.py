"""What a suite takes from the catalogues that its pairs come from: rarity, and other words."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from whyalike.evaluation.perturbed import Replacement
from whyalike.evaluation.suite_choice import Choice
from whyalike.explainer import Explainer
from whyalike.words import Lexicon


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
        """Return whether a result hangs on the catalogue."""
        replaces = choice.replacement == "catalogue" and part in ("faithfulness", "infidelity")
        return replaces or self._learns(explainer)

    def digest(self, name: str) -> str:
        """Return a name for the dataset's catalogue, or nothing."""
        texts = self.catalogues.get(name)
        return digest_of(texts) if texts else ""

    def fit(self, explainer: Explainer, name: str) -> Explainer:
        """Return the Explainer with the lexicon of the dataset's catalogue, if it goes by one.

        A lexicon of the Explainer's own stays: it was chosen.

        Raises:
            MissingExtraError: no word vectors are installed.
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
