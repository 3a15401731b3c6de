"""Routers: query left and document right, each by its own modules, as the kind that these are."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer, SparseEncoder
from torch import nn
from transformers import AutoModel, BertForMaskedLM, PreTrainedModel

from exact_scorers import check_batches, check_perturbation, check_scores, check_whole, random_pairs
from other_modules import masked_words
from tiny_models import tiny
from whyalike import BTIOptions, Explainer, Explanation, Fusion
from whyalike.errors import ModelError, OptionError, TextError, UnsafeModelError
from whyalike.methods.method import list_methods
from whyalike.models.installed import (
    MOVED,
    Dense,
    Normalize,
    Pooling,
    Router,
    SparseStaticEmbedding,
    SpladePooling,
    StaticEmbedding,
    Transformer,
    transformer_in,
)
from whyalike.models.kinds.router import RoutedEncoder, RoutedSparse, RoutedVectors

LEFT, RIGHT = "keep hands warm with knit gloves", "these smart phone gloves are cut from wool"
TOKENIZER = tiny("bert").tokenizer


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Saved transformers: two of one width, one wider, one with a head for masked words."""
    place = tmp_path_factory.mktemp("routes")
    wide = deepcopy(tiny("bert").model.config)
    wide.hidden_size, wide.intermediate_size = 48, 96
    for name in ("bert", "distilbert", "wide", "masked"):
        model, tokenizer = tiny("distilbert" if name == "distilbert" else "bert").parts
        with torch.random.fork_rng():
            torch.manual_seed(9)
            if name == "wide":
                model = AutoModel.from_config(wide)
            elif name == "masked":
                model = BertForMaskedLM(model.config)
                for parameter in model.parameters():
                    if parameter.dim() > 1:
                        parameter.data.normal_(0, 0.15)
        model.save_pretrained(place / name)
        tokenizer.save_pretrained(place / name)
    return place


def encoder(folder, width=32, pooling="mean"):
    return [Transformer(str(folder)), Pooling(width, pooling_mode=pooling)]


def dense(size, to, activation=None):
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return Dense(size, to, activation_function=activation)


def static(seed, width=12):
    backend = type(TOKENIZER.backend_tokenizer).from_str(TOKENIZER.backend_tokenizer.to_str())
    backend.no_truncation()  # Others cut texts by the one that is copied.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return StaticEmbedding(backend, embedding_dim=width)


def routed(query, document, *behind, family=SentenceTransformer, **settings):
    router = Router.for_query_document(query_modules=query, document_modules=document)
    return family(modules=[router, *behind], device="cpu", **settings)


def splade(folders):
    return [masked_words(folders / "masked"), SpladePooling()]


def free(folders, *, scale=1.0):
    weight = torch.rand(len(TOKENIZER), generator=torch.Generator().manual_seed(2)) * scale
    return SparseStaticEmbedding(TOKENIZER, weight)


def by_model(model):
    def own(pairs):
        left, right = zip(*pairs, strict=True)
        scores = model.similarity_pairwise(
            model.encode_query(list(left), convert_to_tensor=True),
            model.encode_document(list(right), convert_to_tensor=True),
        )
        return scores.tolist()

    return own


TWO = {
    "two transformers": lambda f: routed(
        encoder(f / "bert"), encoder(f / "distilbert", pooling="cls"), Normalize()
    ),
    "product": lambda f: routed(
        encoder(f / "bert"), encoder(f / "distilbert"), similarity_fn_name="dot"
    ),
    "two heads": lambda f: SentenceTransformer(
        modules=[
            *encoder(f / "bert"),
            Router.for_query_document(
                query_modules=[dense(32, 8, nn.Tanh())], document_modules=[dense(32, 8)]
            ),
        ],
        device="cpu",
    ),
    "prompts": lambda f: routed(
        encoder(f / "bert"), encoder(f / "bert"), prompts={"query": "keep ", "document": "wool "}
    ),
}


