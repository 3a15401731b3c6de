"""Passages ranked for a query on the queue, as ``Explainer.rank`` ranks them."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from whyalike.data.items import Item
from whyalike.errors import TextError
from whyalike.texts import without_surrogates
from whyalike.web.api.codes import Details, TextRefusedError
from whyalike.web.api.estimates import Estimate, guess_sizes
from whyalike.web.api.schema import RankingModel, validated
from whyalike.web.api.served import Kind, ServedModel
from whyalike.web.api.work_queue import Stopped, as_exception

if TYPE_CHECKING:
    from whyalike.methods.method import TextSize
    from whyalike.ranking import Size

LEARNT = "passages"
"""Under this name the speed of rankings is learnt: they score more than they explain."""

ASKED_WITHOUT = 3
"""Sentences of a passage that are deleted at most, each a pass; see ``carrying_sentences``."""


@dataclass(frozen=True, slots=True)
class PassageQuestion:
    """What ``Explainer.rank`` takes."""

    query: str
    passages: tuple[str | Item, ...]
    right: str | int | None = None
    explain: int = 10
    sentences: bool | None = None
    sizes: "tuple[Size, ...]" = ()

    @property
    def texts(self) -> list[str]:
        """The texts of the passages, equal ones once: so often they are scored."""
        return list(
            dict.fromkeys(one if isinstance(one, str) else one.text for one in self.passages)
        )


def take_passages(given: Iterable[Any], *, most: int) -> tuple[str | Item, ...]:
    """Return passages as the library takes them: texts, or what has an id, a title and a text.

    Raises
    ------
    TextError
        There are more than ``most``, or one is blank.
    """
    found: list[str | Item] = []
    for number, one in enumerate(given, start=1):
        if isinstance(one, str):
            found.append(one)
        elif not one.text.strip():
            raise TextError(f"The passage {number} is blank: leave it out, or give its text.")
        else:
            id = without_surrogates(str(number if one.id is None else one.id))
            title, text = map(without_surrogates, (one.title, one.text))
            found.append(Item(id, title, text))
    if len(found) > most:
        raise TextRefusedError(
            f"There are {len(found):,} passages; this server takes {most:,} at most.",
            "too_many",
            Details(field="passages", limit=most, value=len(found), unit="passages"),
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class RankPassages:
    """Ranks the passages of questions by a kind's method and options, one question by another."""

    kind: Kind

    def __call__(self, questions: Sequence[PassageQuestion]) -> Sequence[bytes | Exception]:
        """Return the JSON of each ranking; one that can't be made gets its own error."""
        explainer = self.kind.model.explainer_of(self.kind)
        done: list[bytes | Exception] = []
        for asked in questions:
            try:
                ranking = explainer.rank(
                    asked.query,
                    asked.passages,
                    right=asked.right,
                    explain=asked.explain,
                    method=self.kind.method,
                    sentences=asked.sentences,
                    sizes=asked.sizes,
                )
                done.append(validated(RankingModel, without_surrogates(ranking.to_json())))
            except Stopped:
                raise
            except BaseException as error:
                done.append(as_exception(error))
        return done

    def took(self, cost: float, seconds: float, busy: float) -> None:
        """Learn how long that took."""
        self.kind.model.learn(LEARNT, cost, seconds, busy)

    def key(self, asked: PassageQuestion) -> bytes:
        """Return the key of a kept ranking."""
        items = [
            one if isinstance(one, str) else [one.id, one.title, one.text] for one in asked.passages
        ]
        options = repr(self.kind.options)
        how = [asked.right, asked.explain, asked.sentences, list(asked.sizes), options]
        said = json.dumps([self.kind.model.name, self.kind.method, how, asked.query, items])
        return hashlib.sha256(f"{self.kind.model.fingerprint}\n{said}".encode()).digest()


def pair_sizes(served: ServedModel, asked: PassageQuestion) -> "list[list[TextSize]]":
    """Return about how much there is of the query beside each passage."""
    return [guess_sizes(served.explainer, (asked.query, text)) for text in asked.texts]


def ranking_cost(
    kind: Kind, asked: PassageQuestion, sizes: "Sequence[Sequence[TextSize]]"
) -> Estimate:
    """Return what a ranking costs: each passage scored, the longest explained, sentences deleted.

    Which are explained is known once all are scored; it costs no more than the longest would.
    """
    from whyalike.deletions import usual_check

    explainer = kind.model.explainer
    joint = "joint sequence" in explainer.model.capabilities
    scored = float(sum(one[1].tokens for one in sizes))
    cost = scored if joint else scored + sizes[0][0].tokens
    if asked.explain:
        # The one that should be first is explained wherever it stands.
        count = asked.explain + (2 if asked.right is not None else 0)
        longest = sorted(sizes, key=lambda one: -one[1].tokens)[:count]
        plain = replace(kind, check=0, unit="word")
        cost += sum(kind.model.estimate(plain, one).cost for one in longest)
        measured = asked.sentences
        if measured if measured is not None else usual_check(explainer.model) > 0:
            cost += sum((2 + ASKED_WITHOUT) * one[1].tokens for one in longest)
    if asked.sizes:
        # In chunks everything is read, and what chunks share twice.
        whole = sum(len(text.encode("utf-8", "replace")) for text in asked.texts) / 4.5
        cost += len(dict.fromkeys(asked.sizes)) * max(whole, scored)
    return kind.model.speeds.estimate(LEARNT, cost)
