"""A classifier of pairs with several labels: the logit of one is explained, chosen by label=."""

import json
from copy import deepcopy

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from torch import nn
from transformers import AutoModelForSequenceClassification
from typer.testing import CliRunner

from tiny_models import PIECES, tiny, tiny_reranker
from whyalike import Explainer
from whyalike.cli.app import app
from whyalike.errors import ModelError, OptionError
from whyalike.models.kinds.cross_encoder import JointEncoder

LEFT, RIGHT = "warm knit gloves", "These stretch wool gloves keep hands warm."
LABELS = ("contradiction", "entailment", "neutral")


@pytest.fixture(scope="module", params=["bert", "roberta"])
def folder(request, tmp_path_factory):
    encoder = tiny(request.param)
    config = deepcopy(encoder.model.config)
    config.id2label = dict(enumerate(LABELS))
    config.label2id = {name: number for number, name in enumerate(LABELS)}
    with torch.random.fork_rng():
        torch.manual_seed(23)
        model = AutoModelForSequenceClassification.from_config(config)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.data.normal_(0, 0.15)
    place = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(place)
    encoder.tokenizer.save_pretrained(place)
    return place


@pytest.fixture
def model(folder):
    return CrossEncoder(str(folder), device="cpu")


def random_pairs(count):
    chance = np.random.default_rng(3)
    return [
        tuple(" ".join(chance.choice(PIECES, size=chance.integers(0, 40))) for _ in range(2))
        for _ in range(count)
    ]


@pytest.mark.parametrize("number", range(3))
def test_the_score_is_the_models_own_logit_of_the_label(model, folder, number):
    pairs = random_pairs(40)
    expected = model.predict(pairs, show_progress_bar=False)[:, number]
    parts = model.model, model.tokenizer
    for given in (model, folder, parts):
        for label in (number, str(number), LABELS[number], LABELS[number].upper()):
            scorer = Explainer(given, label=label).model
            assert scorer.label == LABELS[number]
            assert np.abs(scorer.score(pairs) - expected).max() < 1e-5


INSIDE = [
    "bti",
    "gradient_x_activation",
    "integrated_gradients",
    "occlusion",
    "shapley",
    "vanilla_gradients",
    "whyalike",
]


@pytest.mark.parametrize("method", INSIDE)
def test_each_label_has_its_own_explanation(model, method):
    found = [Explainer(model, method=method, label=label).explain(LEFT, RIGHT) for label in LABELS]
    expected = model.predict([(LEFT, RIGHT)], show_progress_bar=False)[0]
    assert [each.similarity for each in found] == pytest.approx(expected.tolist(), abs=1e-5)
    saliencies = {tuple(word.saliency for word in each.left.words) for each in found}
    assert len(saliencies) == 3


def test_gradient_x_activation_of_a_label_by_hand(model):
    explanation = Explainer(model, label=2, method="gradient_x_activation").explain(LEFT, RIGHT)
    encoded = model.tokenizer([LEFT], [RIGHT], return_tensors="pt", return_offsets_mapping=True)
    spans = encoded.pop("offset_mapping")[0].tolist()
    output = model.model(**encoded, output_hidden_states=True)
    state = output.hidden_states[-2]
    (slope,) = torch.autograd.grad(output.logits[0, 2], state)
    values = (state * slope)[0].sum(-1).tolist()
    # A space by itself is a token of no word.
    own = [
        value
        for value, side, (start, end) in zip(values, encoded.sequence_ids(0), spans, strict=True)
        if side == 0 and LEFT[start:end].strip()
    ]
    found = [word.contribution for word in explanation.left.words]
    assert sum(found) == pytest.approx(sum(own), abs=1e-4)


def test_it_says_which_label_and_that_it_is_the_logit(model):
    def said():
        found = Explainer(model, label="entailment", method="occlusion").explain(LEFT, RIGHT)
        (warning,) = found.warnings
        assert warning.startswith(
            "The score explained is the model's logit of the label 'entailment' (number 1 of 3 "
            f"from 0), {found.similarity:.4g}"
        )
        assert warning in found.to_html().replace("&#x27;", "'").replace("&#39;", "'")
        return found.similarity, warning

    score, warning = said()
    assert warning.endswith(f"{score:.4g}.")
    model.activation_fn = nn.Sigmoid()
    score, warning = said()
    assert warning.endswith(f"; its Sigmoid makes {1 / (1 + np.exp(-score)):.4g} of it.")
    model.activation_fn = nn.Softmax(dim=-1)
    assert said()[1].endswith(", before its Softmax over all labels.")


