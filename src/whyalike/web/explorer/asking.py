"""What a request asks: the fields of a form, from the address or from the body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from whyalike.errors import OptionError
from whyalike.texts import without_surrogates

if TYPE_CHECKING:
    from starlette.requests import Request

PART = "x-whyalike-part"
RESULT = "result"
MOST_FIELDS = 500
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

    def link(self, **changes: str) -> str:
        """Return the fields as the query of an address, changed; "" where it would be too long."""
        fields = {**self.fields, **{name: (value,) for name, value in changes.items()}}
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
