"""Markup in texts of exports, read as text."""

import html
import re
from collections.abc import Iterator

_BLOCKS = """
    address article aside blockquote body br caption center dd details div dl dt figcaption
    figure footer form h1 h2 h3 h4 h5 h6 head header hr html iframe li main nav ol p pre section
    summary table tbody td tfoot th thead title tr ul video
"""

_INLINE = """
    a abbr b bdi big cite code del em font i img ins kbd label link mark meta q s samp small
    source span strike strong sub sup time tt u var wbr button input script style svg path
"""

_WORDS = "b big cite em i mark q s small strike strong sub sup tt u"

_FORMULAS = """
    annotation math menclose mfenced mfrac mi mmultiscripts mn mo mover mpadded mphantom mroot mrow
    ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover semantics
"""

_WRITTEN = frozenset(_WORDS.split())
"""Tags with which people, and papers, write words in a text that is no page."""

_MATH = frozenset(_FORMULAS.split())
"""MathML's, with or without a prefix such as "mml:"."""

_BLOCK_TAGS = frozenset(_BLOCKS.split())
_TAGS = _BLOCK_TAGS | frozenset(_INLINE.split())
_UNSEEN = frozenset(("script", "style"))
_TAG = re.compile(r"</?([a-z][a-z0-9]*(?::[a-z]+)?)(?:\s[^<>]*)?/?>|<!--", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});", re.IGNORECASE)

_LONG_CODE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")
"""No character has such a number, and Python refuses to read some of them."""

_NAME = re.compile(r"</?([a-zA-Z][^\s/<>\0]*)")
_VALUE_OR_END = re.compile(r"""=\s*(["'])|[<>]""")
_END = re.compile("[<>]")


def has_markup(text: str) -> bool:
    """Return whether a text is HTML: it has a tag of a page, or one that is escaped.

    "<3" and "a < b" are none; nor are words in italics, indices and formulas, as in papers.
    """
    tags = _tags(text)
    if any(name == "" or (name in _TAGS and name not in _WRITTEN) for name in tags):
        return True
    return not any(map(_is_tag, tags)) and any(map(_is_tag, _tags(_escaped(text))))


def has_entities(text: str) -> bool:
    """Return whether characters are written as HTML writes them, such as "&amp;"."""
    return "&" in text and _ENTITY.search(text) is not None


def _tags(text: str) -> list[str]:
    """Return the names of the tags that a text has, "" for a comment."""
    return [(m[1] or "").lower() for m in _TAG.finditer(text)] if "<" in text else []


def _is_tag(name: str) -> bool:
    return name == "" or name in _TAGS or name.rpartition(":")[2] in _MATH


def _escaped(text: str) -> str:
    """Return a text with its entities as characters; "" where none of them is "<"."""
    if "&lt;" not in text and "&LT;" not in text and "&#60;" not in text:
        return ""
    return html.unescape(_LONG_CODE.sub("\N{REPLACEMENT CHARACTER}", text))


def strip_markup(text: str) -> str:
    """Return the text that a browser would show: no tags, entities as characters.

    Blocks begin on lines of their own. Where all tags are escaped, they are taken for tags. A text
    without tags and entities is returned as it is. It takes time in proportion to the text,
    whatever it holds.
    """
    if not any(map(_is_tag, _tags(text))):
        escaped = _escaped(text)
        if any(map(_is_tag, _tags(escaped))):
            text = escaped
        elif not _ENTITY.search(text):
            return text
    lines = (" ".join(line.split()) for line in "".join(_seen(text)).split("\n"))
    return "\n".join(line for line in lines if line)


def _seen(text: str) -> Iterator[str]:
    """Yield what is seen of a page, with a line break where a block begins or ends."""
    page = _Page(text)
    at = 0
    while (tag := text.find("<", at)) >= 0:
        yield _characters(text[at:tag])
        end = page.end_of(tag)
        if end is None:
            # A "<" that begins nothing, or what never ends.
            yield "<"
            at = tag + 1
            continue
        name = _NAME.match(text, tag)
        at = end
        if name is None:
            continue
        called, opens = name[1].lower(), text[tag + 1] != "/"
        if called in _UNSEEN:
            if opens and text[end - 2] != "/":
                at = page.end_of_unseen(called, end)
        elif called in _BLOCK_TAGS:
            yield "\n"
        elif not _is_tag(called) and opens:
            # "<waterproof>" is somebody's way of writing, and no tag.
            yield _on_one_line(text[tag:end])
    yield _characters(text[at:])


class _Page:
    """Finds where tags end. What was looked for in vain up to the end is not looked for again."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._missing: set[str] = set()
        self._has_quotes = True

    def end_of(self, start: int) -> int | None:
        """Return where the tag or comment that begins at a "<" ends; None where there is none."""
        text = self.text
        if text.startswith("<!--", start):
            return self._after("-->", start + 4)
        if text.startswith(("<!", "<?"), start):
            return self._after(">", start)
        name = _NAME.match(text, start)
        if name is None:
            return None
        end = self._end_of_values(name.end()) if self._has_quotes else None
        if end is None:
            found = _END.search(text, name.end())
            end = len(text) if found is None else found.start()
        # Another "<" before the end: the first one is no tag's.
        return end + 1 if text.startswith(">", end) else None

    def end_of_unseen(self, name: str, start: int) -> int:
        """Return where the end tag of a script or a style ends, or the text."""
        found = re.compile(rf"</{name}[^<>]*>", re.IGNORECASE).search(self.text, start)
        return len(self.text) if found is None else found.end()

    def _after(self, what: str, start: int) -> int | None:
        found = -1 if what in self._missing else self.text.find(what, start)
        if found < 0:
            self._missing.add(what)
            return None
        return found + len(what)

    def _end_of_values(self, at: int) -> int | None:
        """Return where "<" or ">" comes first, outside quoted values; None where one never ends."""
        while (match := _VALUE_OR_END.search(self.text, at)) is not None:
            if match[1] is None:
                return match.start()
            close = self.text.find(match[1], match.end())
            if close < 0:
                # One quotation mark too many: from here on none is regarded.
                self._has_quotes = False
                return None
            at = close + 1
        return len(self.text)


def _characters(text: str) -> str:
    return _on_one_line(html.unescape(_LONG_CODE.sub("\N{REPLACEMENT CHARACTER}", text)))


def _on_one_line(text: str) -> str:
    # Line breaks of the source mean nothing.
    return text.replace("\r", " ").replace("\n", " ")
