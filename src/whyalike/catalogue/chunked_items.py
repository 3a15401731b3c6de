"""Items cut into chunks before they are indexed; grouped by their item, each is found once.

A chunk is an item of the index like any other, with the place that it has in its own: whatever
searches, filters, groups, resumes and checks an index needs to know no more.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from whyalike.data.items import Item, Plain
from whyalike.models.chunks import chunk_spans
from whyalike.options import Chunks, check_whole

if TYPE_CHECKING:
    from whyalike.explainer import Explainer

AT_ONCE = 256
"""Items whose texts are tokenized together."""

ITEM, NUMBER, OF, START, END = "item", "chunk", "chunks", "start", "end"
"""Names in the metadata of a chunk: the id of its item, its place, and its characters there."""


def chunk_items(
    items: Iterable[Item], explainer: "Explainer", *, size: int | None = None, overlap: int = 0
) -> Iterator[Item]:
    """Yield the chunks of items as items of their own, to be indexed in their place.

    A chunk has its item's title and metadata, and beside those ``item`` (the id of its item),
    ``chunk`` and ``chunks`` (3 of 7), ``start`` and ``end`` (its characters there). Its id is that
    of its item with a number behind it, ``p7#3``; an item of one chunk keeps its own.

    Parameters
    ----------
    items : iterable of Item
        What is cut: descriptions, or titles where there are none. They are taken one by one.
    explainer : Explainer
        Whose tokens are counted, and before whose documents a prompt may stand.
    size : int, optional
        Tokens of a chunk at most; by default what the model reads at once.
    overlap : int, default=0
        Tokens that a chunk shares with the one before, at most.

    Raises
    ------
    OptionError
        A size or an overlap that is not allowed.
    """
    if size is not None:
        check_whole("size", size)
    check_whole("overlap", overlap, least=0)
    return _chunks(iter(items), explainer, Chunks(size, overlap))


def _chunks(items: Iterator[Item], explainer: "Explainer", chunks: Chunks) -> Iterator[Item]:
    while some := list(islice(items, AT_ONCE)):
        spans = chunk_spans(
            explainer.model, (item.text for item in some), chunks, prompt=explainer.prompts[1]
        )
        for item in some:
            of = len(spans[item.text])
            for number, (start, end) in enumerate(spans[item.text], start=1):
                place: dict[str, Plain] = {
                    ITEM: item.id,
                    NUMBER: number,
                    OF: of,
                    START: start,
                    END: end,
                }
                yield Item(
                    item.id if of == 1 else f"{item.id}#{number}",
                    item.title,
                    item.text[start:end],
                    {**item.metadata, **place},
                )
