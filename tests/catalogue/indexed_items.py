"""Items and a tiny model for tests of the index."""

import random

from tiny_models import PIECES
from whyalike import Explainer
from whyalike.catalogue import Item


def draw_items(count, *, seed=1, start=0):
    """Items whose texts are words of the tiny models' vocabulary, of very different lengths."""
    draw = random.Random(seed)
    items = []
    for number in range(start, start + count):
        words = [draw.choice(PIECES) for _ in range(draw.choice((3, 8, 20, 60)))]
        items.append(
            Item(
                id=f"i{number}",
                title=" ".join(draw.choices(PIECES, k=3)),
                description=" ".join(words) + f" {number}",
                metadata={
                    "kind": draw.choice(["glove", "scarf", None]),
                    "price": draw.choice([5, 12.5, 20, None]),
                    "in stock": draw.random() < 0.5,
                },
            )
        )
    return items


def open_tiny(name="bert", **options):
    from tiny_models import tiny

    return Explainer(tiny(name).parts, pooling=tiny(name).pooling, **options)
