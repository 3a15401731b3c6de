"""The language of filters: ``variety = "Viura" and (price < 20 or points >= 90)``.

    filter     = and_part { "or" and_part }
    and_part   = not_part { "and" not_part }
    not_part   = "not" not_part | "(" filter ")" | comparison
    comparison = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
               | field [ "not" ] "in" "(" value { "," value } ")"
               | field [ "not" ] "contains" text
               | field "is" [ "not" ] "null"

A field whose name is no plain word stands in backquotes. A text stands in single or double quotes,
in which the same quote doubled stands for itself. A missing value equals nothing, is neither
greater nor less than anything and holds no text; so ``!=`` and ``not`` are true of it. A field that
holds texts and numbers has the number 7 where ``= "7"`` is asked for, too.

Of a value of another kind, such as a text among numbers, it is known whether it equals one, and
unknown whether it is greater, less, or holds a text. ``not`` of what is unknown is unknown, too
(Kleene's logic of three values), and an item is found only if the filter is true of it.

Lengths are bounded: LONGEST characters, MOST_COMPARISONS, MOST_VALUES, DEEPEST levels.
"""

import re
from dataclasses import dataclass
from typing import Literal

from whyalike.errors import OptionError

Value = str | float | bool
Operator = Literal["=", "<", "<=", ">", ">=", "contains"]

DEEPEST = 100
"""Levels of brackets and of ``not``: beyond, Python's own stack would end."""

MOST_COMPARISONS = 100
"""Each looks at a field of every item."""

MOST_VALUES = 10_000
"""In all lists together; a list takes little more than one value does."""

LONGEST = 1_000_000
"""Characters."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"]|"")*"|'(?:[^']|'')*')
    |(?P<quoted>`(?:[^`]|``)+`)
    |(?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    |(?P<word>[^\W\d][\w.-]*)
    |(?P<sign>!=|<>|<=|>=|==|[=<>(),])
    |(?P<end>$)
    )""",
    re.VERBOSE,
)
_PLAIN = re.compile(r"[^\W\d][\w.-]*")
_KEYWORDS = {"and", "or", "not", "in", "is", "null", "contains", "true", "false"}
_COMPARISONS: dict[str, tuple[Operator, bool]] = {
    "=": ("=", False),
    "==": ("=", False),
    "!=": ("=", True),
    "<>": ("=", True),
    "<": ("<", False),
    "<=": ("<=", False),
    ">": (">", False),
    ">=": (">=", False),
}
"""By sign: the operator, and whether the contrary is meant."""


@dataclass(frozen=True, slots=True)
class Compare:
    """A field against one value, or, if the operator is ``=``, against any of several."""

    field: str
    operator: Operator
    values: tuple[Value, ...]
    column: int


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether a field has no value."""

    field: str
    column: int


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    part: "Filter"


@dataclass(frozen=True, slots=True)
class Every:
    """All of the parts."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of the parts."""

    parts: tuple["Filter", ...]


Filter = Compare | IsNull | Not | Every | Some


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.lower() in words


def parse_where(text: str) -> Filter:
    """Return what a filter says.

    Raises
    ------
    OptionError
        It can't be read; the message names the column of the mistake, from 1.
    """
    if not isinstance(text, str):
        raise OptionError(f"where is of type {type(text).__name__}; give a str.")
    if len(text) > LONGEST:
        raise OptionError(f"where has {len(text):,} characters; give {LONGEST:,} at most.")
    parser = _Parser(text)
    found = parser.some(0)
    if parser.next.kind != "end":
        raise parser.failed("'and', 'or' or the end")
    return found


