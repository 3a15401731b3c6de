"""The models and indexes that a server was started with; requests can name no others."""

import hashlib
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from whyalike.comparison import Comparison
from whyalike.errors import FormatError, OptionError
from whyalike.explanation import Explanation
from whyalike.options import (
    BTIOptions,
    Declared,
    UnitKind,
    all_options,
    check_chunks,
    declared,
)
from whyalike.schema import ExplanationModel
from whyalike.web.api.answers import Answer, TextPair, explain_each
from whyalike.web.api.codes import Details, OptionRefusedError
from whyalike.web.api.estimates import (
    Estimate,
    Speeds,
    calibrate,
    count_size,
    count_sizes,
    guess_sizes,
    is_computed_here,
    most_sizes,
    pair_cost,
)
from whyalike.web.api.kept import KeptResults
from whyalike.web.api.metrics import Metrics
from whyalike.web.api.schema import validated
from whyalike.web.api.work_queue import Stopped, WorkQueue, as_exception

if TYPE_CHECKING:
    from whyalike.catalogue import CatalogueIndex
    from whyalike.explainer import Explainer
    from whyalike.methods.method import Method, TextSize


@dataclass(frozen=True, slots=True)
class Kind:
    """What pairs must have in common to be explained together, which it does.

    documents: whether both texts are documents, and the left one no query. check: how many pairs
    are checked by deletion. unit: what is measured besides words.
    """

    model: "ServedModel"
    method: str
    options: BTIOptions
    documents: bool = False
    check: int = 0
    unit: UnitKind = "word"

    def __call__(self, pairs: Sequence[TextPair]) -> Sequence[Answer | Exception]:
        """Explain them; one that can't be explained gets its own error."""
        return self.model.explain(self, pairs)

    def took(self, cost: float, seconds: float, busy: float) -> None:
        """Learn how long that took."""
        self.model.learn(self.method, cost, seconds, busy)


@dataclass(frozen=True, slots=True)
class RowChecks:
    """Checks so many rows of comparisons whose explanations are of one kind, one after another."""

    kind: Kind
    count: int

    def __call__(self, comparisons: Sequence[Comparison]) -> Sequence[Comparison | Exception]:
        """Check them; one that can't be checked gets its own error."""
        explainer = self.kind.model.explainer_of(self.kind)
        done: list[Comparison | Exception] = []
        for one in comparisons:
            try:
                done.append(explainer.check_comparison(one, count=self.count))
            except Stopped:
                raise
            except BaseException as error:
                done.append(as_exception(error))
        return done


KINDS_KEPT = 64


