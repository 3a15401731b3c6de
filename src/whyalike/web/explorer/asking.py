"""What a page's form asks for, with the examples that it begins with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import parse_qsl, urlencode

from whyalike.errors import OptionError
from whyalike.options import UnitKind
from whyalike.texts import without_surrogates

if TYPE_CHECKING:
    from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Example:
    """A question that one may follow: its kind, what it asks, its texts and its link."""

    name: str
    asks: str
    texts: tuple[str, ...]
    link: str


def _example(path: str, name: str, asks: str, *, unit: str = "", **texts: str) -> Example:
    fields = texts | ({"unit": unit} if unit else {})
    return Example(name, asks, tuple(texts.values()), f"{path}?{urlencode(fields)}")


PASSAGE = (
    "The old lighthouse stands on a cliff at the northern end of the island. It was built in 1874 "
    "by a local stonemason and his three sons, after two ships had been lost on the rocks below in "
    "a single winter. For almost a century a keeper lived there with his family, grew potatoes "
    "behind the tower, and rowed to the village on Saturdays. The lamp has been automatic since "
    "1968, and the keeper’s house is now a small museum with letters, maps and a stuffed puffin. "
    "Visitors may climb the 142 steps to the gallery from May to September, when the weather "
    "allows it. Tickets are four euros, and children under six go up for free. Dogs have to wait "
    "at the gate, where there is a bowl of water. The last bus back to the harbour leaves at half "
    "past five, so do not stay too long for the sunset."
)

PAIRS = (
    _example(
        "/",
        "Search miss",
        "This is the right passage: why is its score so low?",
        left="jaguar top speed",
        right="The big cat of the Amazon sprints at eighty kilometres an hour to catch its prey.",
    ),
    _example(
        "/",
        "False friend",
        "What do a river and savings have in common?",
        left="We sat on the bank of the river and watched the boats.",
        right="The bank raised its interest rates for savings accounts.",
    ),
    _example(
        "/",
        "Negation",
        "Does the model see that this is the opposite?",
        left="This jacket is waterproof.",
        right="This jacket is not waterproof.",
    ),
    _example(
        "/",
        "Two products",
        "Would one be a fair replacement for the other?",
        left="Keep hands warm with these knit gloves featuring touchscreen-compatible fingertips.",
        right="These smartphone-friendly gloves let you text without taking them off.",
    ),
    _example(
        "/",
        "Long passage",
        "Which sentence answers the question?",
        left="how much is the entry for adults",
        right=PASSAGE,
        unit="sentence",
    ),
    _example(
        "/",
        "Two languages",
        "Does the model understand German, or only spellings?",
        left="Our hotel has a sauna and a swimming pool.",
        right="Unser Hotel hat eine Sauna und ein Schwimmbad.",
    ),
)

COMPARISONS = (
    _example(
        "/compare",
        "A question and two answers",
        "Why is the answer above the other text?",
        query="how to cancel my subscription",
        first="You can end your plan any time in the account settings.",
        second="Subscriptions are billed on the first day of each month.",
    ),
    _example(
        "/compare",
        "A search and two products",
        "Which word makes the difference?",
        query="gloves for using a phone in winter",
        first="Knit gloves with touchscreen-compatible fingertips.",
        second="Warm leather gloves for winter, lined with wool.",
    ),
)

PART = "x-whyalike-part"
RESULT = "result"
MOST_FIELDS = 500

ONCE = ("edit", "with", "sure")
"""Fields that are no part of a question's link: what is done to it, and that it may take long."""

LONGEST_LINK = 6_000
"""Characters of a link: servers and programs on its way cut or refuse longer ones."""

