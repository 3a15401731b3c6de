"""What an index can be filtered by, counted a second way from its items."""

from collections import Counter

import numpy as np

from whyalike import Explainer
from whyalike.catalogue import CatalogueIndex, Item
from whyalike.catalogue.reader import Facet, find_facets


def lengths(texts):
    return np.array([[1.0, len(text)] for text in texts])


def make_items():
    kinds = ["glove", "scarf", "hat", None]
    return [
        Item(
            f"i{n}",
            f"title {n}",
            "word " * (n + 1),
            {
                "kind": kinds[n % 4],
                "new": n % 3 == 0,
                "price": None if n == 5 else 1.5 * n - 2,
                "unique": f"u{n}",
                "many": f"m{n % 9}",
                "mixed": n if n % 2 else str(n),
                "one": "same",
            },
        )
        for n in range(20)
    ]


def test_facets_are_counted_over_all_segments(tmp_path):
    items = make_items()
    index = CatalogueIndex.build(items[:12], tmp_path / "i", model=Explainer(embed=lengths))
    index = index.add(items[12:])
    found = {facet.name: facet for facet in find_facets(index.reader, most_values=8)}
    assert set(found) == {"kind", "new", "price", "many"}, "one value, all different, several kinds"
    assert [facet.name for facet in found.values() if facet.searched] == ["many"]
    for name in ("kind", "many"):
        counts = Counter(item.metadata[name] for item in items if item.metadata[name] is not None)
        assert dict(found[name].values) == counts
        numbers = [count for _, count in found[name].values]
        assert numbers == sorted(numbers, reverse=True)
    assert dict(found["new"].values) == {"yes": 7, "no": 13}
    prices = [item.metadata["price"] for item in items if item.metadata["price"] is not None]
    assert found["price"] == Facet("price", "number", low=min(prices), high=max(prices))