@pytest.mark.parametrize("name", TWO)
def test_two_encoders_have_the_models_score_and_gradients(folders, name):
    model = TWO[name](folders)
    explainer = Explainer(model)
    assert isinstance(explainer.model, RoutedEncoder)
    assert explainer.method.name == "whyalike"
    pairs = [*random_pairs(30), ("", RIGHT), (LEFT, LEFT)]
    expected = by_model(model)(pairs)
    found = explainer.model.score(pairs, prompts=explainer.prompts)
    assert found == pytest.approx(expected, abs=1e-5)
    options = BTIOptions(ig_steps=3, permutations=2)
    for method in [m.name for m in list_methods() if m.works_with(explainer.model)]:
        one = Explainer(model, method=method, options=options)
        few = [pairs[0], (LEFT, RIGHT), (LEFT, LEFT)]
        together = list(one.explain_many(few))
        for pair, each in zip(few, together, strict=True):
            alone = one.explain(*pair)
            own = by_model(model)([pair])[0]
            assert each.similarity == pytest.approx(own, abs=1e-5)
            assert alone.similarity == pytest.approx(own, abs=1e-5)
            for word, same in zip(each.right.words, alone.right.words, strict=True):
                assert word.saliency == pytest.approx(same.saliency, abs=2e-3)
            assert Explanation.from_json(each.to_json()) == each


def test_the_gradient_of_each_side_by_hand(folders):
    model = TWO["two transformers"](folders)
    found = Explainer(model, method="gradient_x_activation").explain(LEFT, RIGHT)
    router = model[0].sub_modules
    vectors, states = [], []
    for route, text, pooling in (("query", LEFT, "mean"), ("document", RIGHT, "cls")):
        transformer = router[route][0]
        encoded = transformer.tokenizer([text], return_tensors="pt")
        given = {k: encoded[k] for k in ("input_ids", "attention_mask")}
        output = transformer_in(transformer)(**given, output_hidden_states=True)
        states.append(output.hidden_states[-2])
        last = output.last_hidden_state[0]
        vectors.append(last.mean(0) if pooling == "mean" else last[0])
    cosine = torch.cosine_similarity(*vectors, dim=0)
    assert found.similarity == pytest.approx(float(cosine.detach()), abs=1e-5)
    slopes = torch.autograd.grad(cosine, states)
    for text, state, slope in zip((found.left, found.right), states, slopes, strict=True):
        values = (state * slope)[0].sum(-1)[1:-1]
        total = sum(word.contribution for word in text.words)
        assert total == pytest.approx(float(values.detach().sum()), abs=1e-4)


def test_encoders_of_two_widths_have_scores_alone(folders):
    model = routed(encoder(folders / "bert"), [*encoder(folders / "wide", 48), dense(48, 32)])
    explainer = Explainer(model)
    assert isinstance(explainer.model, RoutedVectors)
    assert explainer.method.name == "occlusion"
    pairs = [*random_pairs(10), ("", RIGHT)]
    assert explainer.model.score(pairs) == pytest.approx(by_model(model)(pairs), abs=1e-5)
    whole = explainer.explain(LEFT, RIGHT)
    without = explainer.model.score([(LEFT.removeprefix("keep "), RIGHT)])[0]
    assert whole.left.words[0].contribution == pytest.approx(whole.similarity - without, abs=1e-5)
    with pytest.raises(OptionError, match=r"'bti' needs .*hidden states"):
        explainer.with_method("bti")


def test_a_static_query_beside_a_transformer(folders):
    model = routed([static(1, 32)], encoder(folders / "bert"), Normalize())
    explainer = Explainer(model)
    assert explainer.method.name == "occlusion"
    pairs = [*random_pairs(10), (LEFT, "wool gloves " * 100)]
    assert explainer.model.score(pairs) == pytest.approx(by_model(model)(pairs), abs=1e-5)
    # The limit is that of the side.
    said = explainer.explain("wool gloves " * 100, "wool gloves " * 100).warnings
    assert any("at most 160 tokens" in w and "right text" in w for w in said)
    assert not any("of the left text" in w for w in said)


@pytest.mark.parametrize("function", ["cosine", "dot"])
def test_two_static_routes_are_exact(function):
    model = routed(
        [static(1), dense(12, 6)], [static(2, 6)], Normalize(), similarity_fn_name=function
    )
    explainer = Explainer(model)
    assert explainer.method.name == "exact"
    check_whole(check_scores(explainer, by_model(model))[0])
    check_batches(explainer)
    check_perturbation(explainer, LEFT, RIGHT)


