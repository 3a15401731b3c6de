"""A study's folder: its stimuli, their digests, and how it is frozen and opened."""

import hmac
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from hashlib import sha256
from itertools import product
from pathlib import Path
from statistics import median_low
from typing import Any, Literal, TypeVar

from whyalike.documents import Format, read_object, read_value, shown
from whyalike.errors import FormatError, OptionError, OutputError, StorageError
from whyalike.explanation import ExplainedText, Explanation, Word, WordPair
from whyalike.files import write_whole
from whyalike.study import database as statements
from whyalike.study.design import KnownAnswers, Shuffle, shown_explanation
from whyalike.study.engine import Database
from whyalike.study.model import HIGHEST, LOWEST, Check, Practice, Stimulus, Study

Shown = Literal["equal", "own"]

FEWEST, MOST = 3, 10
"""Pairs of a stimulus, where the methods have so many."""

FAINTEST = 0.1
"""Saliency of a word in a shown pair, at least: each of them is marked."""

DECIMALS = 2


def blind(explanations: Sequence[Explanation], *, shown: Shown) -> list[Explanation]:
    """Return what raters see of one sample, an explanation of it by each method.

    A stimulus has the texts, the words of the best pairs with one unsigned scale of saliency, and
    these pairs with one scale of scores; nothing else. The number of pairs is the same for all
    methods: the median of what they select themselves, 3 to 10, and no more than each of them has,
    but that a method with fewer than 3 does not make the others show fewer.
    docs/decisions/0009-study.md says why.

    Parameters
    ----------
    explanations : sequence of Explanation
        Of one pair of texts, in the order of the methods.
    shown : Shown
        ``"equal"``, or ``"own"`` for as many pairs as each method selects.

    Raises
    ------
    OptionError
        The explanations are of different texts, or of different words.
    """
    if len({_words_of(one) for one in explanations}) > 1:
        raise OptionError(
            "The methods' explanations are of different texts or words: make them with the same "
            "options."
        )
    ranked = [_distinct(one.matches) for one in explanations]
    chosen = [_distinct(one.pairs) for one in explanations]
    if shown == "equal":
        count = pairs_shown([len(own) for own in chosen], [len(pairs) for pairs in ranked])
        chosen = [pairs[:count] for pairs in ranked]
    return [_drawn(one, pairs) for one, pairs in zip(explanations, chosen, strict=True)]


def pairs_shown(selected: Sequence[int], available: Sequence[int]) -> int:
    """Return how many pairs to show by each method.

    Parameters
    ----------
    selected : sequence of int
        How many pairs each method selects.
    available : sequence of int
        How many matches with a score above zero each has.
    """
    wanted = min(max(median_low(selected), FEWEST), MOST)
    return max(FEWEST, min(wanted, *available))


def nonsense(
    sample: Explanation, commonness: Mapping[str, int], *, seed: str
) -> Explanation | None:
    """Return a sample's stimulus with the commonest words of all texts paired, none with itself.

    None where it has too few words.

    Parameters
    ----------
    sample : Explanation
        A stimulus of it, whose number of pairs is kept.
    commonness : Mapping[str, int]
        In how many texts each word is, by ``word_form``.
    seed : str
        Of the order of the pairs.
    """
    count = max(FEWEST, len(sample.pairs))
    left, right = sample.left.words, sample.right.words
    free = _commonest(sample.right, commonness)
    pairs = []
    for n in Shuffle(seed).order(_commonest(sample.left, commonness)[:count], "left"):
        other = next((m for m in free if word_form(left[n]) != word_form(right[m])), None)
        if other is not None:
            free.remove(other)
            pairs.append((n, other))
    if len(pairs) < count:
        return None
    scores = [1 - 0.6 * n / count for n in range(count)]
    return shown_explanation(
        _marked(sample.left, dict(zip([n for n, _ in pairs], scores, strict=True))),
        _marked(sample.right, dict(zip([m for _, m in pairs], scores, strict=True))),
        _scored(pairs, scores),
    )


def _commonest(side: ExplainedText, commonness: Mapping[str, int]) -> list[int]:
    """Return where each form stands first, the commonest form first."""
    first = {word_form(word): n for n, word in reversed(list(enumerate(side.words)))}
    return sorted(first.values(), key=lambda n: (-commonness[word_form(side.words[n])], n))


def count_words(samples: Sequence[Explanation]) -> Counter[str]:
    """Return in how many texts of the samples each word is, by its form."""
    return Counter(
        form
        for sample in samples
        for side in (sample.left, sample.right)
        for form in {word_form(word) for word in side.words}
    )


def word_form(word: Word) -> str:
    """Return the word without what capitals make of it."""
    return word.text.casefold()


def _words_of(explanation: Explanation) -> tuple[object, ...]:
    return tuple(
        (side.text, side.unread_words, tuple((word.start, word.end) for word in side.words))
        for side in (explanation.left, explanation.right)
    )


