"""HTML in descriptions, as shops export it: seen, and taken out where that is asked for."""

import re
from html.parser import HTMLParser

_BLOCKS = """
    address article aside blockquote body br caption center dd details div dl dt figcaption
    figure footer form h1 h2 h3 h4 h5 h6 head header hr html iframe li main nav ol p pre section
    summary table tbody td tfoot th thead title tr ul video
"""
_INLINE = """
    a abbr b bdi big cite code del em font i img ins kbd label link mark meta q s samp small
    source span strike strong sub sup time tt u var wbr button input script style svg path
"""
_BLOCK_TAGS = frozenset(_BLOCKS.split())
_TAGS = _BLOCK_TAGS | frozenset(_INLINE.split())
_UNSEEN = frozenset(("script", "style"))

_TAG = re.compile(r"</?([a-z][a-z0-9]*)(?:\s[^<>]*)?/?>|<!--", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});", re.IGNORECASE)


def has_markup(text: str) -> bool:
    """Return whether the text holds a tag of HTML; "<3" and "a < b" are none."""
    return "<" in text and any(
        match[1] is None or match[1].lower() in _TAGS for match in _TAG.finditer(text)
    )


def strip_markup(text: str) -> str:
    """Return the text that a browser would show: no tags, entities as characters.

    Blocks begin on lines of their own. A text without tags and entities is returned as it is.
    """
    if not has_markup(text) and not _ENTITY.search(text):
        return text
    parser = _Reader()
    parser.feed(text)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.pieces).split("\n"))
    return "\n".join(line for line in lines if line)


class _Reader(HTMLParser):
    """Gathers what is seen of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _BLOCK_TAGS:
            self.pieces.append("\n")
        elif tag not in _TAGS:
            # "<waterproof>" is somebody's way of writing, and no tag.
            self.pieces.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _BLOCK_TAGS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            # Line breaks of the source mean nothing.
            self.pieces.append(data.replace("\r", " ").replace("\n", " "))
