"""Late interaction: each token of the query with its best token of the document."""

import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from exact_scorers import check_batches, check_perturbation, check_scores, check_whole
from tiny_models import tiny
from whyalike import Explainer
from whyalike.errors import ModelError, OptionError
from whyalike.models.installed import Dense, MultiVectorEncoder, Normalize, Transformer

modules = pytest.importorskip(
    "sentence_transformers.multi_vector_encoder.modules",
    reason="late interaction needs sentence-transformers 6",
)

LEFT, RIGHT = "keep hands warm with knit gloves", "these smart phone gloves, cut from wool."
TOKENIZER = tiny("bert").tokenizer
MARKED = {"query": "keep ", "document": "wool "}
EXPANDED = {"strategy": "fixed", "length": 16, "attend": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("colbert") / "bare"
    tiny("bert").model.save_pretrained(place)
    TOKENIZER.save_pretrained(place)
    return place


def make(folder, *, skip=(), pooled=False, normalised=True, prompts=None, score=None, **reading):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        dense = Dense(
            32,
            8,
            bias=False,
            activation_function=torch.nn.Identity(),
            module_input_name="token_embeddings",
        )
    chain = [
        Transformer(str(folder), **reading),
        dense,
        modules.MultiVectorMask(skiplist_words=list(skip)),
        *[Normalize(module_input_name="token_embeddings")] * normalised,
        *[modules.HierarchicalTokenPooling(pool_factor=2)] * pooled,
    ]
    return MultiVectorEncoder(
        modules=chain, device="cpu", prompts=prompts, similarity_fn_name=score
    )


def by_model(model):
    def own(pairs):
        left, right = zip(*pairs, strict=True)
        return model.similarity_pairwise(
            model.encode_query(list(left)), model.encode_document(list(right))
        ).tolist()

    return own


SETTINGS = {
    "plain": {},
    "products": {"normalised": False},
    "mean": {"score": "meanmaxsim"},
    "skipping": {"skip": ["gloves", "wool"]},
    "marked": {"prompts": MARKED},
    "expanded": {"prompts": MARKED, "query_expansion": EXPANDED},
    "cut": {"prompts": MARKED, "query_length": 6, "document_length": 8},
    "expanded mean": {
        "prompts": MARKED,
        "query_expansion": {**EXPANDED, "attend": True, "strategy": "min"},
        "score": "meanmaxsim",
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_score_is_the_models_and_is_summed(folder, name):
    model = make(folder, **SETTINGS[name])
    explainer = Explainer(model)
    found = check_scores(explainer, by_model(model))
    assert {each.similarity_function for each in found} == {"score"}
    check_batches(explainer)


def test_each_token_of_the_query_goes_to_its_best(folder):
    """In loops, over what the model encodes."""
    model = make(folder, skip=[","])
    left, right = "warm gloves", "gloves, wool"
    query = model.encode_query([left])[0].double().numpy()
    document = model.encode_document([right])[0].double().numpy()
    assert (len(query), len(document)) == (2 + 2, 2 + 2)  # [CLS] and [SEP]; the comma is skipped.
    expected = np.zeros((4, 4))
    for row, vector in enumerate(query):
        products = [float(vector @ other) for other in document]
        expected[row, int(np.argmax(products))] += max(products)
    found = Explainer(model).explain(left, right)
    assert [word.text for word in found.right.words] == ["gloves", ",", "wool"]
    np.testing.assert_allclose(found.matrix[:, [0, 2]], expected[1:3, 1:3], atol=1e-5)
    assert not found.matrix[:, 1].any()
    assert found.similarity == pytest.approx(expected.sum(), rel=1e-5)
    np.testing.assert_allclose(
        [word.contribution for word in found.left.words], expected[1:3].sum(axis=1), atol=1e-5
    )
    np.testing.assert_allclose(
        [found.right.words[n].contribution for n in (0, 2)],
        expected[:, 1:3].sum(axis=0),
        atol=1e-5,
    )


def test_the_two_sides_are_read_differently(folder):
    explainer = Explainer(make(folder, prompts=MARKED, query_expansion=EXPANDED))
    assert explainer.prompts == ("keep ", "wool ")
    one, other = explainer.explain(LEFT, RIGHT), explainer.explain(RIGHT, LEFT)
    assert one.similarity != pytest.approx(other.similarity, rel=1e-3)
    assert any("by the tokens that expand the query" in w for w in one.warnings)
    # Two documents are both read as such, with nothing to expand.
    both = explainer.between_documents().explain(LEFT, RIGHT)
    assert both.prompts == ("wool ", "wool ")
    assert not any("expand" in w for w in both.warnings)
    query = explainer.model.pipeline.encode_document([LEFT, RIGHT])
    own = explainer.model.pipeline.similarity_pairwise(query[:1], query[1:])
    assert both.similarity == pytest.approx(float(own), rel=1e-5)
    with pytest.raises(OptionError, match="tells them by its prompts, 'keep ' and 'wool '"):
        explainer.with_prompts(("a ", "b "))


def test_what_is_not_read_is_said(folder):
    explainer = Explainer(make(folder, prompts=MARKED, query_length=6, document_length=100))
    said = explainer.explain(LEFT, RIGHT).warnings
    assert any("the last 3 words of the left text were not read" in w for w in said)
    assert not any("the right text" in w for w in said)


def test_a_folder_and_an_object_say_the_same(folder, tmp_path):
    model = make(folder, prompts=MARKED, query_expansion=EXPANDED, score="meanmaxsim")
    model.save_pretrained(str(tmp_path / "own"))
    by_name, given = Explainer(str(tmp_path / "own"), device="cpu"), Explainer(model)
    one, other = (e.explain(LEFT, RIGHT) for e in (by_name, given))
    assert one.similarity == pytest.approx(other.similarity, rel=1e-6)
    assert one.pairs == other.pairs
    assert pickle.loads(pickle.dumps(given)).explain(LEFT, RIGHT) == other
    check_whole(one)
    check_perturbation(Explainer(make(folder)), LEFT, RIGHT)


def test_pooled_vectors_have_scores_alone(folder):
    model = make(folder, pooled=True)
    explainer = Explainer(model)
    assert explainer.method.name == "occlusion"
    found = explainer.explain(LEFT, RIGHT)
    assert found.similarity == pytest.approx(by_model(model)([(LEFT, RIGHT)])[0], rel=1e-5)


def test_what_is_refused(folder):
    with pytest.raises(ModelError, match="one prompt for both"):
        Explainer(make(folder, query_expansion=EXPANDED))
    with pytest.raises(OptionError, match="a MultiVectorEncoder has a score of its own alone"):
        Explainer(make(folder), pooling="paper")
    with pytest.raises(OptionError, match="'maxsim' needs vectors of whole texts"):
        Explainer(make(folder), method="maxsim")


def saved_by_pylate(model, place):
    """Write a model's folder as PyLate 1 writes it: two modules, and its settings at the top."""
    transformer, dense = list(model.children())[:2]
    transformer.save(str(place))
    (place / "1_Dense").mkdir()
    dense.save(str(place / "1_Dense"))
    config = json.loads((place / "1_Dense" / "config.json").read_text())
    kept = ("in_features", "out_features", "bias", "activation_function")
    own = {**{key: config[key] for key in kept}, "use_residual": False}
    (place / "1_Dense" / "config.json").write_text(json.dumps(own))
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Dense", "type": "pylate.models.Dense.Dense"},
    ]
    (place / "modules.json").write_text(json.dumps(modules))
    settings = {
        "__version__": {"sentence_transformers": "5.1.1", "transformers": "4.56.2"},
        "model_type": "ColBERT",
        "prompts": {},
        "default_prompt_name": None,
        "similarity_fn_name": "MaxSim",
        "query_prefix": "keep ",
        "document_prefix": "wool ",
        "query_length": 16,
        "document_length": 30,
        "attend_to_expansion_tokens": False,
        "skiplist_words": [","],
        "do_query_expansion": True,
    }
    (place / "config_sentence_transformers.json").write_text(json.dumps(settings))


def test_a_folder_that_pylate_saved_is_opened(folder, tmp_path):
    ours = make(folder, skip=[","], prompts=MARKED, query_expansion=EXPANDED, document_length=30)
    saved_by_pylate(ours, tmp_path)
    model = MultiVectorEncoder(str(tmp_path), device="cpu")
    explainer = Explainer(tmp_path)
    found = check_scores(explainer, by_model(model))
    assert found[0].method == "exact"
    pair = [(LEFT, RIGHT)]
    assert by_model(model)(pair) == pytest.approx(by_model(ours)(pair), rel=1e-5)


def saved_by_stanford(folder, place, *, projection=True):
    """Write a checkpoint as Stanford's ColBERT has it: all weights in one file, settings beside."""
    shutil.copytree(folder, place)
    weights = {f"bert.{name}": w for name, w in load_file(folder / "model.safetensors").items()}
    if projection:
        weights["linear.weight"] = torch.randn(8, 32, generator=torch.Generator().manual_seed(3))
    save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((place / "config.json").read_text())
    config["architectures"] = ["HF_ColBERT"]
    (place / "config.json").write_text(json.dumps(config))
    settings = {
        "query_maxlen": 16,
        "doc_maxlen": 30,
        "query_token_id": "keep",
        "doc_token_id": "wool",
        "mask_punctuation": True,
        "attend_to_mask_tokens": False,
        "dim": 8,
        "similarity": "cosine",
    }
    (place / "artifact.metadata").write_text(json.dumps(settings))


def test_a_checkpoint_of_stanfords_colbert_is_opened(folder, tmp_path):
    saved_by_stanford(folder, tmp_path / "whole")
    model = MultiVectorEncoder(str(tmp_path / "whole"), device="cpu")
    found = check_scores(Explainer(tmp_path / "whole"), by_model(model))
    assert found[0].method == "exact"
    # By hand: of a document, each vector is the projection of a hidden state, at length 1.
    weight = load_file(tmp_path / "whole" / "model.safetensors")["linear.weight"]
    features = model.preprocess([RIGHT], prompt="wool ", task="document")
    ids, mask = features["input_ids"], features["attention_mask"]
    with torch.no_grad():
        states = tiny("bert").model(input_ids=ids, attention_mask=mask).last_hidden_state[0]
    own = torch.nn.functional.normalize(states @ weight.T, dim=-1)
    document = model.encode_document([RIGHT])[0]
    assert all((own @ vector).max() > 1 - 1e-5 for vector in document)
    saved_by_stanford(folder, tmp_path / "half", projection=False)
    with pytest.raises(ModelError):
        Explainer(tmp_path / "half")
