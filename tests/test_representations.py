"""What a session shows of an object is one line, however much it holds."""

import numpy as np

from tiny_models import tiny
from whyalike import Catalogue, CatalogueIndex, Explainer, Lexicon, WordVectors
from whyalike.catalogue import Item
from whyalike.words import Rarity

VECTORS = WordVectors(
    "made up", {str(row): row for row in range(2500)}, np.zeros((2500, 4), dtype=np.float32)
)


def test_word_vectors_rarity_and_a_lexicon():
    assert repr(VECTORS) == "WordVectors('made up', 2,500 × 4)"
    assert repr(Rarity.fit(["warm gloves"])) == "Rarity(2 words)"
    assert repr(Lexicon.fit(["warm warm"], vectors=VECTORS)) == (
        "Lexicon(WordVectors('made up', 2,500 × 4), Rarity(1 word))"
    )


def test_a_catalogue():
    assert repr(Catalogue.example("fashion")) == "Catalogue('fashion', 60 items)"
    one = Catalogue.from_items([Item(id="a", title="wool", description="")], name="my 'own'")
    assert repr(one) == """Catalogue("my 'own'", 1 item)"""


def test_an_explainer_and_an_index(tmp_path):
    explainer = Explainer(tiny("bert").parts, method="occlusion", pooling="cls")
    assert repr(explainer) == "Explainer('BertModel', method='occlusion', pooling='cls')"
    items = [
        Item(id="a", title="wool", description=""),
        Item(id="b", title="gloves", description=""),
    ]
    made = CatalogueIndex.build(
        items, tmp_path / "index", model=explainer, name="two", fields=("description",)
    )
    assert repr(made) == "CatalogueIndex('two', 2 items, model='BertModel')"
    assert repr(CatalogueIndex.open(tmp_path / "index")) == repr(made), "no model is opened for it"


def test_an_explainer_of_a_function():
    def hosted(texts):
        return np.ones((len(texts), 2))

    found = repr(Explainer(embed=hosted))
    assert found == "Explainer('hosted', method='occlusion', pooling='model')"
