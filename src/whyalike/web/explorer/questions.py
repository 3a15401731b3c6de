"""The questions of the pages, as they were asked."""

import math
from dataclasses import dataclass

from whyalike.errors import OptionError
from whyalike.web.explorer.asking import Asked

FEW = 5
DOCUMENTS = "documents"


@dataclass(frozen=True, slots=True)
class PairQuestion:
    """Two texts; ``beside`` are further methods, ``top_k`` clusters of scores are shown.

    ``texts`` is DOCUMENTS where the left one is no query.
    """

    left: str
    right: str
    model: str
    method: str
    beside: tuple[str, ...]
    top_k: int
    texts: str

    @classmethod
    def of(cls, asked: Asked, *, top_k: int) -> "PairQuestion":
        """Read it; ``top_k`` is the default. Raises OptionError on one that is no number."""
        method = asked.one("method")
        return cls(
            left=asked.one("left"),
            right=asked.one("right"),
            model=asked.one("model"),
            method=method,
            beside=tuple(name for name in asked.all("beside") if name != method),
            top_k=asked.whole("top_k", top_k),
            texts=asked.one("texts"),
        )

    @property
    def is_whole(self) -> bool:
        """Whether there is something to explain."""
        return bool(self.left.strip() and self.right.strip())


@dataclass(frozen=True, slots=True)
class CompareQuestion:
    """A query and two texts."""

    query: str
    first: str
    second: str
    model: str
    method: str

    @classmethod
    def of(cls, asked: Asked) -> "CompareQuestion":
        """Read it."""
        return cls(*(asked.one(name) for name in ("query", "first", "second", "model", "method")))

    @property
    def is_whole(self) -> bool:
        """Whether there is something to compare."""
        return bool(self.query.strip() and self.first.strip() and self.second.strip())


@dataclass(frozen=True, slots=True)
class SearchQuestion:
    """A search: by a text or an item, with filters, and perhaps with an item that is missed."""

    asked: Asked
    text: str
    item: str
    missing: str
    index: str
    method: str
    where: str
    k: int
    start: int

    @classmethod
    def of(cls, asked: Asked) -> "SearchQuestion":
        """Read it. Raises OptionError on a number that is none."""
        return cls(
            asked=asked,
            text=asked.one("text"),
            item=asked.one("item"),
            missing=asked.one("missing"),
            index=asked.one("index"),
            method=asked.one("method"),
            where=asked.one("where"),
            k=asked.whole("k", FEW),
            start=asked.whole("start", 1),
        )

    @property
    def is_filtered(self) -> bool:
        """Whether any filter is set."""
        return bool(self.where) or any(
            name.startswith(("is.", "from.", "to.")) for name in self.asked.fields
        )

    def wanted(self, field: str) -> tuple[str, ...]:
        """Return the chosen values of a field."""
        return self.asked.all(f"is.{field}")

    def end(self, which: str, field: str) -> str:
        """Return one end (``from`` or ``to``) of the range of a field."""
        return self.asked.one(f"{which}.{field}")

    def condition(self, booleans: frozenset[str]) -> str | None:
        """Return all filters as one condition; see whyalike.catalogue.where.

        ``booleans`` are the fields whose values are yes or no. Raises OptionError on an end of a
        range that is no number.
        """
        parts = [_is_any(name, values, booleans) for name, values in self._given("is.")]
        for prefix, sign in (("from.", ">="), ("to.", "<=")):
            for name, values in self._given(prefix):
                parts.append(f"{_field(name)} {sign} {_number(name, values[0])}")
        if self.where.strip():
            parts.append(f"({self.where.strip()})" if parts else self.where.strip())
        return " and ".join(parts) or None

    def _given(self, prefix: str) -> list[tuple[str, tuple[str, ...]]]:
        given = self.asked.fields
        return [(name[len(prefix) :], given[name]) for name in given if name.startswith(prefix)]


def _is_any(name: str, values: tuple[str, ...], booleans: frozenset[str]) -> str:
    if name in booleans:
        said = ["true" if value == "yes" else "false" for value in values]
    else:
        said = ['"' + value.replace('"', '""') + '"' for value in values]
    if len(said) == 1:
        return f"{_field(name)} = {said[0]}"
    return f"{_field(name)} in ({', '.join(said)})"


def _field(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _number(name: str, said: str) -> str:
    try:
        value = float(said.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise OptionError(f"The range of {name!r} ends at {said[:60]!r}; give a number.")
    return repr(value)