class ServedModel:
    """A model under its name here, with the queue on which it is asked."""

    def __init__(
        self,
        name: str,
        explainer: "Explainer",
        *,
        queue: WorkQueue,
        kept: KeptResults,
        metrics: Metrics,
    ) -> None:
        self.name, self.explainer, self.queue = name, explainer, queue
        self._kept, self._metrics = kept, metrics
        self.speeds = Speeds()
        # Most requests leave the options as they are: those are not put together for each.
        self._usual_kind = lru_cache(maxsize=KINDS_KEPT)(
            lambda method, *how: self._kind_of(method, {}, *how)
        )
        self.fingerprint = queue.call(lambda: _fingerprint(explainer)).result()
        queue.call(lambda: calibrate(explainer, self.speeds)).result()

    @cached_property
    def methods(self) -> tuple["Method", ...]:
        """The methods that can explain this model, its default first."""
        from whyalike.methods.method import list_methods

        able = []
        for method in list_methods():
            try:
                self.explainer.with_method(method.name)
            except OptionError:
                continue
            able.append(method)
        return tuple(sorted(able, key=lambda one: one.name != self.explainer.method.name))

    @property
    def left_out(self) -> dict[str, str]:
        """By the name of each method that can't explain this model, what it would need."""
        from whyalike.methods.method import left_out

        return left_out(self.explainer.model)

    @property
    def signed_method(self) -> str:
        """The method of a comparison where none is asked for, as ``Explainer.compare`` has it."""
        return self.explainer.signed_method

    def kind(
        self,
        method: str | None,
        options: Mapping[str, Any] | None,
        *,
        documents: bool = False,
        check: int = 0,
        unit: UnitKind = "word",
    ) -> tuple[Kind, int]:
        """Return what is to be computed, and the ``top_k`` that is chosen afterwards.

        Raises OptionError on a method or an option that is not allowed.
        """
        if options:
            return self._kind_of(method, options, documents, check, unit)
        return self._usual_kind(method, documents, check, unit)

    def _kind_of(
        self,
        method: str | None,
        options: Mapping[str, Any],
        documents: bool,
        check: int,
        unit: UnitKind,
    ) -> tuple[Kind, int]:
        name = method or self.explainer.method.name
        if all(one.name != name for one in self.methods):
            try:
                self.explainer.with_method(name)
            except OptionError as error:
                details = Details(field="method", value=name)
                raise OptionRefusedError(str(error), "invalid_method", details) from error
        of_method = self.method(name).declared
        known = {one.name: one for one in (*declared(BTIOptions), *of_method)}
        for option, value in options.items():
            check_option(option, value, known)
        asked = all_options({**self.explainer.options.values(), **options})
        check_chunks(asked)
        # The model has the last word on pairs of content that are checked: it is asked anew.
        by_content = self.method(name).selects_by(asked) == "content"
        top_k = asked.top_k if check and by_content else self.explainer.options.top_k
        computed = replace(asked, top_k=top_k)
        return Kind(self, name, computed, documents, check, unit), asked.top_k

    def reads_on(self, kind: Kind, words: int) -> bool:
        """Return whether more than so many words or tokens may be compared, each with each.

        A model that stops reading bounds its own work. Where nothing does (``embed``, ``score``,
        windows, chunks), and where a matrix is what comes out, twice as long a text takes four
        times the memory.
        """
        limit = self.explainer.model.limit
        if limit is None or kind.options.long_text in ("windows", "chunks"):
            return True
        return limit > words and any(
            one.name == kind.method and "pairs" in one.promises for one in self.methods
        )

    def count(self, kind: Kind, text: str) -> int:
        """Return how many words or tokens of a text are read: the greater number."""
        size = count_size(self.explainer, text, prompt="", options=kind.options)
        return max(size.words, size.tokens - size.special)

    def method(self, name: str) -> "Method":
        """Return a method that can explain this model."""
        return next(one for one in self.methods if one.name == name)

    def guess(self, kind: Kind, pair: TextPair, *, short_cost: float) -> "list[TextSize] | None":
        """Return about the sizes of texts that can't cost more than so much; else None."""
        most = most_sizes(self.explainer, pair)
        if pair_cost(self.method(kind.method), most, kind.options) > short_cost:
            return None
        return guess_sizes(self.explainer, pair)

    def measure(self, kind: Kind, pair: TextPair) -> "list[TextSize]":
        """Return the sizes of texts: they are tokenized for that, in this thread."""
        own = self.explainer.between_documents() if kind.documents else self.explainer
        return count_sizes(own, pair, options=kind.options)

    def estimate(self, kind: Kind, sizes: "Sequence[TextSize]") -> Estimate:
        """Return what a pair of texts of these sizes costs."""
        cost = pair_cost(self.method(kind.method), sizes, kind.options)
        if kind.check:
            from whyalike.deletions import MOST_ASKED

            # Each pair alone, and all together.
            by_content = self.method(kind.method).selects_by(kind.options) == "content"
            count = kind.check * MOST_ASKED if by_content else kind.check
            cost += (count + 1) * sum(size.tokens for size in sizes)
        if kind.unit == "sentence":
            # Without each and each alone, of ten words or more.
            cost += sum(size.tokens * (size.words / 10 + 2) for size in sizes)
        elif kind.unit == "phrase":
            cost += sum(3 * size.tokens * size.words for size in sizes)
        return self.speeds.estimate(kind.method, cost)

    def learn(self, method: str, cost: float, seconds: float, busy: float) -> None:
        """Take note of work that was done; ``busy`` seconds of it its thread computed."""
        least = busy if is_computed_here(self.explainer) else seconds
        self.speeds.learn(method, cost, seconds, least=least)

    def estimate_rows(self, kind: Kind, sizes: "Sequence[TextSize]", count: int) -> Estimate:
        """Return what checking so many rows of each table costs, for texts of these sizes.

        At most, each row asks for the score of both pairs.
        """
        cost = 2 * count * float(sum(size.tokens for size in sizes))
        return self.speeds.estimate(kind.method, cost)

    def explainer_of(self, kind: Kind) -> "Explainer":
        """Return what explains pairs of a kind."""
        own = self.explainer.between_documents() if kind.documents else self.explainer
        explainer = copy(own.with_method(kind.method))
        explainer.options = kind.options
        return explainer

    def key(self, kind: Kind, pair: TextPair) -> bytes:
        """Return the key of a kept result: the same only for the same model and the same texts."""
        how = repr((kind.options, kind.documents, kind.check, kind.unit))
        said = (self.name, self.fingerprint, kind.method, how, *pair)
        digest = hashlib.sha256()
        for part in said:
            content = part.encode("utf-8", "surrogatepass")
            digest.update(len(content).to_bytes(8, "big") + content)
        return digest.digest()

    def describe(self) -> dict[str, Any]:
        """Return what there is to say about the model, as plain values."""
        model = self.explainer.model
        return {
            "name": self.name,
            "similarity_function": model.similarity_function,
            "pooling": model.pooling,
            "prompts": list(self.explainer.prompts),
            "limit": model.limit,
            "default_method": self.explainer.method.name,
            "comparing_method": self.signed_method,
            "methods": [method.name for method in self.methods],
            "left_out": self.left_out,
        }

    def explain(self, kind: Kind, pairs: Sequence[TextPair]) -> list[Answer | Exception]:
        """Explain pairs together, in this thread; keep the answers, and count them."""
        self._metrics.batches.labels(self.name).observe(len(pairs))
        explainer = self.explainer_of(kind)
        done: list[Answer | Exception] = []
        for pair, found in zip(
            pairs, explain_each(explainer, pairs, check=kind.check, unit=kind.unit), strict=True
        ):
            answer = _answer_of(found) if isinstance(found, Explanation) else found
            if isinstance(answer, Answer):
                self._kept.put(self.key(kind, pair), answer.json)
                self._metrics.explained.labels(kind.method, self.name).inc()
            else:
                self._metrics.failed.labels(type(answer).__name__, self.name).inc()
            done.append(answer)
        return done


