"""What groups do: the shipped example, in which the first 20 pieces come in five colours.

Run ``python benchmarks/groups.py``. Each piece is searched for by its own text; the figures are how
many different pieces are among the first ten.
"""

import tempfile
from dataclasses import replace
from statistics import mean

from whyalike import Explainer
from whyalike.catalogue import Catalogue, CatalogueIndex

COLOURS = ("red", "navy", "moss green", "cream")
K = 10


def main():
    items = list(Catalogue.example("fashion"))
    shop = [replace(item, metadata={**item.metadata, "product_group": item.id}) for item in items]
    for item in items[:20]:
        for colour in COLOURS:
            known = {**item.metadata, "product_group": item.id, "variant": colour}
            shop.append(
                replace(
                    item, id=f"{item.id}-{colour}", title=f"{item.title}, {colour}", metadata=known
                )
            )
    with tempfile.TemporaryDirectory() as folder:
        index = CatalogueIndex.build(
            shop, f"{folder}/idx", model=Explainer("all-MiniLM-L6-v2"), group_by="product_group"
        )
        for name, options in {
            "each item by itself": {"group_by": ""},
            "one of each group": {},
            "diverse, each item by itself": {"group_by": "", "diverse": True},
        }.items():
            different, others = [], []
            for item in items[:20]:
                hits = index.similar(id=item.id, k=K, **options)
                pieces = {hit.item.metadata["product_group"] for hit in hits} - {item.id}
                different.append(len(pieces))
                others.append(sum(len(hit.group.others) for hit in hits if hit.group))
            print(f"{name}: {mean(different):.1f} other pieces of {K}, {mean(others):.1f} counted")


if __name__ == "__main__":
    main()
