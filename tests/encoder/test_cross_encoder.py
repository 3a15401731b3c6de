"""Cross-encoders: the model's own logit, both texts in one sequence, and gradients split by text."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from torch import nn

from tiny_models import PIECES, TEXTS, tiny_reranker
from whyalike import BTIOptions, Explainer, Explanation
from whyalike.errors import ModelError, OptionError, TextError
from whyalike.models.installed import MOVED
from whyalike.models.scorer import require_vectors

LEFT, RIGHT = "warm knit gloves", "These stretch wool gloves keep hands warm."
NAMES = ("bert", "distilbert", "roberta", "modernbert")


@pytest.fixture(scope="module", params=NAMES)
def folder(request, tmp_path_factory):
    """A saved classifier with one label: with segments (bert), and without."""
    place = tmp_path_factory.mktemp(request.param)
    model, tokenizer = tiny_reranker(request.param).parts
    model.save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


@pytest.fixture
def reranker(folder):
    return CrossEncoder(str(folder), device="cpu")


@pytest.fixture
def bert(tmp_path):
    model, tokenizer = tiny_reranker("bert").parts
    model.save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    return CrossEncoder(str(tmp_path / "bert"), device="cpu")


def logits(model, pairs, **given):
    given = {"activation_fn": nn.Identity(), **given}
    return model.predict(pairs, show_progress_bar=False, **given)


def random_pairs(count, *, longest):
    chance = random.Random(4)
    return [
        tuple(" ".join(chance.choices(PIECES, k=chance.randint(0, longest))) for _ in range(2))
        for _ in range(count)
    ]


def test_the_score_is_the_models_own_logit_on_200_pairs(reranker, folder):
    # Some of one side empty, and some beyond the limit of 160 tokens together.
    pairs = [*random_pairs(196, longest=120), ("", LEFT), (LEFT, ""), ("", ""), TEXTS[:2]]
    expected = logits(reranker, pairs)
    assert np.ptp(expected) > 0.1
    model, tokenizer = reranker.model, reranker.tokenizer
    for given in (reranker, folder, str(folder), (model, tokenizer)):
        scores = Explainer(given).model.score(pairs)
        assert np.abs(scores - expected).max() < 1e-5


@pytest.mark.parametrize("method", ["occlusion", "shapley", "random", "idf"])
def test_the_explained_score_is_the_logit(reranker, method):
    explainer = Explainer(reranker, method=method)
    for left, right in ((LEFT, RIGHT), (RIGHT, LEFT)):
        explanation = explainer.explain(left, right)
        expected = float(logits(reranker, [(left, right)])[0])
        assert explanation.similarity == pytest.approx(expected, abs=1e-5)
        assert explanation.similarity_function == "score"
        assert Explanation.from_json(explanation.to_json()) == explanation
        assert explanation.to_html()
    assert logits(reranker, [(LEFT, RIGHT)]) != pytest.approx(logits(reranker, [(RIGHT, LEFT)]))


def test_occlusion_is_by_hand(reranker):
    explanation = Explainer(reranker, method="occlusion").explain(LEFT, RIGHT)
    words = LEFT.split()
    without = [(" ".join(words[:n] + words[n + 1 :]), RIGHT) for n in range(len(words))]
    expected = logits(reranker, [(LEFT, RIGHT)]) - logits(reranker, without)
    found = [word.contribution for word in explanation.left.words]
    assert found == pytest.approx(expected.tolist(), abs=1e-5)


def test_it_says_that_it_is_a_logit_and_what_the_activation_makes_of_it(bert):
    explanation = Explainer(bert, method="occlusion").explain(LEFT, RIGHT)
    (value,) = bert.predict([(LEFT, RIGHT)], show_progress_bar=False)
    (said,) = [w for w in explanation.warnings if "logit" in w]
    assert said == (
        f"The score explained is the model's logit, {explanation.similarity:.4g}; its Sigmoid "
        f"makes {value:.4g} of it."
    )
    bert.activation_fn = nn.Identity()
    assert not Explainer(bert, method="occlusion").explain(LEFT, RIGHT).warnings


def test_words_of_both_texts_are_found_in_the_sequence(reranker):
    scorer = Explainer(reranker).model
    (left, right) = scorer.tokenize_pairs([(LEFT, RIGHT)], prompts=("find: ", "text: "))[0]
    (row,), (other,) = left.rows, right.rows
    assert row.input_ids == other.input_ids
    assert not {*row.positions.tolist()} & {*other.positions.tolist()}
    tokenizer = reranker.tokenizer
    encoded = tokenizer(["find: " + LEFT], ["text: " + RIGHT])
    assert list(row.input_ids) == encoded["input_ids"][0]
    for text, side in ((left, 0), (right, 1)):
        assert {encoded.sequence_ids(0)[position] for position in text.rows[0].positions} == {side}
        covered = "".join(text.text[start:end] for start, end in text.offsets)
        assert covered.replace(" ", "") == text.text.replace(" ", "")


LONG = " ".join(["warm wool gloves"] * 40)


@pytest.mark.parametrize(
    ("left", "right", "cut"),
    [(LEFT, LONG, [False, True]), (LONG, LEFT, [True, False]), (LONG, LONG, [True, True])],
)
def test_the_joint_limit_is_kept_and_said(bert, left, right, cut):
    bert.tokenizer.model_max_length = 40
    explainer = Explainer(bert, method="occlusion")
    explanation = explainer.explain(left, right)
    assert explanation.similarity == pytest.approx(
        float(logits(bert, [(left, right)])[0]), abs=1e-5
    )
    ids = bert.tokenizer([left], [right], truncation="longest_first", max_length=40)
    for side, was_cut in enumerate(cut):
        text = (explanation.left, explanation.right)[side]
        read = sum(each == side for each in ids.sequence_ids(0))
        # Each of these words is one token.
        assert len(text.words) == read
        assert text.unread_words == len(text.text.split()) - read
        name = ("left", "right")[side]
        said = [w for w in explanation.warnings if f"of the {name} text" in w]
        assert len(said) == was_cut
        assert all("at most 40 tokens of both texts together" in w for w in said)
    with pytest.raises(TextError, match="Both texts together have more than the 40 tokens"):
        Explainer(bert, method="occlusion", options=BTIOptions(long_text="error")).explain(
            left, right
        )
    with pytest.raises(OptionError, match=r"'windows'.* in one sequence"):
        Explainer(bert, options=BTIOptions(long_text="windows")).explain(left, right)


def test_what_is_taken_from_one_text_lets_no_more_of_the_other_in(bert):
    bert.tokenizer.model_max_length = 20
    left = "warm knit gloves keep hands"
    right = "wool " * 12 + "stretch straw lemon zest"
    explanation = Explainer(bert, method="occlusion").explain(left, right)
    assert explanation.right.unread_words == 4
    words = left.split()
    read = "wool " * 12
    without = [(" ".join(words[:n] + words[n + 1 :]), read) for n in range(len(words))]
    expected = logits(bert, [(left, right)]) - logits(bert, without)
    found = [word.contribution for word in explanation.left.words]
    assert found == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.skipif(
    not MOVED, reason="a CrossEncoder has prompts from sentence-transformers 5.4 on"
)
def test_prompts_are_as_predict_has_them(bert):
    bert.prompts = {"query": "keep ", "document": "straw ", "ask": "these "}
    plain = Explainer(bert)
    assert plain.prompts == ("", "")
    bert.default_prompt_name = "ask"
    usual = Explainer(bert)
    assert usual.prompts == ("these ", "")
    found = usual.model.score([(LEFT, RIGHT)], prompts=usual.prompts)
    assert found == pytest.approx(logits(bert, [(LEFT, RIGHT)]), abs=1e-5)
    assert found != pytest.approx(logits(bert, [(LEFT, RIGHT)], prompt=""), abs=1e-3)
    named = Explainer(bert, prompt_names=("query", "document"))
    assert named.prompts == ("keep ", "straw ")
    with pytest.raises(OptionError, match="no prompt named 'x'"):
        Explainer(bert, prompt_names=("x", "ask"))


def test_the_users_model_is_only_read(bert):
    bert.train()
    before = {name: value.clone() for name, value in bert.state_dict().items()}
    hooks = [len(module._forward_hooks) for module in bert.modules()]
    explainer = Explainer(bert, method="occlusion")
    pairs = random_pairs(24, longest=20)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: explainer.explain(*pair).similarity, pairs))
    assert all(module.training for module in bert.modules())
    assert hooks == [len(module._forward_hooks) for module in bert.modules()]
    assert all(torch.equal(before[name], value) for name, value in bert.state_dict().items())
    assert found == pytest.approx(logits(bert, pairs).tolist(), abs=1e-5)
    # A step of training is seen.
    with torch.no_grad():
        bert.model.classifier.bias += 1
    again = [explainer.model.score([pair])[0] for pair in pairs]
    assert again == pytest.approx([each + 1 for each in found], abs=1e-5)


def test_batch_equals_single_and_sorting_changes_nothing(reranker):
    pairs = random_pairs(40, longest=60)
    scorer = Explainer(reranker).model
    together = scorer.score(pairs)
    alone = [scorer.score([pair])[0] for pair in pairs]
    assert np.abs(together - alone).max() < 1e-5
    assert scorer.score([*pairs, pairs[0]])[-1] == together[0]
    assert scorer.score([]).shape == (0,)


def test_methods_that_need_a_vector_of_each_text_are_refused(bert):
    explainer = Explainer(bert)
    for method in ("bilrp", "integrated_jacobians", "token_similarity", "maxsim"):
        with pytest.raises(OptionError, match=rf"{method!r} needs vectors of whole texts"):
            explainer.with_method(method)
    with pytest.raises(OptionError, match="needs vectors"):
        require_vectors(explainer.model, what="A search")
    with pytest.raises(OptionError, match="pooling is 'cls'"):
        Explainer(bert, pooling="cls")


def test_a_model_without_its_tokenizer():
    with pytest.raises(ModelError, match="comes without a tokenizer"):
        Explainer(tiny_reranker("bert").model)


def test_weights_that_a_folder_lacks_are_found(tmp_path):
    from safetensors.torch import load_file, save_file

    model, tokenizer = tiny_reranker("bert").parts
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    for lost in ("classifier.weight", "bert.pooler.dense.weight"):
        kept = {name: value for name, value in tensors.items() if name != lost}
        save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ModelError, match=f"lack 1 tensor .*{lost}"):
            Explainer(tmp_path)


def test_a_name_that_is_in_the_cache(tmp_path, monkeypatch):
    from huggingface_hub import constants

    cached = tmp_path / "models--someone--reranker"
    snapshot = cached / "snapshots" / "abc"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("abc")
    model, tokenizer = tiny_reranker("bert").parts
    model.save_pretrained(snapshot)
    tokenizer.save_pretrained(snapshot)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    explainer = Explainer("someone/reranker")
    assert explainer.model.name == "someone/reranker"
    expected = Explainer((model, tokenizer)).model.score([(LEFT, RIGHT)])
    assert explainer.model.score([(LEFT, RIGHT)]) == pytest.approx(expected, abs=1e-6)