def check_option(name: str, value: object, known: "Mapping[str, Declared]") -> None:
    """Raise OptionRefusedError unless a client may say this for one of the known options."""
    field = f"options.{name}"
    if name not in known:
        raise OptionRefusedError(
            f"There is no option {name!r}; allowed: {', '.join(known)}.",
            "unknown_option",
            Details(field=field),
        )
    came = value if isinstance(value, str | bool | int | float) else None
    most = known[name].served
    if most is not None and isinstance(value, int | float) and value > most:
        raise OptionRefusedError(
            f"{name} is {value:,}; this server allows {most:,} at most.",
            "invalid_option",
            Details(field=field, limit=most, value=came, unit=known[name].unit or None),
        )
    try:
        known[name].check(value)
    except OptionError as error:
        passed = _passed(known[name], value)
        details = Details(field=field, limit=passed, value=came, unit=known[name].unit or None)
        raise OptionRefusedError(str(error), "invalid_option", details) from error


def _passed(option: "Declared", value: object) -> float | None:
    """Return the limit of an option that a number passes; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    for limit, passes in (
        (option.least, option.least is not None and value < option.least),
        (option.above, option.above is not None and value <= option.above),
        (option.most, option.most is not None and value > option.most),
    ):
        if passes:
            return limit
    return None


@dataclass(frozen=True, slots=True)
class ServedIndex:
    """An index under its name here, with the model that it was made with.

    ``searched`` is the same index, for threads beside the queue.
    """

    name: str
    index: "CatalogueIndex"
    model: ServedModel
    searched: "CatalogueIndex"

    def describe(self) -> dict[str, Any]:
        """Return what there is to say about the index, as plain values, without its folder."""
        told = self.index.info()
        del told["folder"]
        return {**told, "name": self.name, "model": self.model.name}


class _Named(Protocol):
    @property
    def name(self) -> str: ...


One = TypeVar("One", bound=_Named)


def choose(what: str, those: Mapping[str, One], name: str | None) -> One:
    """Return the one of that name, the first without a name.

    Raises OptionError where there is none, which names those that are served.
    """
    if not those:
        raise OptionRefusedError(
            f"This server has no {what}: start it with --{what}.", f"unknown_{what}"
        )
    if name is None:
        return next(iter(those.values()))
    if name not in those:
        known = ", ".join(map(repr, those))
        shown = name if len(name) <= 60 else name[:57] + "..."
        raise OptionRefusedError(
            f"This server has no {what} {shown!r}; it has: {known}.",
            f"unknown_{what}",
            Details(field=what, value=shown),
        )
    return those[name]


def names_of(places: Iterable[str]) -> dict[str, str]:
    """Return places by the names under which they are served: folders by their last part.

    A name that is taken gets a number.
    """
    named: dict[str, str] = {}
    for place in places:
        first = place
        # Whoever opens it refuses a name that no file can have.
        with suppress(OSError, ValueError, RuntimeError):
            path = Path(place).expanduser()
            first = path.resolve().name or place if path.exists() else place
        named[free_name(first, named)] = place
    return named


def free_name(first: str, taken: Container[str]) -> str:
    """Return a name that is not taken: the first one, or that with a number."""
    name, number = first, 2
    while name in taken:
        name, number = f"{first}-{number}", number + 1
    return name


def _answer_of(explanation: Explanation) -> Answer | Exception:
    """Return the answer that says this, or an error where it is not as documented."""
    answer = Answer.of(explanation)
    try:
        validated(ExplanationModel, answer.json)
    except FormatError as error:
        return error
    return answer


def _fingerprint(explainer: "Explainer") -> str:
    from whyalike.catalogue.manifest import REFERENCE_TEXTS
    from whyalike.fingerprint import fingerprint

    return fingerprint(explainer, REFERENCE_TEXTS)
