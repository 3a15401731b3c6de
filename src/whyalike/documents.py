"""Documents that outlive the code: JSON of a named format and version, read by declared fields.

Everything that is stored and read back follows one rule:

- A field that a document lacks has the default that its dataclass declares: documents from before
  there was such a field stay readable. One without a default is missing, and that is damage.
- A document of a newer release is said to be one: by its version, or by a field that this release
  does not know.
- All else that is not as declared is damage. Nothing but FormatError comes out.

A format's version grows when a field is dropped or changes its meaning, and when one is added that
every document must have.
"""

import json
import math
import os
import platform
import reprlib
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import MISSING, Field, asdict, dataclass, fields, is_dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import cycle
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Literal, Self, Union, cast, get_args, get_origin, get_type_hints

import whyalike
from whyalike.errors import FormatError, OptionError
from whyalike.texts import SURROGATE, without_surrogates

UPDATE = "a newer release of whyalike wrote it. Update whyalike to read it."
LARGEST_INTEGER = 10**300

DAMAGED_ARCHIVE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    OverflowError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What comes out of reading a zip file, such as NumPy and torch write, with other bytes in it."""

_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_SHORT.maxlong = 40
_SHORT.maxlevel = 3


class NewerFieldError(ValueError):
    """A field that this release does not know."""


def describe(meaning: str, **limits: object) -> dict[str, object]:
    """Return the metadata of a field of a document, for its schema.

    Parameters
    ----------
    meaning : str
        What the field says, with its unit.
    **limits : object
        ``least``, ``above`` and ``most`` of a number, ``shortest`` of a text; ``where_known`` of a
        field that is left out where it is None.
    """
    return {"meaning": meaning, **limits}


def write_json(
    content: Mapping[str, Any],
    *,
    indent: int | None = None,
    surrogates: Literal["escaped", "replaced"] = "escaped",
) -> str:
    """Return JSON, characters as they are. Raises FormatError on a number that JSON has not.

    UTF-8 has no lone surrogates. JSON has an escape for them, by which ids stay what they are; for
    readers that refuse it they can be replaced by U+FFFD.
    """
    try:
        said = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=indent)
    except ValueError as error:
        raise FormatError(f"JSON can't hold this ({error}): give finite numbers.") from error
    if surrogates == "replaced":
        return without_surrogates(said)
    return SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", said)


def as_lists(value: Any) -> Any:
    """Return plain data with lists for tuples, as JSON reads it back."""
    if isinstance(value, dict):
        return {key: as_lists(one) for key, one in value.items()}
    return [as_lists(one) for one in value] if isinstance(value, list | tuple) else value


def read_json(text: str | bytes) -> object:
    """Return what JSON says. Raises FormatError on what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"This is not JSON that can be read: {error}.") from error


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of document.

    name: what ``format`` says in it, and ``version`` beside it. what: what such a document is
    called. remedy: what to do where one is damaged, a sentence.
    """

    name: str
    what: str
    remedy: str
    version: int = 1

    def head(self) -> dict[str, Any]:
        """Return what every such document begins with."""
        return {"format": self.name, "version": self.version}

    def body(
        self, content: object, *, where: str | None = None, unnamed: bool = False
    ) -> dict[str, Any]:
        """Return what a document says besides its format and version.

        Parameters
        ----------
        content : object
            The document.
        where : str, optional
            What to call it in errors, such as its path; by default "This" and what it is.
        unnamed : bool, default=False
            Whether one that says neither is of version 1: early ones did not.

        Raises
        ------
        FormatError
            It is no such document, of another version, or none that JSON has.
        """
        said: Mapping[Any, Any] = content if isinstance(content, Mapping) else {}
        if unnamed and said and "format" not in said and "version" not in said:
            said = {**said, "format": self.name, "version": 1}
        if said.get("format") != self.name:
            found = shown(said.get("format"))
            raise FormatError(
                f"{where or 'This'} is no {self.what}: its 'format' is {found}, not "
                f"{self.name!r}. {self.remedy}"
            )
        version = said.get("version")
        if type(version) is not int or version < 1:
            raise FormatError(
                f"{self._called(where)} is damaged: its version is {shown(version)}. {self.remedy}"
            )
        if version > self.version:
            raise FormatError(
                f"{self._called(where)} is of version {shown(version)}, and this release reads up "
                f"to version {self.version}: {UPDATE}"
            )
        return {key: value for key, value in said.items() if key not in ("format", "version")}

    def load(self, path: str | os.PathLike[str], *, unnamed: bool = False) -> dict[str, Any]:
        """Return the body of the document in a file; see ``body`` for the arguments.

        Raises
        ------
        FormatError
            The file can't be read, or as ``body``.
        """
        try:
            content = json.loads(Path(path).read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise FormatError(f"Could not read a {self.what} from {path}: {reason}.") from error
        return self.body(content, where=os.fspath(path), unnamed=unnamed)

    @contextmanager
    def reading(self, *, where: str | None = None) -> Iterator[None]:
        """Say as FormatError what is wrong with such a document while it is read."""
        try:
            yield
        except FormatError:
            raise
        except NewerFieldError as error:
            raise FormatError(
                f"{self._called(where)} has {error}, which this release does not know: {UPDATE}"
            ) from error
        except (ValueError, OptionError) as error:
            raise FormatError(
                f"{self._called(where)} is damaged: {str(error).rstrip('.')}. {self.remedy}"
            ) from error

    def _called(self, where: str | None) -> str:
        return where or f"This {self.what}"


class Document:
    """Base of the dataclasses that are stored as a document of their own.

    A subclass says in ``_format`` what its documents are called. One that writes more than its
    fields, or less, has a ``to_dict`` of its own, and ``_from_body``, which reads that.
    """

    _format: ClassVar[Format]

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, from which ``from_dict`` makes an equal object."""
        return {**self._format.head(), **as_lists(asdict(cast("Any", self)))}

    def to_json(self, *, indent: int | None = None) -> str:
        """Return JSON from which ``from_json`` makes an equal object.

        Raises FormatError on a number that JSON has not.
        """
        return write_json(self.to_dict(), indent=indent)

    @classmethod
    def from_dict(cls, content: object) -> Self:
        """Make an object from what ``to_dict`` gave. Raises FormatError on anything else."""
        body = cls._format.body(content)
        with cls._format.reading():
            return cls._from_body(body)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Make an object from JSON. Raises FormatError on what ``to_json`` did not write."""
        return cls.from_dict(read_json(text))

    @classmethod
    def _from_body(cls, body: dict[str, Any]) -> Self:
        """Make an object from a document without its head. Raises ValueError on a damaged one."""
        return cls(**read_object(body, cls))


def without(content: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return an object of JSON without these fields."""
    return {key: value for key, value in content.items() if key not in names}