class _Parser:
    """Recursive descent: one method for each line of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _cut(text)
        self.place = self.comparisons = self.values_read = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.place]

    def take(self) -> _Token:
        token = self.next
        self.place += 1
        return token

    def take_sign(self, *signs: str) -> bool:
        found = self.next.kind == "sign" and self.next.text in signs
        self.place += found
        return found

    def take_word(self, word: str) -> bool:
        found = self.next.is_word(word)
        self.place += found
        return found

    def failed(self, allowed: str) -> OptionError:
        token = self.next
        came = "the end" if token.kind == "end" else repr(token.text)
        return failure(self.text, token.column, f"{allowed} should stand here, not {came}")

    def some(self, depth: int) -> Filter:
        parts = [self.every(depth)]
        while self.take_word("or"):
            parts.append(self.every(depth))
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def every(self, depth: int) -> Filter:
        parts = [self.one(depth)]
        while self.take_word("and"):
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def one(self, depth: int) -> Filter:
        if depth >= DEEPEST:
            raise self.failed(f"no more than {DEEPEST} levels of brackets and 'not'")
        if self.take_word("not"):
            return Not(self.one(depth + 1))
        if self.take_sign("("):
            found = self.some(depth + 1)
            if not self.take_sign(")"):
                raise self.failed("')', 'and' or 'or'")
            return found
        return self.comparison()

    def comparison(self) -> Filter:
        name = self.next
        if name.kind not in ("word", "quoted") or name.is_word(*_KEYWORDS):
            raise self.failed("a field (in backquotes if its name is no plain word)")
        self.comparisons += 1
        if self.comparisons > MOST_COMPARISONS:
            raise self.failed(
                f"no more than {MOST_COMPARISONS} comparisons (one 'in' has many values of a field)"
            )
        field = _unquoted(self.take())
        if self.take_word("is"):
            negated = self.take_word("not")
            if not self.take_word("null"):
                raise self.failed("'null' or 'not null'")
            return _negated(IsNull(field, name.column), negated)
        if self.next.text in _COMPARISONS:
            operator, contrary = _COMPARISONS[self.take().text]
            return _negated(Compare(field, operator, (self.value(),), name.column), contrary)
        negated = self.take_word("not")
        if self.take_word("in"):
            return _negated(Compare(field, "=", self.values(), name.column), negated)
        if self.take_word("contains"):
            if self.next.kind != "text":
                raise self.failed("a text in quotes")
            wanted = _unquoted(self.take())
            return _negated(Compare(field, "contains", (wanted,), name.column), negated)
        raise self.failed("=, !=, <, <=, >, >=, 'in', 'contains' or 'is'")

    def values(self) -> tuple[Value, ...]:
        if not self.take_sign("("):
            raise self.failed("'('")
        found = [self.value()]
        while self.take_sign(","):
            found.append(self.value())
        if not self.take_sign(")"):
            raise self.failed("',' or ')'")
        return tuple(found)

    def value(self) -> Value:
        token = self.next
        self.values_read += 1
        if self.values_read > MOST_VALUES:
            raise self.failed(f"no more than {MOST_VALUES:,} values")
        if token.kind == "text":
            return _unquoted(self.take())
        if token.kind == "number":
            return _number(self.take().text)
        if token.is_word("true", "false"):
            return self.take().text.lower() == "true"
        if token.is_word("null"):
            raise self.failed("a value (ask for a missing one with 'is null')")
        raise self.failed("a number, true, false, or a text in quotes")


def quote_field(name: str) -> str:
    """Return a field's name as it is written in a filter."""
    is_plain = _PLAIN.fullmatch(name) is not None and name.lower() not in _KEYWORDS
    return name if is_plain else "`" + name.replace("`", "``") + "`"


class FilterError(OptionError):
    """A filter that can't be read, or that asks for a field that is not there."""


def failure(text: str, column: int, reason: str) -> FilterError:
    """Return an error that points at a column of the filter, from 1."""
    around = text[max(0, column - 11) : column - 1] + "▸" + text[column - 1 : column + 19]
    return FilterError(f"where, column {column} ({around.strip()}): {reason}.")


def _cut(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    while not tokens or tokens[-1].kind != "end":
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            quotes = {'"': "the text", "'": "the text", "`": "the field"}
            if text[place] in quotes:
                reason = f"{quotes[text[place]]} that begins here has no end"
            else:
                reason = f"{text[place]!r} has no meaning here; texts stand in quotes"
            raise failure(text, place + 1, reason)
        column = match.start(match.lastgroup) + 1
        tokens.append(_Token(match.lastgroup, match[match.lastgroup], column))
        place = match.end()
    return tokens


def _unquoted(token: _Token) -> str:
    if token.kind == "word":
        return token.text
    quote = token.text[0]
    return token.text[1:-1].replace(quote * 2, quote)


def _number(text: str) -> float:
    try:
        whole = int(text)
    except ValueError:
        return float(text)
    return whole if abs(whole) < 2**63 else float(text)


def _negated(found: Filter, negated: bool) -> Filter:
    return Not(found) if negated else found