def _distinct(pairs: Sequence[WordPair]) -> list[WordPair]:
    """Return the pairs that speak for likeness, best first, each once."""
    best = sorted((pair for pair in pairs if pair.score > 0), key=lambda pair: -pair.score)
    return list({(pair.left, pair.right): pair for pair in reversed(best)}.values())[::-1]


def _drawn(explanation: Explanation, pairs: Sequence[WordPair]) -> Explanation:
    left, right = explanation.left, explanation.right
    greatest = max((pair.score for pair in pairs), default=1.0)
    return shown_explanation(
        _marked(left, _strengths(left, [pair.left for pair in pairs])),
        _marked(right, _strengths(right, [pair.right for pair in pairs])),
        _scored(
            [(pair.left, pair.right) for pair in pairs],
            [pair.score / greatest for pair in pairs],
        ),
    )


def _strengths(side: ExplainedText, shown: Sequence[int]) -> dict[int, float]:
    """Return the saliency of the shown words, as a part of the greatest of them."""
    clipped = {n: max(side.words[n].saliency, 0.0) for n in shown}
    greatest = max(clipped.values(), default=0.0)
    return {n: value / greatest if greatest else 1.0 for n, value in clipped.items()}


def _marked(side: ExplainedText, strengths: Mapping[int, float]) -> ExplainedText:
    """Return the text with these words marked and no others."""
    words = tuple(
        Word(
            word.text,
            word.start,
            word.end,
            round(max(strengths[n], FAINTEST), DECIMALS) if n in strengths else 0.0,
        )
        for n, word in enumerate(side.words)
    )
    return ExplainedText(side.text, words, side.unread_words)


def _scored(pairs: Sequence[tuple[int, int]], scores: Sequence[float]) -> list[WordPair]:
    least = 10.0**-DECIMALS
    return [
        WordPair(left, right, 0.0, max(round(score, DECIMALS), least))
        for (left, right), score in zip(pairs, scores, strict=True)
    ]


FORMAT = Format("whyalike/study", "study", "Put back the one that was made.")
MANIFEST = "study.json"
STIMULI = "stimuli"
_ID = re.compile(r"[0-9a-f]{32}")


def read_study(folder: str | Path) -> Study:
    """Read a study, and check that nothing was changed since it was made.

    Raises
    ------
    FormatError
        There is no study, it is of another version, damaged, or a stimulus is not the one that was
        frozen.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    try:
        written = path.read_bytes()
    except OSError as error:
        raise FormatError(
            f"Could not read a study from {path}: {error.strerror}. Make one with `whyalike study "
            "create`."
        ) from error
    with FORMAT.reading(where=str(path)):
        body = FORMAT.body(_parsed(written), where=str(path))
        study = _study(folder, body, sha256(written).hexdigest())
        _check(study)
    return study


def write_study(folder: Path, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Write the stimuli by their ids, then the manifest, each file whole or not at all.

    Stimuli of another study in the folder are removed. A manifest that was there goes first: an
    interruption leaves no study rather than a mixed one.

    Raises
    ------
    OutputError
        The folder can't be made or written to.
    """
    stimuli = folder / STIMULI
    try:
        stimuli.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        for path in stimuli.glob("*.json"):
            if _ID.fullmatch(path.stem) and path.stem not in files:
                path.unlink()
    except OSError as error:
        raise OutputError(f"Could not write a study to {folder}: {error.strerror}.") from error
    for id, content in files.items():
        _write(stimuli / f"{id}.json", content)
    _write(folder / MANIFEST, manifest_bytes(manifest))


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """Return ``study.json``: equal for equal studies."""
    content = {**FORMAT.head(), **manifest}
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def stimulus_bytes(explanation: Explanation) -> bytes:
    """Return the file of a stimulus: an explanation in JSON that says no method and no model."""
    return Explanation(**_shallow(explanation)).to_json(indent=1).encode()


def _write(path: Path, content: bytes) -> None:
    write_whole(path, lambda stream: stream.write(content))


def _shallow(explanation: Explanation) -> dict[str, Any]:
    return {one.name: getattr(explanation, one.name) for one in fields(Explanation)}


def _parsed(written: bytes) -> object:
    """Return what JSON says. Raises ValueError on what is none."""
    try:
        return json.loads(written)
    except RecursionError as error:
        raise ValueError("it is too deep to be read") from error


def _study(folder: Path, content: Mapping[str, Any], digest: str) -> Study:
    def shown(name: str, kind: type[_Shown]) -> tuple[_Shown, ...]:
        entries = read_value(content.get(name), tuple[Any, ...], name)
        return tuple(
            _read_shown(folder, entry, kind, f"{name}[{n}]") for n, entry in enumerate(entries)
        )

    return Study(
        **read_object(
            {key: value for key, value in content.items() if key not in _SHOWN},
            Study,
            given={
                "folder": folder,
                "digest": digest,
                "stimuli": shown("stimuli", Stimulus),
                "practice": shown("practice", Practice),
                "checks": shown("checks", Check),
            },
        )
    )


