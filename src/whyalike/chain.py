"""A search of several stages run on given passages: each stage scores what the one before kept."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from whyalike.data.items import Item
from whyalike.errors import ModelError, OptionError, TextError
from whyalike.models.fusion import Fusion
from whyalike.models.scorer import scores_of
from whyalike.options import Chunks, check_whole
from whyalike.pair_columns import passages_of
from whyalike.texts import clean_text
from whyalike.trace import StageRank, Trace, TracedPassage, TracedStage

if TYPE_CHECKING:
    from whyalike.explainer import Explainer


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a search, for ``Explainer.trace``.

    scorer: an Explainer, or whatever one is made of: a name, a folder, a model, a scorer. keep: how
    many passages go on to the next stage, the first of this one's order; None lets all go on. name:
    what it is called; by default as its model is.

    Raises
    ------
    OptionError
        ``keep`` is no whole number from 1 on.
    """

    scorer: Any
    _: KW_ONLY
    keep: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuse a cut that leaves nothing."""
        if self.keep is not None:
            check_whole("keep", self.keep)


@dataclass(frozen=True, slots=True)
class Link:
    """A stage, opened.

    part: it is one of the fusion that comes next. parts: how many stages before a fusion are its.
    """

    explainer: "Explainer"
    name: str
    keep: int | None = None
    part: bool = False
    parts: int = 0


def open_stages(stages: Sequence[object], *, open: Callable[..., "Explainer"]) -> list[Link]:
    """Return stages with their scorers opened, each by a name of its own.

    A fusion's parts are stages before it: each ranks the passages by its own score.

    Parameters
    ----------
    stages : sequence of object
        Stages, or what a Stage takes as its scorer.
    open : callable
        Gives an Explainer of a scorer that is none yet.
    """
    links: list[Link] = []
    for given in stages:
        stage = given if isinstance(given, Stage) else Stage(given)
        explainer = stage.scorer if _explains(stage.scorer) else signed(open(stage.scorer))
        parts = _open_parts(explainer, open)
        name = stage.name or ("fusion" if parts else name_of(explainer.model.name))
        links += [*parts, Link(explainer, name, stage.keep, parts=len(parts))]
    return _told_apart(links)


def _open_parts(explainer: "Explainer", open: Callable[..., "Explainer"]) -> list[Link]:
    """Return the parts of a fusion, as stages with its options; none of anything else."""
    if not isinstance(explainer.model, Fusion):
        return []
    own = {"options": explainer.options, "lexicon": explainer.lexicon}
    return [
        Link(signed(open(part.scorer, prompts=part.prompts, **own)), name_of(part.name), part=True)
        for part in explainer.model.parts
    ]


def signed(explainer: "Explainer") -> "Explainer":
    """Return an Explainer by a method with signs, which says what held a text down too.

    Ranks are no sum, and stay explained by ranks.
    """
    if "ranks" in explainer.model.capabilities:
        return explainer
    return explainer.with_method(explainer.signed_method)


def _explains(source: object) -> bool:
    return hasattr(source, "explain_many") and hasattr(source, "model")


def name_of(model: str) -> str:
    """Return what a stage is called by its model: the last part of a path or a name on a hub."""
    return PurePath(model).name or model


def _told_apart(links: Sequence[Link]) -> list[Link]:
    seen: Counter[str] = Counter()
    found = []
    for link in links:
        seen[link.name] += 1
        count = seen[link.name]
        found.append(link if count == 1 else replace(link, name=f"{link.name} ({count})"))
    return found


@dataclass(slots=True)
class _Passage:
    """A passage on its way. ranks: of the stages so far."""

    id: str
    title: str
    text: str
    ranks: list[StageRank]


def trace_stages(
    links: Sequence[Link],
    query: str,
    passages: Iterable[str | Item],
    *,
    top: int,
    named: Sequence[str],
) -> Trace:
    """Return the ranks of passages after each stage; see ``Explainer.trace`` for the arguments.

    Each stage scores equal texts once, so that copies of a passage have one score.
    """
    check_whole("top", top, least=0)
    asked = clean_text(query, side="query").text
    if not asked.strip():
        raise OptionError("The query is blank: give one with words.")
    everything = _read_passages(passages)
    _check_named(named, everything)
    there, scored = everything, []
    for place, link in enumerate(links):
        scored.append(len(there))
        there = _run(link, asked, there, number=place + 1) if there else []
    order = sorted(everything, key=lambda each: (-len(each.ranks), each.ranks[-1].rank))
    wanted = [each for n, each in enumerate(order) if n < top or each.id in named]
    for place, link in enumerate(links):
        _explain(link, asked, [each for each in wanted if len(each.ranks) > place], place)
    stages = tuple(
        TracedStage(
            name=link.name,
            model=link.explainer.model.name,
            similarity_function=link.explainer.model.similarity_function,
            scored=count,
            keep=link.keep,
            part=link.part,
            method=link.explainer.method.name if wanted else None,
        )
        for link, count in zip(links, scored, strict=True)
    )
    found = (TracedPassage(p.id, p.title, p.text, tuple(p.ranks)) for p in order)
    return Trace(query=asked, stages=stages, passages=tuple(found))


def _read_passages(passages: Iterable[str | Item]) -> list[_Passage]:
    found: list[_Passage] = []
    ids: set[str] = set()
    for number, given in enumerate(passages_of(passages), start=1):
        if isinstance(given, Item):
            each = _Passage(given.id, given.title, given.text, [])
        else:
            text = clean_text(given, side=f"passage {number}").text
            each = _Passage(str(number), "", text, [])
        if each.id in ids:
            raise OptionError(f"Two passages have the id {each.id!r}: give each its own.")
        ids.add(each.id)
        found.append(each)
    return found


def _check_named(named: Sequence[str], passages: Sequence[_Passage]) -> None:
    if isinstance(named, str):
        raise OptionError(f"named is {named!r}; give a list of ids.")
    known = {each.id for each in passages}
    if missing := [id for id in named if id not in known]:
        raise OptionError(
            f"There is no passage {missing[0]!r}: name it by its id, or by its number where "
            "passages have no ids."
        )


def _run(link: Link, query: str, there: Sequence[_Passage], *, number: int) -> list[_Passage]:
    """Rank the passages that are still there, and return those that go on, the best first."""
    explainer = link.explainer
    unique = list(dict.fromkeys(each.text for each in there))
    pairs = [(query, text) for text in unique]
    with _named(link, number):
        reading = explainer.options.reading
        in_chunks = isinstance(reading, Chunks)
        if link.parts and isinstance(explainer.model, Fusion) and not in_chunks:
            known = {each.text: each.ranks[-link.parts :] for each in there}
            by_part = [[known[text][n].score for text in unique] for n in range(link.parts)]
            fused = explainer.model.fuse(pairs, by_part, long_text=explainer.options.long_text)
            scores = [each.score for each in fused]
        else:
            scores = scores_of(
                explainer.model,
                pairs,
                prompts=explainer.prompts,
                long_text=reading,
            )
    score_of = dict(zip(unique, scores, strict=True))
    tied = Counter(score_of[each.text] for each in there)
    # Sorting is stable: of equal scores, the order of the stage before stays.
    order = sorted(there, key=lambda each: -score_of[each.text])
    most = len(order) if link.keep is None else link.keep
    for rank, each in enumerate(order, start=1):
        score = score_of[each.text]
        each.ranks.append(StageRank(score, rank, tied[score], rank <= most))
    return order[:most]


def _explain(link: Link, query: str, passages: Sequence[_Passage], place: int) -> None:
    """Put into the ranks of one stage, from 0, why its scorer gave these passages their scores."""
    with _named(link, place + 1):
        found = list(link.explainer.explain_many((query, each.text) for each in passages))
    for each, explanation in zip(passages, found, strict=True):
        each.ranks[place] = replace(each.ranks[place], explanation=explanation)


@contextmanager
def _named(link: Link, number: int) -> Iterator[None]:
    """Say of an error in which stage it was."""
    stage = f"Stage {number}, {link.name}"
    try:
        yield
    except (OptionError, TextError, ModelError) as error:
        raise type(error)(f"{stage}: {error}") from error
    except Exception as error:
        error.add_note(f"({stage})")
        raise