Fields = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """The fields by name, empty ones left out; ``is_part`` asks for the answer without its page."""

    fields: Fields
    is_part: bool = False

    @classmethod
    async def of(cls, request: "Request") -> "Asked":
        """Read a request. Raises OptionError on a body that is no form."""
        pairs = request.query_params.multi_items()
        if request.method == "POST":
            pairs += _read_form(await request.body())
        fields: dict[str, list[str]] = {}
        for name, value in pairs:
            # Forms end lines with CRLF, scripts with LF: the text is the same.
            said = without_surrogates(value.replace("\r\n", "\n"))
            if said:
                fields.setdefault(without_surrogates(name), []).append(said)
        found = {name: tuple(values) for name, values in fields.items()}
        return cls(found, request.headers.get(PART) == RESULT)

    def one(self, name: str, default: str = "") -> str:
        """Return a field, its first value where it has several."""
        return self.fields.get(name, (default,))[0]

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field, each once."""
        return tuple(dict.fromkeys(self.fields.get(name, ())))

    def whole(self, name: str, default: int) -> int:
        """Return a field that is a whole number from 1 on. Raises OptionError on anything else."""
        said = self.one(name, str(default))
        if not (said.isascii() and said.isdecimal() and 1 <= len(said) <= 9 and int(said)):
            raise OptionError(f"{name} is {said[:60]!r}; give a whole number from 1 on.")
        return int(said)

    def without(self, *names: str) -> "Asked":
        """Return the same without some fields."""
        left = {name: values for name, values in self.fields.items() if name not in names}
        return Asked(left, self.is_part)

    def link(self, **changes: str) -> str:
        """Return the fields as the query of an address, changed; "" where it would be too long."""
        lasting = self.without(*ONCE).fields
        fields = {**lasting, **{name: (value,) for name, value in changes.items()}}
        pairs = [(name, value) for name, values in fields.items() for value in values if value]
        said = urlencode(pairs)
        return said if len(said) <= LONGEST_LINK else ""


def _read_form(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise OptionError(
            "What was sent is no form that can be read: open the page again and repeat."
        ) from error


FEW = 5
DOCUMENTS = "documents"
ABSOLUTE = "absolute"
SCALES = (("", "the same for every pair"), ("relative", "the most of this pair"))
"""What a full shade may be, as a choice."""


@dataclass(frozen=True, slots=True)
class PairQuestion:
    """Two texts; ``beside`` are further methods, ``top_k`` clusters of scores are shown.

    ``texts`` is DOCUMENTS where the left one is no query. ``scale`` is that of shades and bars.
    ``unit`` is what is measured besides words. ``long`` is how texts are read that are longer than
    the model reads, "" as this server does it.
    """

    left: str
    right: str
    model: str
    method: str
    beside: tuple[str, ...]
    top_k: int
    texts: str
    unit: UnitKind
    scale: str = ABSOLUTE
    long: str = ""

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
            scale=asked.one("scale") or ABSOLUTE,
            unit=_unit(asked.one("unit")),
            long=asked.one("long"),
        )

    @property
    def is_whole(self) -> bool:
        """Whether there is something to explain."""
        return bool(self.left.strip() and self.right.strip())


def _unit(said: str) -> UnitKind:
    """Return the unit that was asked for; words where it is none."""
    return next((unit for unit in get_args(UnitKind) if unit == said), "word")


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


EACH_ITEM = "*"
"""Chosen where results are to stand for themselves alone, and not for a group."""


@dataclass(frozen=True, slots=True)
class SearchQuestion:
    """A search: by a text or an item, with filters, and perhaps with an item that is missed.

    ``by`` says which of the two was typed last, where both are given; without it the item counts.
    """

    asked: Asked
    text: str
    item: str
    by: str
    missing: str
    index: str
    method: str
    where: str
    k: int
    start: int
    group: str
    diverse: bool
    twins: bool

    @classmethod
    def of(cls, asked: Asked) -> "SearchQuestion":
        """Read it. Raises OptionError on a number that is none."""
        return cls(
            asked=asked,
            text=asked.one("text"),
            item=asked.one("item"),
            by=asked.one("by"),
            missing=asked.one("missing"),
            index=asked.one("index"),
            method=asked.one("method"),
            where=asked.one("where"),
            k=asked.whole("k", FEW),
            start=asked.whole("start", 1),
            group=asked.one("group"),
            diverse=bool(asked.one("diverse")),
            twins=bool(asked.one("twins")),
        )

    @property
    def shape(self) -> dict[str, Any]:
        """What of CatalogueIndex.similar says which of the nearest are shown, if not as usual."""
        group_by = "" if self.group == EACH_ITEM else self.group
        shape: dict[str, Any] = {"group_by": group_by} if self.group else {}
        return shape | {name: True for name in ("diverse", "twins") if getattr(self, name)}

    @property
    def text_asked(self) -> str | None:
        """The text that is searched by; None where it is an item."""
        return None if self.item_asked else self.text or None

    @property
    def item_asked(self) -> str | None:
        """The item that is searched by; None where it is a text."""
        by_text = self.by == "text" and self.text.strip()
        return None if by_text else self.item or None

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