def test_queries_without_a_model_are_exact(folders):
    model = routed([free(folders)], splade(folders), family=SparseEncoder, similarity_fn_name="dot")
    explainer = Explainer(model)
    assert isinstance(explainer.model, RoutedSparse)
    assert explainer.method.name == "exact"
    check_whole(check_scores(explainer, by_model(model))[0])
    check_batches(explainer)
    check_perturbation(explainer, LEFT, RIGHT)


def test_inference_free_by_hand(folders):
    model = routed([free(folders)], splade(folders), family=SparseEncoder, similarity_fn_name="dot")
    query = "warm gloves warm"
    found = Explainer(model).explain(query, RIGHT)
    weight = model[0].sub_modules["query"][0].weight.detach()
    transformer = model[0].sub_modules["document"][0]
    encoded = TOKENIZER(RIGHT, return_tensors="pt")
    with torch.no_grad():
        logits = transformer_in(transformer)(**encoded).logits[0]
    weights = torch.log1p(logits.relu())
    expected = np.zeros((3, len(encoded["input_ids"][0])))
    seen = set()
    for place, term in enumerate(TOKENIZER(query, add_special_tokens=False)["input_ids"]):
        if term not in seen:
            winner = int(weights[:, term].argmax())
            expected[place, winner] = float(weight[term] * weights[winner, term])
        seen.add(term)
    np.testing.assert_allclose(found.matrix, expected[:, 1:-1], atol=1e-6)
    assert found.similarity == pytest.approx(expected.sum(), abs=1e-5)


def test_no_term_in_common(folders):
    model = routed(
        [free(folders, scale=0.0)], splade(folders), family=SparseEncoder, similarity_fn_name="dot"
    )
    found = Explainer(model).explain(LEFT, RIGHT)
    assert found.similarity == 0
    assert "The two texts have no term in common." in found.warnings


def test_a_static_sparse_encoder_by_itself(folders, tmp_path):
    model = SparseEncoder(modules=[free(folders)], device="cpu", similarity_fn_name="dot")
    model.save_pretrained(str(tmp_path / "own"))
    pairs = random_pairs(20)
    for given in (model, tmp_path / "own"):
        explainer = Explainer(given, device=None if given is model else "cpu")
        assert explainer.method.name == "exact"
        found = [each.similarity for each in explainer.explain_many(pairs)]
        assert found == pytest.approx(by_model(model)(pairs), abs=1e-5)
    model.max_seq_length = TOKENIZER.model_max_length
    long = "wool gloves " * 100
    with pytest.raises(TextError, match="more than the 160 tokens"):
        Explainer(model, options=BTIOptions(long_text="error")).explain(long, LEFT)


@pytest.mark.parametrize("kind", ["two transformers", "sparse", "static"])
def test_a_folder_and_an_object_say_the_same(folders, tmp_path, kind):
    if kind == "sparse":
        model = routed([free(folders)], splade(folders), family=SparseEncoder)
    elif kind == "static":
        model = routed([static(1)], [static(2)])
    else:
        model = TWO[kind](folders)
    model.save_pretrained(str(tmp_path / "own"))
    one = Explainer(tmp_path / "own", device="cpu").explain(LEFT, RIGHT)
    other = Explainer(model).explain(LEFT, RIGHT)
    assert one.similarity == pytest.approx(other.similarity, abs=1e-6)
    assert [w.saliency for w in one.left.words] == pytest.approx(
        [w.saliency for w in other.left.words], abs=1e-4
    )