def test_without_a_label_it_is_refused_with_the_names(model, folder):
    for given in (model, folder, (model.model, model.tokenizer)):
        with pytest.raises(ModelError) as caught:
            Explainer(given)
        assert "has 3 labels, and a score is one number" in str(caught.value)
        assert "Its labels: contradiction, entailment, neutral." in str(caught.value)
        assert "label='contradiction'" in str(caught.value)


@pytest.mark.parametrize("label", ["contra", 3, -1, True, "3", 1.0, "²", "9" * 5000])
def test_what_is_no_label(model, label):
    with pytest.raises(OptionError, match=r"no label of .*: choose one of contradiction, entail"):
        Explainer(model, label=label)


def test_a_label_where_there_is_none_to_choose(tmp_path):
    from sentence_transformers import SentenceTransformer

    from whyalike.models.installed import StaticEmbedding

    for label in ("entailment", 0):
        with pytest.raises(OptionError, match="has one score alone: leave label out"):
            Explainer(tiny_reranker("bert").parts, label=label)
        with pytest.raises(OptionError, match="gives vectors of texts and no labels"):
            Explainer(tiny("bert").parts, label=label)
        with pytest.raises(OptionError, match=r"With embed= .* leave out label"):
            Explainer(embed=lambda texts: [[1.0]] * len(texts), label=label)
        with pytest.raises(OptionError, match=r"With score= .* leave out label"):
            Explainer(score=lambda pairs: [1.0] * len(pairs), label=label)
        static = StaticEmbedding(tiny("bert").tokenizer.backend_tokenizer, embedding_dim=4)
        with pytest.raises(OptionError, match=r"label is .*'static embeddings'.* leave label out"):
            Explainer(SentenceTransformer(modules=[static], device="cpu"), label=label)


def test_many_labels_are_not_all_named():
    config = deepcopy(tiny("bert").model.config)
    config.num_labels = 40
    model = AutoModelForSequenceClassification.from_config(config).eval()
    with pytest.raises(ModelError, match=r"LABEL_11 and 28 more\.$"):
        Explainer((model, tiny("bert").tokenizer))
    assert Explainer((model, tiny("bert").tokenizer), label="LABEL_39").model.label == "LABEL_39"


def test_on_the_command_line(model, folder):
    command = ["explain", LEFT, RIGHT, "--model", str(folder), "--json", "--device", "cpu"]
    for label in ("neutral", "2"):
        said = CliRunner().invoke(app, [*command, "--label", label])
        assert said.exit_code == 0
        found = json.loads(said.stdout)
        expected = float(model.predict([(LEFT, RIGHT)], show_progress_bar=False)[0, 2])
        assert found["similarity"] == pytest.approx(expected, abs=1e-5)
        assert any("label 'neutral'" in warning for warning in found["warnings"])
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code != 0
    assert "Its labels: contradiction, entailment, neutral" in refused.stderr


def test_the_explorer_opens_the_same_label(folder):
    from whyalike.web.explorer.drawing import open_in_python

    explainer = Explainer(folder, label="neutral", method="occlusion")
    assert isinstance(explainer.model, JointEncoder)
    assert "label='neutral'," in open_in_python(explainer, "occlusion", explainer.options)


def test_a_stage_of_a_trace_has_its_label(folder, tmp_path):
    passages = tmp_path / "passages.txt"
    passages.write_text("knit gloves of wool\nphone fingertips\nsmart touchscreen phone\n")
    asked = ["trace", "--text", LEFT, "--passages", str(passages), "--top", "0", "--json"]
    asked += ["--stage", str(folder)]
    given = [*asked, "--label", "entailment", "--keep", "2", "--stage", str(folder), "--label", "2"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    first, second = Explainer(folder, label="entailment"), Explainer(folder, label=2)
    own = first.trace(LEFT, passages.read_text().splitlines(), keep=2, stages=[second], top=0)
    found = json.loads(result.stdout)["passages"]
    assert [[rank["score"] for rank in each["ranks"]] for each in found] == [
        [pytest.approx(rank.score, abs=1e-6) for rank in each.ranks] for each in own.passages
    ]
    for wrong, says in (
        ([*asked], "--label"),
        (["trace", "--label", "2", *asked[1:]], "comes before any --stage"),
        ([*asked, "--label", "2", "--label", "1"], "two labels"),
    ):
        refused = CliRunner().invoke(app, wrong)
        assert refused.exit_code != 0
        assert says in " ".join(refused.output.split())