_Shown = TypeVar("_Shown", Stimulus, Practice, Check)
_SHOWN = ("stimuli", "practice", "checks")


def _read_shown(folder: Path, entry: object, kind: type[_Shown], where: str) -> _Shown:
    """Return one stimulus; its explanation is in a file of its own."""
    about = read_object(entry, kind, where, given={"explanation": None})
    explanation = _read_stimulus(folder, about["id"], about["sha256"])
    return kind(**about | {"explanation": explanation})


def _check(study: Study) -> None:
    """Raise ValueError on a study that was read and can't have been made."""
    known: list[Practice | Check] = [*study.practice, *study.checks]
    every: list[Stimulus | Practice | Check] = [*study.stimuli, *known]
    if len({one.id for one in every}) < len(every):
        raise ValueError("two stimuli have one id")
    cells = [(one.sample, one.method) for one in study.stimuli]
    wanted = study.samples * len(study.methods)
    if len(cells) != wanted or set(cells) != set(product(range(study.samples), study.methods)):
        raise ValueError(f"it has {len(cells)} stimuli, which are not one of each sample by method")
    if not cells:
        raise ValueError("it has no stimuli")
    for item in known:
        if not LOWEST <= item.low <= item.high <= HIGHEST:
            said = f"{shown(item.low)} to {shown(item.high)}"
            raise ValueError(f"the answer of {item.id} is from {said}")
    for check in study.checks:
        if check.sample is not None and not 0 <= check.sample < study.samples:
            raise ValueError(f"the check {check.id} is of sample {shown(check.sample)}")
    if len(study.scale) != HIGHEST:
        raise ValueError(f"its scale has {len(study.scale)} steps")
    settings = study.plan
    if settings.per_rater is not None and not 1 <= settings.per_rater <= len(cells):
        raise ValueError(f"plan.per_rater is {shown(settings.per_rater)}")
    if settings.checks < 0 or settings.repeats < 0:
        raise ValueError("plan.checks or plan.repeats is below 0")


def _read_stimulus(folder: Path, id: str, expected: str) -> Explanation:
    if not _ID.fullmatch(id):
        raise ValueError(f"{shown(id)} is no id of a stimulus")
    path = folder / STIMULI / f"{id}.json"
    try:
        written = path.read_bytes()
    except OSError as error:
        raise FormatError(
            f"Could not read the stimulus {path}: {error.strerror}. Put it back."
        ) from error
    if sha256(written).hexdigest() != expected:
        raise FormatError(
            f"{path} is not the stimulus that was frozen: put that back, or make a new study."
        )
    return Explanation.from_json(written)


def entry_of(one: Stimulus | Practice | Check) -> dict[str, Any]:
    """Return what the manifest says of a stimulus: all but the explanation itself."""
    return {name: value for name, value in asdict(one).items() if name != "explanation"}


NONSENSE_LOW, NONSENSE_HIGH = 1, 2
NONSENSE_WHY = "It pairs words that are in most texts, and none with itself."


class Freezer:
    """The files of a study, by id. An id is a keyed digest: without the key it can't be guessed.

    The key depends on the seed and on all texts and vectors of the study, so that the same study
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

    Nonsense on the study's own texts can't be recognised by its texts, as a known check may be.

    Parameters
    ----------
    freezer : Freezer
        Takes the files.
    known : KnownAnswers
        Written by hand.
    shown : Sequence[sequence of Explanation]
        By sample, its stimuli.
    wanted : int
        How many a rater gets.

    Raises
    ------
    OptionError
        The samples' texts are too few or too short for so many.
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


def make(database: Database) -> None:
    """Make the tables that are missing, and SQLite's file.

    Raises
    ------
    StorageError
        There is no folder for the file, or it can't be written.
    FormatError
        A database of another version.
    """
    file = database.file
    if file is not None and not file.parent.is_dir():
        raise StorageError(
            f"There is no folder {file.parent} for the database {database.place}: make it, or "
            "check --database."
        )
    with database.writing() as connection:
        statements.create(connection)


def find(database: Database) -> None:
    """Make nothing where nothing is.

    Raises
    ------
    OptionError
        It is no study's database.
    StorageError
        It can't be read.
    FormatError
        A database of another version.
    """
    file = database.file
    # To connect to a file of SQLite that is not there would make it.
    if file is None or file.is_file():
        with database.reading() as connection:
            if statements.is_made(connection):
                statements.check_version(connection)
                return
    raise OptionError(
        f"There is no study's database at {database.place}; check --database, or invite raters "
        "first."
    )