def test_pickles_and_missing_weights_of_a_route_are_refused(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    model = TWO["two transformers"](folders)
    model.save_pretrained(str(tmp_path / "own"))
    (weights,) = (tmp_path / "own").rglob("document_0_Transformer/model.safetensors")
    tensors = load_file(weights)
    del tensors[min(name for name in tensors if "layer.1" in name)]
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lack 1 tensor"):
        Explainer(tmp_path / "own", device="cpu")
    weights.unlink()
    torch.save({}, weights.with_name("pytorch_model.bin"))
    with pytest.raises(UnsafeModelError, match="are pickled"):
        Explainer(tmp_path / "own", device="cpu")


@pytest.mark.skipif(not MOVED, reason="routes are mapped from sentence-transformers 5.4 on")
def test_one_route_for_both_is_no_router(folders):
    both = encoder(folders / "bert")
    router = Router({"text": both, "other": [static(1)]}, route_mappings={(None, "text"): "text"})
    model = SentenceTransformer(modules=[router], device="cpu")
    explainer = Explainer(model)
    assert "vectors" in explainer.model.capabilities
    found = explainer.explain(LEFT, RIGHT).similarity
    assert found == pytest.approx(by_model(model)([(LEFT, RIGHT)])[0], abs=1e-5)


def test_what_is_refused(folders):
    model = TWO["two transformers"](folders)
    explainer = Explainer(model)
    with pytest.raises(OptionError, match="pooling is 'paper'"):
        Explainer(model, pooling="paper")
    with pytest.raises(OptionError, match=r"label is 'x'.*'router'"):
        Explainer(model, label="x")
    with pytest.raises(OptionError, match="needs vectors of whole texts"):
        explainer.with_method("bilrp")
    with pytest.raises(OptionError, match="two encoders inside"), explainer.encoder.held():
        pass
    with pytest.raises(OptionError, match="two encoders inside"):
        explainer.encoder.sites  # noqa: B018
    odd = Router(
        {"question": [static(1)], "answer": [static(2)]}, default_route=None, allow_empty_key=False
    )
    with pytest.raises(ModelError, match="no route for 'query'"):
        Explainer(SentenceTransformer(modules=[odd], device="cpu"))


def test_it_is_pickled_and_the_users_model_is_only_read(folders):
    model = TWO["two transformers"](folders).train()
    explainer = Explainer(model)
    first = explainer.explain(LEFT, RIGHT)
    assert model.training
    assert all(module.training for module in model.modules())
    again = pickle.loads(pickle.dumps(explainer)).explain(LEFT, RIGHT)
    assert again.similarity == pytest.approx(first.similarity, abs=1e-6)


def test_a_used_router_is_pickled_and_stays_one_model(folders):
    model = TWO["two transformers"](folders)
    bodies = [part for part in model.modules() if isinstance(part, PreTrainedModel)]
    for body in bodies:
        # transformers sets hooks at the first hidden states, which can't be pickled.
        body(**TOKENIZER(LEFT, return_tensors="pt"), output_hidden_states=True)
    hooks = [dict(part._forward_hooks) for part in model.modules()]
    explainer = Explainer(model)
    wanted = explainer.explain(LEFT, RIGHT).similarity
    other = pickle.loads(pickle.dumps(explainer))
    assert [dict(part._forward_hooks) for part in model.modules()] == hooks
    assert other.explain(LEFT, RIGHT).similarity == pytest.approx(wanted, abs=1e-6)
    whole = {id(part) for part in other.model.pipeline.modules()}
    for side in other.model.sides:
        assert id(side._loaded.transformer) in whole


@pytest.mark.parametrize("method", ["bti", "bti_activations", "idf"])
def test_a_text_that_is_a_query_and_a_document_is_read_as_each(folders, method):
    model = TWO["product"](folders)
    pairs = [(LEFT, RIGHT), (RIGHT, LEFT), (LEFT, LEFT), ("", LEFT), (RIGHT, "")]
    found = Explainer(model, method=method).explain_many(pairs)
    own = by_model(model)(pairs)
    assert [each.similarity for each in found] == pytest.approx(own, rel=1e-5, abs=1e-5)


def test_a_part_of_a_fusion_reads_queries_by_their_route(folders):
    model = TWO["product"](folders)
    pairs = [(LEFT, RIGHT), (LEFT, LEFT), ("wool", LEFT)]
    whole = Explainer(model, method="whyalike")
    fused = Explainer(Fusion([(whole.model, 2)]))
    for one, both in zip(whole.explain_many(pairs), fused.explain_many(pairs), strict=True):
        assert both.similarity == pytest.approx(2 * one.similarity, rel=1e-5)
        for side in ("left", "right"):
            for word, same in zip(getattr(one, side).words, getattr(both, side).words, strict=True):
                assert same.contribution == pytest.approx(2 * word.contribution, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision(folders, dtype):
    model = TWO["two transformers"](folders)
    whole = Explainer(model).model.score([(LEFT, RIGHT)])[0]
    found = Explainer(model.to(dtype), method="whyalike").explain(LEFT, RIGHT)
    assert found.similarity == pytest.approx(whole, abs=0.02)
