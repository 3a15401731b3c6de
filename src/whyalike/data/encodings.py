"""The encoding of a text file, found in all of its bytes: one letter may be the only sign."""

import codecs
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import BinaryIO

from whyalike.errors import FormatError, OptionError

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""How files begin that say it themselves; UTF-32 before UTF-16, whose mark it begins with."""

CANDIDATES = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "koi8_r", "mac_roman", "cp850", "cp932",
    "gb18030", "big5", "euc_jp", "euc_kr",
)  # fmt: skip
"""What shops' systems write that is not Unicode, of equally good ones the first."""

USUAL = "cp1252"
"""How a letter is read that is not UTF-8 in a file that is."""

SAMPLE = 1 << 16
"""Bytes, of lines with other than ASCII characters, that are looked at."""

AT_ONCE = 1 << 18
LONGEST = 1 << 24
"""Bytes of a line, beyond which nobody reads on."""

NEARLY = 0.05
"""Two encodings whose texts look as orderly as that are told apart by other signs."""

FEW = 4
"""So many lines that are not UTF-8, for one that is, are mended: by chance hardly a line is it."""

LANGUAGE = 0.3
"""Charset-normalizer's coherence, beyond which a text is in a language that it knows."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file is decoded.

    ``newline`` ends its lines. ``mends`` says that single letters are not in it and are read as
    ``USUAL``. ``note`` says what was assumed, "" where nothing was.
    """

    name: str
    newline: str = "\n"
    mends: bool = False
    note: str = ""


def check_encoding(name: str) -> str:
    """Return the encoding's name. Raises OptionError where Python has no such text encoding."""
    try:
        "".encode(name)
    except (LookupError, UnicodeError) as error:
        raise OptionError(
            f"encoding is {name!r}, which is no text encoding: give one such as 'utf-8', 'utf-16', "
            "'cp1252' or 'shift_jis', or leave it out to have it found."
        ) from error
    return name


_ASKED: ContextVar[str | None] = ContextVar("encoding", default=None)


@contextmanager
def reading_in(encoding: str | None) -> Iterator[None]:
    """Read text files in this encoding within the block, whoever reads them; None finds it.

    It is for functions that take the path of a table and no encoding, such as ``read_pairs``,
    ``explain_file`` and ``diagnose``. An ``encoding=`` that is given comes first.

    Parameters
    ----------
    encoding : str, optional
        Such as ``"cp1252"``.

    Raises
    ------
    OptionError
        There is no such encoding.
    """
    token = _ASKED.set(None if encoding is None else check_encoding(encoding))
    try:
        yield
    finally:
        _ASKED.reset(token)


def asked_encoding() -> str | None:
    """Return the encoding of the ``reading_in`` around this; None where there is none."""
    return _ASKED.get()


def find_encoding(stream: BinaryIO, *, asked: str | None = None) -> Encoding:
    """Return in which encoding a file is, from its first byte to its last.

    Parameters
    ----------
    stream : BinaryIO
        At its beginning; it is read to its end.
    asked : str, optional
        The encoding, where somebody knows it: only how lines end is looked for.

    Raises
    ------
    OptionError
        ``asked`` is no encoding.
    """
    first = stream.read(AT_ONCE)
    if asked is not None:
        name = check_encoding(asked)
        marked = next((found for mark, found in MARKS if first.startswith(mark)), "")
        same = marked and codecs.lookup(marked.removesuffix("-sig")) == codecs.lookup(name)
        return _with_line_ends(marked if same else name, first, stream)
    for mark, name in MARKS:
        if first.startswith(mark) and (name != "utf-8-sig"):
            said = f"The file is read as {name.upper()}, as its first bytes say."
            return _with_line_ends(name, first, stream, note=said)
    if (wide := _wide(first)) is not None:
        return _with_line_ends(wide, first, stream, note=_say(wide))
    bom = "utf-8-sig" if first.startswith(codecs.BOM_UTF8) else "utf-8"
    newline, seen = _look(first, stream)
    if not seen.broken:
        return Encoding("utf-8-sig", newline)
    if bom == "utf-8-sig" or FEW * seen.whole >= seen.broken:
        return Encoding("utf-8-sig", newline, mends=True)
    name = _guess(b"\n".join(seen.sample))
    return Encoding(name, newline, note=_say(name))


