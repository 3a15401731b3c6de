"""A text with only some of its words: what is left when the others are cut out or covered."""

from collections.abc import Sequence

from whyalike.text.segmentation import find_words, is_mark


def keep_words(
    text: str,
    spans: Sequence[tuple[int, int]],
    kept: Sequence[bool],
    *,
    mask: str | None = None,
) -> str:
    """Return the text without the words that are not kept.

    White space is tidied where something was cut: none is left at the ends, a mark keeps the white
    space (or the lack of it) on its side, two words keep the first that stood between them, or
    get a blank where they would run together into one. With every word kept the text is returned
    as it is; with none, the empty text.

    Args:
        text: the raw text.
        spans: (start, end) of its W words, in order and without overlap.
        kept: (W,), whether each word stays.
        mask: what to put in the place of each other word instead of cutting it out.
    """
    if all(kept):
        return text
    pieces: list[str] = []
    if mask is not None:
        end = 0
        for (start, stop), stays in zip(spans, kept, strict=True):
            pieces += [text[end:start], text[start:stop] if stays else mask]
            end = stop
        return "".join([*pieces, text[end:]])
    last: int | None = None
    for index in (n for n, stays in enumerate(kept) if stays):
        start, stop = spans[index]
        pieces += [_gap(text, spans, last, index), text[start:stop]]
        last = index
    if last is not None and last == len(spans) - 1:
        pieces.append(text[spans[last][1] :])
    return "".join(pieces)


def _gap(text: str, spans: Sequence[tuple[int, int]], last: int | None, index: int) -> str:
    """Return what stands between the words ``last`` (None: the beginning) and ``index``."""
    start, stop = spans[index]
    if last is None:
        return "" if index else text[:start]

    def between(n: int) -> str:
        return text[spans[n][1] : spans[n + 1][0]]

    first, second = text[slice(*spans[last])], text[start:stop]
    if last + 1 == index or is_mark(first):
        return between(index - 1 if is_mark(second) else last)
    if is_mark(second):
        return between(index - 1)
    found = next((gap for n in range(last, index) if (gap := between(n))), "")
    return " " if not found and len(find_words(first + second)) == 1 else found