def each_without(value: object, *names: str) -> object:
    """Return a list with its objects of JSON without these fields; what is none, as it is."""
    if not isinstance(value, list | tuple):
        return value
    return [without(one, *names) if isinstance(one, Mapping) else one for one in value]


def read_object(
    content: object, kind: type, where: str = "", *, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what ``content`` has for each field of the dataclass ``kind``.

    Parameters
    ----------
    content : object
        An object of JSON.
    kind : type
        The dataclass.
    where : str, default=''
        Names the object in errors.
    given : Mapping[str, Any], optional
        Fields that do not come from ``content``, with their values.

    Raises
    ------
    NewerFieldError
        A field that ``kind`` has not.
    ValueError
        A field is missing, or has a value that it can't have.
    """
    try:
        return _read_fields(content, kind, given or {})
    except _WrongError as error:
        raise error.placed(where) from None


def read_value(value: object, kind: Any, where: str) -> Any:
    """Return a value of JSON as ``kind``, the declared type of a field; ``where`` names it.

    Raises ValueError as ``read_object``.
    """
    try:
        return _reader(kind)(value)
    except _WrongError as error:
        raise error.placed(where) from None


class _WrongError(Exception):
    """What is wrong, and where: the path is put together only now, as there are many places.

    Parameters
    ----------
    says : str
        What follows the path; a field that is not known where it is empty.
    *path : str
        The steps to it, the last first.
    """

    def __init__(self, says: str, *path: str) -> None:
        self.says, self.path = says, list(path)

    def placed(self, where: str) -> ValueError:
        """Return the error for who reads a document that ``where`` names."""
        for step in reversed(self.path):
            where = f"{where}{step}" if where else step.removeprefix(".")
            if step.endswith(_CUT):
                where = where.removesuffix(_CUT)[:80]
        if not self.says:
            return NewerFieldError(where[:80])
        return ValueError(f"{where or 'it'}{self.says}")


_CUT = "\0"
"""Ends a step that may be of any length."""


def _read_fields(content: object, kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        raise _WrongError(f" is {shown(content)}, not an object")
    declared = _declared(kind)
    for name, (_, needed) in declared.items():
        if needed and name not in content and name not in given:
            raise _WrongError(" is missing", f".{name}")
    for name in content:
        if name not in declared or name in given:
            raise _WrongError("", f".{name}")
    read = {}
    for name, (read_field, _) in declared.items():
        if name in content:
            try:
                read[name] = read_field(content[name])
            except _WrongError as error:
                error.path.append(f".{name}")
                raise
    return {**read, **given}


_Reader = Callable[[object], Any]


@cache
def _reader(kind: Any) -> _Reader:
    """Return what reads values of a declared type: types are looked at once, not at each value."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (UnionType, Union):
        read = _reader(parts[0])
        return lambda value: None if value is None else read(value)
    if origin is Literal:
        return lambda value: _read_choice(value, parts)
    if origin is tuple:
        return _tuple_reader(parts)
    if origin is not None:
        return _mapping_reader(_reader(parts[1]))
    return _plain_reader(kind)


def _plain_reader(kind: Any) -> _Reader:
    """Return what reads values of a type that has no parts."""
    if isinstance(kind, type) and is_dataclass(kind):
        return lambda value: kind(**_read_fields(value, kind, {}))
    if kind is Any:
        return lambda value: value
    return _read_number if kind is float else lambda value: _read_plain(value, kind)


def _read_choice(value: object, allowed: tuple[Any, ...]) -> object:
    if not any(type(value) is type(one) and value == one for one in allowed):
        raise _WrongError(f" is {shown(value)}; allowed: {', '.join(map(repr, allowed))}")
    return value


def _mapping_reader(read: _Reader) -> _Reader:
    def read_mapping(value: object) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _WrongError(f" is {shown(value)}, not an object")
        found = {}
        for name, item in value.items():
            try:
                found[str(name)] = read(item)
            except _WrongError as error:
                error.path.append(f".{name}{_CUT}")
                raise
        return found

    return read_mapping


def _tuple_reader(parts: tuple[Any, ...]) -> _Reader:
    """Return what reads a list as a tuple: of any length where the second part is an ellipsis."""
    of_any_length = parts[-1] is Ellipsis
    readers = [_reader(part) for part in parts if part is not Ellipsis]
    is_numbers = of_any_length and parts[0] is float

    def read_tuple(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _WrongError(f" is {shown(value)}, not a list")
        if not of_any_length and len(value) != len(readers):
            raise _WrongError(f" has {len(value)} entries, not {len(readers)}")
        # A matrix has thousands, and nearly always they are what they should be.
        if is_numbers and set(map(type, value)) == {float} and all(map(math.isfinite, value)):
            return tuple(value)
        found: list[Any] = []
        try:
            for item, read in zip(value, cycle(readers), strict=False):
                found.append(read(item))
        except _WrongError as error:
            error.path.append(f"[{len(found)}]")
            raise
        return tuple(found)

    return read_tuple


def _read_plain(value: object, kind: Any) -> Any:
    """Return a string, a whole number or a truth value. Truth values are no numbers."""
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _WrongError(f" is {shown(value)}, not {_NAMES[kind]}")
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise _WrongError(f" is {shown(value)}, too large")
    return value


def _read_number(value: object) -> float:
    """Return a number. Whole numbers pass for numbers, as from others."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _WrongError(f" is {shown(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _WrongError(f" is {shown(value)}, not a finite number")
    return number


def shown(value: object) -> str:
    """Return a value for an error message, short enough to be read, however large or deep it is."""
    return _SHORT.repr(value)[:80]


@cache
def _declared(kind: type) -> dict[str, tuple[_Reader, bool]]:
    """Return what reads each field, and whether it has no default."""
    hints = get_type_hints(kind)
    return {field.name: (_reader(hints[field.name]), _is_needed(field)) for field in fields(kind)}


def _is_needed(field: "Field[Any]") -> bool:
    return field.default is MISSING and field.default_factory is MISSING


PACKAGES = ("torch", "transformers", "sentence-transformers", "numpy", "scipy", "scikit-learn")


def package_versions() -> dict[str, str]:
    """Return the versions of Python, of whyalike, and of what its figures depend on."""
    found = {"python": platform.python_version(), "whyalike": whyalike.__version__}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
