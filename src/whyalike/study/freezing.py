"""Stimuli as files under ids that tell nothing."""

import hmac
from collections.abc import Sequence
from hashlib import sha256

from whyalike.errors import OptionError
from whyalike.explanation import Explanation
from whyalike.study.folder import stimulus_bytes
from whyalike.study.model import Check, Practice
from whyalike.study.practice import KnownAnswers
from whyalike.study.stimuli import count_words, nonsense

NONSENSE_LOW, NONSENSE_HIGH = 1, 2
NONSENSE_WHY = "It pairs words that are in most texts, and none with itself."


class Freezer:
    """The files of a study, by id. An id is a keyed digest: without the key it can't be guessed.

    The key hangs on the seed and on all texts and vectors of the study, so that the same study
    has the same ids, and a rater would need all of it to find what an id means.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.files: dict[str, bytes] = {}

    def freeze(self, name: str, explanation: Explanation) -> tuple[str, str]:
        """Return the id and the SHA-256 of the file of an explanation, by its secret name."""
        id = hmac.new(self._key, name.encode(), sha256).hexdigest()[:32]
        self.files[id] = stimulus_bytes(explanation)
        return id, sha256(self.files[id]).hexdigest()


def freeze_practice(freezer: Freezer, known: KnownAnswers) -> list[Practice]:
    """Return the practice items, frozen."""
    found = []
    for number, one in enumerate(known.practice):
        id, digest = freezer.freeze(f"practice/{number}", one.explanation)
        found.append(Practice(id, one.explanation, one.low, one.high, one.why, digest))
    return found


def freeze_checks(
    freezer: Freezer,
    known: KnownAnswers,
    shown: Sequence[Sequence[Explanation]],
    *,
    wanted: int,
) -> list[Check]:
    """Return the known checks, and nonsense made of samples until there are as many as wanted.

    Nonsense on the study's own texts can't be told by its texts, as a known check may be.

    Args:
        freezer: takes the files.
        known: written by hand.
        shown: by sample, its stimuli.
        wanted: how many a rater gets.

    Raises:
        OptionError: the samples' texts are too few or too short for so many.
    """
    if not wanted:
        return []
    checks = []
    for number, one in enumerate(known.checks):
        id, digest = freezer.freeze(f"check/{number}", one.explanation)
        checks.append(Check(id, one.explanation, one.low, one.high, one.why, None, digest))
    # As many as wanted, though known checks are there: the two kinds come by turns.
    commonness = count_words([by_method[0] for by_method in shown])
    for sample, by_method in enumerate(shown[:wanted]):
        made = nonsense(by_method[0], commonness, seed=f"nonsense {sample}")
        if made is not None:
            id, digest = freezer.freeze(f"nonsense/{sample}", made)
            checks.append(
                Check(id, made, NONSENSE_LOW, NONSENSE_HIGH, NONSENSE_WHY, sample, digest)
            )
    if len(checks) < wanted:
        raise OptionError(
            f"There are only {len(checks)} checks for the {wanted} asked for: give fewer, or more "
            "of your own."
        )
    return checks
