"""Assertions on what a model sees and an index finds, for a project that depends on that.

Each raises AssertionError with a message that shows the explanation. Where a model is asked for,
give an Explainer (load it once, in a fixture), or anything that ``Explainer(...)`` takes. The
similarity is in the model's own units; higher is more alike.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from whyalike.catalogue.index import CatalogueIndex
    from whyalike.explainer import Explainer
    from whyalike.models.loading import ModelSource
    from whyalike.models.scorer import Scorer
    from whyalike.probing.rule_text import WordLists

    Model = Explainer | Scorer | ModelSource
    Subject = Model | CatalogueIndex

__all__ = [
    "assert_explained_by",
    "assert_found",
    "assert_no_blind_spot",
    "assert_no_regression",
    "assert_ranks_above",
    "assert_sees",
    "write_baseline",
]

PAIRS_NAMED = 10
CASES_NAMED = 10
"""Cases that a message about a baseline names."""


def assert_sees(model: "Model", text: str, edited: str, *, margin: float) -> None:
    """Assert that a change lowers the similarity: C(text, text) - C(text, edited) >= margin.

    Parameters
    ----------
    model : Model
        An Explainer, or what one takes.
    text : str
        The text before.
    edited : str
        The text after the change.
    margin : float
        Above 0, in units of the similarity.

    Raises
    ------
    AssertionError
        The model sees less of the change.
    OptionError
        ``margin`` is not above 0, so that the assertion could not fail.
    """
    __tracebackhide__ = True
    from whyalike.errors import OptionError

    if not margin > 0:
        raise OptionError(f"margin is {margin!r}; give a number above 0, such as 0.05.")
    explainer = _explainer(model).between_documents()
    before, after = _similarities(explainer, text, [text, edited])
    if before - after >= margin:
        return
    explanation = explainer.with_method(_signed(explainer)).explain(text, edited)
    raise AssertionError(
        f"{explainer.model.name} hardly sees the change: the similarity falls by "
        f"{before - after:.4f}, from {before:.4f} to {after:.4f}, and should fall by {margin:g}.\n"
        f"What hides it:\n\n{explanation}"
    )


def assert_ranks_above(
    model: "Model", query: str, better: str, worse: str, *, margin: float = 0.0
) -> None:
    """Assert that C(query, better) is above C(query, worse), and by ``margin`` at least.

    Parameters
    ----------
    model : Model
        An Explainer, or what one takes.
    query : str
        The text that both are compared with.
    better : str
        The text that should score higher.
    worse : str
        The other text.
    margin : float, default=0.0
        0 or above, in units of the similarity.

    Raises
    ------
    AssertionError
        It is not; the message shows the words that decide.
    OptionError
        ``margin`` is below 0.
    """
    __tracebackhide__ = True
    from whyalike.errors import OptionError

    if not margin >= 0:
        raise OptionError(f"margin is {margin!r}; give 0 or a number above.")
    explainer = _explainer(model)
    high, low = _similarities(explainer, query, [better, worse])
    if high > low and high - low >= margin:
        return
    comparison = explainer.compare(query, better, worse)
    least = f"{margin:g} or more" if margin else "above 0"
    raise AssertionError(
        f"{explainer.model.name} scores the better text {high:.4f} and the worse one {low:.4f}: "
        f"the margin is {high - low:+.4f} and should be {least}.\nWhy:\n\n{comparison}"
    )


def assert_explained_by(
    model: "Model", left: str, right: str, *, pair: tuple[str, str], top: int | None = None
) -> None:
    """Assert that a pair of words is among those that explain the similarity.

    Parameters
    ----------
    model : Model
        An Explainer, or what one takes; its method is used.
    left : str
        The left text.
    right : str
        The right text.
    pair : tuple[str, str]
        The left and the right word, in whatever case.
    top : int, optional
        Among the best ``top`` selected pairs only.

    Raises
    ------
    AssertionError
        It is not among the selected pairs.
    OptionError
        A word of the pair is not in its text, or ``top`` is below 1.
    """
    __tracebackhide__ = True
    from whyalike.errors import OptionError
    from whyalike.options import check_whole

    if top is not None:
        check_whole("top", top)
    explainer = _explainer(model)
    explanation = explainer.explain(left, right)
    for word, side in zip(pair, (explanation.left, explanation.right), strict=True):
        if word.casefold() not in {each.text.casefold() for each in side.words}:
            raise OptionError(f"{word!r} is no word of {side.text!r}; give one that stands there.")
    found = [
        (explanation.left.words[p.left].text, explanation.right.words[p.right].text)
        for p in explanation.pairs[:top]
    ]
    wanted = pair[0].casefold(), pair[1].casefold()
    if wanted in {(one.casefold(), other.casefold()) for one, other in found}:
        return
    named = ", ".join(f"{one} – {other}" for one, other in found[:PAIRS_NAMED]) or "none"
    where = "selected pairs" if top is None else f"{top} best pairs"
    raise AssertionError(
        f"{pair[0]} – {pair[1]} is not among the {where} of {explainer.method.name} with "
        f"{explainer.model.name}; they are: {named}.\n\n{explanation}"
    )


def assert_no_blind_spot(
    model: "Model",
    texts: Sequence[str | tuple[str, str]],
    *,
    rules: Sequence[str] | None = None,
    at_most: float = 0.1,
    per_rule: int = 1,
    tolerance: Literal["harmless"] | float = "harmless",
    words: "WordLists | None" = None,
    seed: int = 0,
) -> None:
    """Assert that a model sees changes of meaning: the share of blind spots is ``at_most`` that.

    Parameters
    ----------
    model : Model
        An Explainer, or what one takes.
    texts : Sequence[str | tuple[str, str]]
        Texts, or pairs of a query and a text; see ``evaluation.find_blind_spots``.
    rules : sequence of str, optional
        Names of rules, by default all; harmless ones serve as the yardstick.
    at_most : float, default=0.1
        The greatest share of blind spots, from 0 to below 1.
    per_rule : int, default=1
        The most edits of a text by one rule.
    tolerance : Literal[harmless] | float, default='harmless'
        As in ``find_blind_spots``.
    words : WordLists, optional
        Word lists of the rules.
    seed : int, default=0
        Of every choice.

    Raises
    ------
    AssertionError
        There are more; the message shows the rates and the worst.
    OptionError
        No rule changes the meaning of any of the texts, ``at_most`` is outside, or ``tolerance`` is
        below 0.
    """
    __tracebackhide__ = True
    from whyalike.errors import OptionError
    from whyalike.probing.blind_spots import find_blind_spots

    if not 0 <= at_most < 1:
        raise OptionError(f"at_most is {at_most!r}; give a share from 0 to below 1.")
    if isinstance(tolerance, int | float) and tolerance < 0:
        raise OptionError(f"tolerance is {tolerance!r}; give 'harmless', or 0 or a number above.")
    result = find_blind_spots(
        _explainer(model),
        texts,
        rules=rules,
        per_rule=per_rule,
        tolerance=tolerance,
        words=words,
        seed=seed,
        explain=3,
    )
    if result.overall is None or result.overall.blind is None:
        raise OptionError(
            "Nothing was probed: no rule changes the meaning of these texts, or nothing harmless "
            "can be done to them. Give other texts or rules, or a tolerance that is a number."
        )
    if result.overall.blind.share > at_most:
        raise AssertionError(f"More than {at_most:.0%} blind spots.\n{result}")


def assert_found(index: "CatalogueIndex", query: str, id: str, *, k: int = 5) -> None:
    """Assert that an item is among the first ``k`` that an index finds for a query.

    Parameters
    ----------
    index : CatalogueIndex
        An open index; open it once, in a fixture.
    query : str
        The text to look for.
    id : str
        Of the item that should be found.
    k : int, default=5
        How many of the first are looked at.

    Raises
    ------
    AssertionError
        It is not; the message says where it stands, and which words put the first before it.
    OptionError
        The index has no such item, or its text is the query's own, which a search leaves out.
    """
    __tracebackhide__ = True
    from whyalike.baseline import standing
    from whyalike.catalogue.item_store import field_text
    from whyalike.options import check_whole

    check_whole("k", k)
    hits = index.similar(query, k=k)
    if id in {hit.item.id for hit in hits}:
        return
    rank, stands = standing(index, query, id)
    first, last, right = hits[0], hits[-1], stands.item
    text = field_text(right, index.reader.compared)
    comparison = index.explainer.compare(query, text, first.text)
    raise AssertionError(
        f"{id!r} ({right.title or right.text:.60}) is not among the first {k} for {query!r}: it "
        f"is number {rank:,} of {stands.of:,}, with {stands.similarity:.4f}; the first, "
        f"{first.item.id!r}, has {first.similarity:.4f}, and number {len(hits)} has "
        f"{last.similarity:.4f}.\nWhy {first.item.id!r} (worse) stands before {id!r} (better):\n\n"
        f"{comparison}"
    )


def write_baseline(
    path: str | os.PathLike[str],
    subject: "Subject",
    cases: Sequence[tuple[str, str]],
) -> None:
    """Measure cases and write what is found, for ``assert_no_regression`` to compare with.

    Parameters
    ----------
    path : str or PathLike[str]
        A JSON file, to be kept beside the tests.
    subject : CatalogueIndex, Explainer, or what one takes
        Of a model, the scores of pairs of texts are kept, with the words that carry them; of an
        index, the ranks of items.
    cases : sequence of tuple[str, str]
        Pairs of texts; for an index, each a query and the id of the item that it should find.

    Raises
    ------
    OptionError
        There are no cases, or the index has no such item.
    TextError, ModelError
        A pair that can't be explained.
    OutputError
        The file can't be written.
    """
    from whyalike.baseline import measure
    from whyalike.errors import OptionError

    if isinstance(cases, str) or not cases:
        raise OptionError("A baseline needs cases: give a list of pairs, such as [(query, text)].")
    measure(subject, list(cases)).write(path)


def assert_no_regression(
    path: str | os.PathLike[str],
    subject: "Subject",
    *,
    tolerance: float = 0.01,
    places: int = 0,
) -> None:
    """Assert that scores, or ranks in a search, are what they were when a baseline was written.

    With the environment variable ``WHYALIKE_UPDATE_BASELINES=1`` (with pytest:
    ``--whyalike-update-baselines``) the same cases are measured and written anew instead.

    Parameters
    ----------
    path : str or PathLike[str]
        What ``write_baseline`` wrote.
    subject : CatalogueIndex, Explainer, or what one takes
        The model or the index as it is now; it may be another one than then.
    tolerance : float, default=0.01
        By how much the score of a pair may differ, up or down, in units of the similarity.
    places : int, default=0
        By how many places an item may stand lower than it did; higher is always right.

    Raises
    ------
    AssertionError
        Something differs by more; the message names the worst cases, and for pairs the words that
        carried the score then and that carry it now.
    FormatError
        The file is not there, or no baseline.
    OptionError
        A limit below 0, or a baseline of pairs for an index, or the other way round.
    """
    __tracebackhide__ = True
    from whyalike.baseline import UPDATE, kind_of, measure, read_baseline, say_change
    from whyalike.errors import OptionError

    if not tolerance >= 0 or places < 0:
        raise OptionError(f"tolerance is {tolerance!r} and places {places!r}; give 0 or above.")
    before = read_baseline(path)
    if before.kind != kind_of(subject):
        raise OptionError(
            f"{path} is a baseline of {before.kind}, and what came is of {kind_of(subject)}: give "
            "an index for queries, and a model for pairs."
        )
    cases = [(case.left, case.right) for case in before.cases]
    if os.environ.get(UPDATE, "") not in ("", "0"):
        write_baseline(path, subject, cases)
        return
    now = measure(subject, cases)
    least = tolerance if before.kind == "pairs" else places
    changes = [
        (new.change_from(old), say_change(old, new))
        for old, new in zip(before.cases, now.cases, strict=True)
        if new.change_from(old) > least
    ]
    if not changes:
        return
    changes.sort(key=lambda change: -change[0])
    said = "\n".join(line for _, line in changes[:CASES_NAMED])
    more = f"\nand {len(changes) - CASES_NAMED} more" if len(changes) > CASES_NAMED else ""
    limit = f"{tolerance:g} of score" if before.kind == "pairs" else f"{places} places"
    raise AssertionError(
        f"{len(changes)} of {len(cases)} {before.kind} are more than {limit} from {path}, which "
        f"was written with {before.model}; now it is {now.model}. The worst first:\n{said}{more}\n"
        f"Where that is as it should be, write it anew: {UPDATE}=1, or pytest "
        "--whyalike-update-baselines."
    )


def _explainer(model: "Model") -> "Explainer":
    """Return the Explainer, or one of the model that came."""
    from whyalike.explainer import Explainer

    if isinstance(model, Explainer):
        return model
    return Explainer(model)


def _signed(explainer: "Explainer") -> str:
    from whyalike.probing.blind_spots import signed_method

    return signed_method(explainer)


def _similarities(explainer: "Explainer", reference: str, texts: Sequence[str]) -> list[float]:
    from whyalike.probing.blind_spots import similarities

    return similarities(explainer, reference, texts)
