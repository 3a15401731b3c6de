"""The explained score is the score that the user's own pipeline gives."""

import json

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import ModelError, OptionError
from whyalike.models.installed import (
    Dense,
    LayerNorm,
    Normalize,
    Pooling,
    Transformer,
)

PAIRS = [(TEXTS[0], TEXTS[1]), (TEXTS[2], TEXTS[3]), ("Gloves.", TEXTS[0]), ("", TEXTS[2])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Saved tiny models, by architecture."""

    def save(name):
        path = tmp_path_factory.getbasetemp() / f"saved-{name}"
        if not path.exists():
            tiny(name).model.save_pretrained(path)
            tiny(name).tokenizer.save_pretrained(path)
        return path

    return save


def pipeline(
    folder, *, name="bert", pooling="mean", dense=False, norm=False, normalize=True, **kwargs
):
    modules = [Transformer(str(folder(name))), Pooling(32, pooling_mode=pooling)]
    with torch.random.fork_rng():
        torch.manual_seed(5)
        if dense:
            modules.append(Dense(32, 24))
        if norm:
            modules.append(LayerNorm(24 if dense else 32))
    if normalize:
        modules.append(Normalize())
    return SentenceTransformer(modules=modules, device="cpu", **kwargs)


def own_score(model, left, right, **encode):
    vectors = model.encode([left, right], convert_to_tensor=True, **encode)
    return float(model.similarity(vectors[:1], vectors[1:]))


def check_scores(model, **encode):
    for explanation, pair in zip(Explainer(model).explain_many(PAIRS), PAIRS, strict=True):
        assert explanation.similarity == pytest.approx(own_score(model, *pair, **encode), abs=1e-5)
        assert explanation.pooling == "model"


@pytest.mark.parametrize(
    "pooling", ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
)
def test_every_pooling(folder, pooling):
    check_scores(pipeline(folder, pooling=pooling))


@pytest.mark.parametrize("function", ["cosine", "dot", "euclidean", "manhattan"])
def test_every_similarity_function(folder, function):
    model = pipeline(folder, normalize=False, similarity_fn_name=function)
    check_scores(model)
    assert Explainer(model).explain(*PAIRS[0]).similarity_function == function


def test_dense_and_layer_norm_are_in_the_graph(folder):
    check_scores(pipeline(folder, dense=True, norm=True))


def test_the_end_of_a_matryoshka_embedding_is_cut(folder):
    check_scores(pipeline(folder, truncate_dim=8))


def test_last_token_pooling_of_a_decoder(folder):
    check_scores(pipeline(folder, name="qwen3", pooling="lasttoken"))


def test_unnormalised_gradient_check_of_a_whole_pipeline(folder):
    """Saliency through Dense and Normalize against a second pass built by hand."""
    model = pipeline(folder, dense=True)
    options = BTIOptions(activation="token", words="token")
    explanation = Explainer(model, method="bti", options=options).explain(TEXTS[0], TEXTS[1])
    transformer, tokenizer = model[0].auto_model, model.tokenizer
    leaves = []
    vectors = []
    for text in (TEXTS[0], TEXTS[1]):
        inputs = tokenizer(text, return_tensors="pt")
        leaf = transformer.get_input_embeddings()(inputs["input_ids"]).detach().requires_grad_()
        hidden = transformer(inputs_embeds=leaf, attention_mask=inputs["attention_mask"])[0]
        vectors.append(torch.tanh(model[2].linear(hidden.mean(1))))
        leaves.append(leaf)
    torch.cosine_similarity(*vectors).backward()
    for leaf, side in zip(leaves, (explanation.left, explanation.right), strict=True):
        raw = (leaf * leaf.grad).relu().sum(-1)[0, 1:-1].detach()
        expected = (raw - raw.min()) / (raw.max() - raw.min())
        np.testing.assert_allclose([w.saliency for w in side.words], expected, atol=1e-4)


def retrieval_score(model, left, right):
    query = model.encode_query([left], convert_to_tensor=True)
    document = model.encode_document([right], convert_to_tensor=True)
    return float(model.similarity(query, document))


def test_default_prompt_is_part_of_the_score_but_not_of_the_words(folder):
    model = pipeline(
        folder, prompts={"query": "", "sts": "find gloves: "}, default_prompt_name="sts"
    )
    check_scores(model)
    explanation = Explainer(model).explain(*PAIRS[0])
    assert explanation.prompts == ("find gloves: ", "find gloves: ")
    assert explanation.left.words[0].text == "Keep"
    assert explanation.left.text == TEXTS[0]


@pytest.mark.parametrize("default", [None, "query", "document", "sts"])
@pytest.mark.parametrize(
    "known",
    [
        {"query": "find gloves: ", "document": "item: "},
        {"query": "find gloves: "},
        {"document": "item: "},
        {"query": "find gloves: ", "passage": "item: "},
        {"query": "find gloves: ", "document": "item: ", "passage": "wool: ", "corpus": "wine: "},
    ],
)
def test_left_is_the_query_and_right_the_document(folder, known, default):
    model = pipeline(folder, prompts={**known, "sts": "keep: "})
    model.default_prompt_name = default
    for drop in ((), ("document",), ("query",), ("query", "document")):
        # A model may be given prompts of its own making, in which not every name is there.
        model.prompts = {n: text for n, text in model.prompts.items() if n not in drop}
        for pooling in ("model", "paper"):
            explainer = Explainer(model, pooling=pooling)
            # Of the paper's pooling only its prompts are looked at.
            pairs = PAIRS if pooling == "model" else PAIRS[2:3]
            for explanation, pair in zip(explainer.explain_many(pairs), pairs, strict=True):
                assert explanation.prompts == explainer.prompts
                if pooling == "model" and any(model.prompts.get(n) for n in NAMES):
                    expected = retrieval_score(model, *pair)
                    assert explanation.similarity == pytest.approx(expected, abs=1e-5)
                elif pooling == "model":
                    assert explanation.similarity == pytest.approx(
                        own_score(model, *pair), abs=1e-5
                    )


NAMES = ("query", "document", "passage", "corpus")


def test_two_documents_have_one_prompt(folder):
    model = pipeline(folder, prompts={"query": "find gloves: ", "document": "item: "})
    explainer = Explainer(model).between_documents()
    for explanation, pair in zip(explainer.explain_many(PAIRS), PAIRS, strict=True):
        vectors = model.encode_document(list(pair), convert_to_tensor=True)
        expected = float(model.similarity(vectors[:1], vectors[1:]))
        assert explanation.similarity == pytest.approx(expected, abs=1e-5)
        assert explanation.prompts == ("item: ", "item: ")
    assert Explainer(model).with_prompts(("", "")).explain(*PAIRS[0]).similarity == pytest.approx(
        own_score(model, *PAIRS[0]), abs=1e-5
    )
    with raises(OptionError, "two strings"):
        explainer.with_prompts("item: ")


def test_prompts_by_name_and_by_letter(folder):
    model = pipeline(
        folder, prompts={"query": "find gloves: ", "document": "item: ", "passage": "wool: "}
    )
    left, right = PAIRS[0]
    query = model.encode([left], prompt_name="query", convert_to_tensor=True)
    document = model.encode([right], prompt_name="passage", convert_to_tensor=True)
    expected = float(model.similarity(query, document))
    named = Explainer(model, prompt_names=("query", "passage")).explain(left, right)
    literal = Explainer(model, prompts=["find gloves: ", "wool: "]).explain(left, right)
    assert named.similarity == pytest.approx(expected, abs=1e-5)
    assert literal == named
    assert named.prompts == ("find gloves: ", "wool: ")
    assert named.similarity != pytest.approx(own_score(model, left, right), abs=1e-4)
    plain = Explainer(model, prompts=("", "")).explain(left, right)
    assert plain.similarity == pytest.approx(own_score(model, left, right), abs=1e-5)


def test_a_prompt_left_out_of_the_pooling(folder):
    model = pipeline(folder, prompts={"query": "find gloves: "}, default_prompt_name="query")
    model.set_pooling_include_prompt(False)
    for explanation, pair in zip(Explainer(model).explain_many(PAIRS), PAIRS, strict=True):
        assert explanation.similarity == pytest.approx(retrieval_score(model, *pair), abs=1e-5)


@pytest.mark.parametrize(
    ("known", "default", "says"),
    [
        ({"query": 5}, None, "prompt | 'query' | int"),
        ({"query": "q: ", "document": ["d: "]}, None, "prompt | 'document' | list"),
        ({"sts": 0.5}, "sts", "prompt | 'sts' | float"),
        ({"query": "q: "}, ["query"], "default prompt | list"),
        (["query: "], None, "prompts | list"),
    ],
)
def test_prompts_that_are_no_texts(folder, known, default, says):
    model = pipeline(folder)
    model.prompts, model.default_prompt_name = known, default
    with raises(ModelError, *says.split(" | ")):
        Explainer(model)
    assert Explainer(model, prompts=("", "")).explain(*PAIRS[0]).prompts == ("", "")


def test_prompts_that_are_no_texts_in_a_folder(folder, tmp_path):
    pipeline(folder).save(str(tmp_path))
    file = tmp_path / "config_sentence_transformers.json"
    settings = json.loads(file.read_text())
    for prompts in ({"query": 5}, {"query": ["a"]}, ["query"], "query"):
        file.write_text(json.dumps({**settings, "prompts": prompts}))
        with pytest.raises(ModelError):
            Explainer(tmp_path)


def test_queries_that_differ_by_more_than_a_prompt(folder):
    """encode_query cuts the text elsewhere: no prompt alone gives its score."""
    model = pipeline(folder, prompts={"query": "find gloves: "})
    model[0].query_length = 6
    with raises(OptionError, "prompts"):
        Explainer(model)
    explanation = Explainer(model, prompts=("find gloves: ", "")).explain(*PAIRS[0])
    query = model.encode([PAIRS[0][0]], prompt_name="query", convert_to_tensor=True)
    document = model.encode([PAIRS[0][1]], convert_to_tensor=True)
    expected = float(model.similarity(query, document))
    assert explanation.similarity == pytest.approx(expected, abs=1e-5)
    model.prompts = {}
    check_scores(model)


def test_unknown_prompts_are_refused(folder):
    model = pipeline(folder, prompts={"query": "q: "})
    with raises(OptionError, "'passage'"):
        Explainer(model, prompt_names=("query", "passage"))
    with pytest.raises(OptionError, match="not both"):
        Explainer(model, prompt_names=("query", "query"), prompts=("", ""))


def test_the_model_is_cut_where_the_pipeline_cuts_it(folder):
    model = pipeline(folder)
    model.max_seq_length = 12
    explanation = Explainer(model).explain(TEXTS[0], TEXTS[1])
    assert explanation.similarity == pytest.approx(own_score(model, TEXTS[0], TEXTS[1]), abs=1e-5)
    assert explanation.left.unread_words > 0
    read = [word.text for word in explanation.left.words]
    assert read == [
        "Keep",
        "hands",
        "warm",
        "with",
        "knit",
        "gloves",
        ",",
        "touchscreen-compatible",
    ]


def test_paper_pooling_of_a_pipeline_leaves_special_tokens_out(folder):
    model = pipeline(folder, dense=True)
    whole = Explainer(model).explain(*PAIRS[0])
    paper = Explainer(model, pooling="paper").explain(*PAIRS[0])
    bare = Explainer(tiny("bert").parts).explain(*PAIRS[0])
    assert paper.pooling == bare.pooling == "paper"
    assert paper.similarity == pytest.approx(bare.similarity, abs=1e-6)
    assert paper.similarity != pytest.approx(whole.similarity, abs=1e-4)


@pytest.mark.parametrize("pooling", ["cls", "last"])
def test_poolings_of_a_bare_encoder(folder, pooling):
    name = {"cls": "cls", "last": "lasttoken"}[pooling]
    model = pipeline(folder, pooling=name)
    explanation = Explainer(tiny("bert").parts, pooling=pooling).explain(*PAIRS[0])
    assert explanation.similarity == pytest.approx(own_score(model, *PAIRS[0]), abs=1e-5)


def test_a_bare_encoder_has_no_pooling_of_its_own():
    with raises(OptionError, "encoder", "pooling"):
        Explainer(tiny("bert").parts, pooling="model")


def test_a_step_before_the_tokenizer_is_noticed(folder):
    model = pipeline(folder)

    class Shouting(Transformer):
        def preprocess(self, inputs, *args, **kwargs):
            return super().preprocess([f"new {text}" for text in inputs], *args, **kwargs)

        def tokenize(self, texts, *args, **kwargs):
            return super().tokenize([f"new {text}" for text in texts], *args, **kwargs)

    model[0].__class__ = Shouting
    with raises(ModelError, "tokens", "tokenizer"):
        Explainer(model).explain(*PAIRS[0])


@pytest.mark.parametrize("function", ["cosine", "euclidean", "manhattan"])
def test_identical_texts_have_a_saliency(folder, function):
    """Row 16: there the gradient vanishes or is NaN; the unnormalised product takes its place."""
    model = pipeline(folder, normalize=False, similarity_fn_name=function)
    explanation = Explainer(model, method="bti").explain(TEXTS[0], TEXTS[0])
    assert explanation.similarity == (1.0 if function == "cosine" else 0.0)
    assert "unnormalised product" in explanation.warnings[0]
    values = [word.saliency for word in explanation.left.words]
    assert np.isfinite(values).all()
    assert len(set(values)) > 5


def test_identical_texts_through_normalize(folder):
    """The product is that of the vectors before the final Normalize."""
    normalised = Explainer(pipeline(folder)).explain(TEXTS[0], TEXTS[0])
    raw = Explainer(pipeline(folder, normalize=False)).explain(TEXTS[0], TEXTS[0])
    assert normalised.similarity == 1.0
    assert [w.saliency for w in normalised.left.words] == pytest.approx(
        [w.saliency for w in raw.left.words], abs=1e-5
    )


def test_a_model_without_special_tokens_reads_nothing_of_an_empty_text():
    explainer = Explainer(tiny("qwen3").parts, pooling="last")
    for left, right in (("", TEXTS[0]), ("", "")):
        explanation = explainer.explain(left, right)
        assert explanation.matches == ()
        assert not explanation.left.words
        assert "The left text has no words" in explanation.warnings[0]
    assert explainer.explain("", TEXTS[0]).similarity == 0.0


def test_a_short_text_beside_a_long_one_in_windows(folder):
    """Windows are fed apart: they must not change what the pipeline does with other texts."""
    model = pipeline(folder, prompts={"sts": "find gloves: "}, default_prompt_name="sts")
    explainer = Explainer(model, options=BTIOptions(long_text="windows"))
    pairs = [(TEXTS[0], TEXTS[1]), ("wool gloves " * 150, TEXTS[2])]
    together = list(explainer.explain_many(pairs))
    assert together[0].similarity == pytest.approx(own_score(model, *pairs[0]), abs=1e-5)
    assert together[1].similarity == pytest.approx(
        explainer.explain(*pairs[1]).similarity, abs=1e-6
    )
    model.set_pooling_include_prompt(False)
    assert explainer.explain(*pairs[0]).similarity == pytest.approx(
        own_score(model, *pairs[0]), abs=1e-5
    )
    with raises(OptionError, "windows"):
        explainer.explain(*pairs[1])


def test_the_limit_is_the_pipelines_at_the_time(folder):
    model = pipeline(folder)
    explainer = Explainer(model)
    assert not explainer.explain(*PAIRS[0]).left.unread_words
    model.max_seq_length = 12
    assert explainer.explain(*PAIRS[0]).left.unread_words
    assert explainer.explain(*PAIRS[0]).similarity == pytest.approx(
        own_score(model, *PAIRS[0]), abs=1e-5
    )


def test_our_method_says_that_signs_tell_nothing_below_a_distance(folder):
    for function, said in (("cosine", ()), ("euclidean", ("their order tells",))):
        model = pipeline(folder, normalize=False, similarity_fn_name=function)
        explanation = Explainer(model, method="whyalike").explain(TEXTS[0], TEXTS[1])
        assert len(explanation.warnings) == len(said)
        assert all(part in explanation.warnings[0] for part in said)
