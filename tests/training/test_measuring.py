"""A model is measured as it is used: titles as its queries, descriptions as its documents."""

import pytest
from sentence_transformers import SentenceTransformer

from tiny_models import tiny
from whyalike.models.installed import Pooling, Transformer
from whyalike.training.result import HeldOut
from whyalike.training.retrieval import rank_descriptions

PIECES = ["warm", "wool", "knit", "lemon", "zest", "white", "flowers", "stretch", "smart", "screen"]
PAIRS = [
    (f"{PIECES[n]} {PIECES[-n]}", f"{PIECES[n]} gloves {PIECES[n - 3]} cut {n}")
    for n in range(len(PIECES))
]


@pytest.mark.parametrize("prompted", [True, False])
def test_a_base_has_its_own_prompts(tmp_path, prompted):
    tiny("bert").model.save_pretrained(tmp_path)
    tiny("bert").tokenizer.save_pretrained(tmp_path)
    model = SentenceTransformer(
        modules=[Transformer(str(tmp_path)), Pooling(32)],
        device="cpu",
        prompts={"query": "hands finger: ", "document": "pale opens "},
    )
    every = HeldOut(PAIRS, range(len(PAIRS)), [None] * len(PAIRS))
    found = every.measure(every.embed(model, prompted=prompted), "base")
    titles, descriptions = ([pair[n] for pair in PAIRS] for n in (0, 1))
    expected = {
        chosen: rank_descriptions(
            model.encode_query(titles) if chosen else model.encode(titles),
            model.encode_document(descriptions) if chosen else model.encode(descriptions),
            own=range(len(PAIRS)),
            texts=range(len(PAIRS)),
        ).mrr
        for chosen in (True, False)
    }
    assert expected[True] != pytest.approx(expected[False])
    assert found.retrieval.mrr == pytest.approx(expected[prompted])