def _say(name: str) -> str:
    shown = name.upper().replace("_", "-") if name.startswith("utf") else name
    return f"The file is read as {shown}, which was guessed: encoding= (--encoding) says another."


def _wide(first: bytes) -> str | None:
    """Return the encoding of a text in which every second byte is zero, without a mark."""
    even, odd = first[0:4096:2], first[1:4096:2]
    if len(odd) < 8:
        return None
    zero_even, zero_odd = (part.count(0) / len(part) for part in (even, odd))
    if zero_odd > 0.7 and zero_even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if zero_even > 0.7 and zero_odd < 0.1 else None


def _with_line_ends(name: str, first: bytes, stream: BinaryIO, *, note: str = "") -> Encoding:
    decoder = codecs.getincrementaldecoder(name)(errors="replace")
    has_return, chunk = False, first
    while chunk:
        text = decoder.decode(chunk)
        if "\n" in text:
            return Encoding(name, note=note)
        has_return |= "\r" in text
        chunk = stream.read(AT_ONCE)
    return Encoding(name, "\r" if has_return else "\n", note=note)


@dataclass(slots=True)
class _Seen:
    """Lines with other than ASCII characters: those that are UTF-8, and those that are not."""

    whole: int
    broken: int
    sample: list[bytes]


def _look(first: bytes, stream: BinaryIO) -> tuple[str, _Seen]:
    """Return what ends the lines, and what they hold."""
    seen, size = _Seen(0, 0, []), 0
    has_feed = has_return = False
    for part in _whole_lines(first, stream):
        has_feed = has_feed or b"\n" in part
        has_return = has_return or b"\r" in part
        if part.isascii():
            continue
        is_whole = _can_be(part, "utf-8")
        for line in part.splitlines():
            if line.isascii():
                continue
            if is_whole or _can_be(line, "utf-8"):
                seen.whole += 1
                continue
            seen.broken += 1
            if size < SAMPLE:
                seen.sample.append(line[:SAMPLE])
                size += len(line)
    return "\n" if has_feed or not has_return else "\r", seen


def _whole_lines(first: bytes, stream: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes in parts that end where a line does, up to one that nobody reads."""
    rest, chunk = b"", first
    while chunk:
        part = rest + chunk
        end = max(part.rfind(b"\n"), part.rfind(b"\r")) + 1
        if not end and len(part) > LONGEST:
            yield part
            return
        if end:
            yield part[:end]
        rest = part[end:]
        chunk = _more(stream)
    if rest:
        yield rest


def _more(stream: BinaryIO) -> bytes:
    """Return what follows; what is damaged, or too much, is said where it is read for its rows."""
    try:
        return stream.read(AT_ONCE)
    except (FormatError, OSError, EOFError, zlib.error):
        return b""


def _guess(sample: bytes) -> str:
    """Return the likeliest of CANDIDATES by charset-normalizer and by how words look."""
    from charset_normalizer import from_bytes

    matches = list(from_bytes(sample, cp_isolation=list(CANDIDATES)))
    if not matches:
        return next((name for name in CANDIDATES if _can_be(sample, name)), "mac_roman")
    best = min(match.chaos for match in matches)
    found = [
        (match.coherence <= LANGUAGE, _odd(sample.decode(name, "replace")), place, name)
        for match in matches
        if match.chaos <= best + NEARLY
        for place, name in enumerate(CANDIDATES)
        if name in match.could_be_from_charset
    ]
    return min(found)[-1] if found else matches[0].encoding


def _can_be(sample: bytes, name: str) -> bool:
    try:
        sample.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def _odd(text: str) -> int:
    """Return how often a sign stands between two letters, or a capital after a small one."""
    return sum(
        (not other.isascii())
        and before.isalpha()
        and (
            (after.isalpha() and not other.isalpha() and other not in "’‘´·–—")
            or (before.islower() and other.isupper())
        )
        for before, other, after in zip(text, text[1:], text[2:], strict=False)
    )
