"""Measures of explanations on scorers of every kind, where a text is not read by itself alone."""

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from torch import nn

from scorer_folders import save_kinds
from whyalike import Explainer
from whyalike.evaluation.changed_models import find_parts, randomized_states
from whyalike.evaluation.perturbed import Replacement, Subsets, subset_similarities
from whyalike.nearest_pairs import nearest_pairs
from whyalike.probing.blind_spots import find_blind_spots

LEFT, RIGHT = "keep hands warm with knit gloves", "these smart phone gloves are cut from wool"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return save_kinds(tmp_path_factory.mktemp("kinds"))


@pytest.fixture
def joint(folders):
    return Explainer(str(folders["cross-encoder"]))


def test_all_weights_of_a_cross_encoder_are_parts_and_are_drawn_anew(joint):
    parts = find_parts(joint.encoder)
    assert (parts[0].name, parts[-1].name) == ("embeddings", "head")
    whole = {id(p) for p in joint.encoder.source.module.parameters()}
    assert {id(p) for part in parts for p in part.parameters} == whole
    before = joint.explain(LEFT, RIGHT)
    states = list(randomized_states(joint, mode="cascade"))
    assert states[0].name.startswith("head")
    # All states share one model: the last has nothing left that was trained.
    last = states[-1].explainer
    trained = dict(joint.encoder.source.module.named_parameters())
    for name, parameter in last.encoder.source.module.named_parameters():
        assert not torch.isnan(parameter).any()
        if parameter.dim() > 1:
            assert not torch.equal(parameter, trained[name]), name
    assert last.explain(LEFT, RIGHT).similarity != before.similarity
    assert joint.explain(LEFT, RIGHT) == before


def test_each_word_of_a_static_model_has_its_own_vector(folders):
    """In controls, which compare words by themselves: words of several tokens shift no other."""
    model = SentenceTransformer(str(folders["static"]), device="cpu")
    left, right = "ribbed phoned gloves", "woolly glovesy wool"
    found = Explainer(model, method="random").explain(left, right)
    assert found.matches
    for pair in found.matches:
        one, other = found.left.words[pair.left].text, found.right.words[pair.right].text
        expected = model.similarity(*(model.encode(word) for word in (one, other)))
        assert pair.similarity == pytest.approx(float(expected), abs=1e-5)


def test_words_that_go_let_no_more_of_the_other_text_in(joint, folders):
    """Deletion in one text of a cut pair is scored with the other one as it was read."""
    left, right = "wool gloves knit", " ".join(["warm hands gloves"] * 80)
    explanation = joint.explain(left, right)
    assert explanation.right.unread_words
    read = right[: explanation.right.read_until]
    kept = np.ones((2, 3), dtype=bool)
    kept[1, :2] = False
    everything = np.ones((2, len(explanation.right.words)), dtype=bool)
    (scores,) = subset_similarities(
        joint, [explanation], [Subsets(kept, everything)], replacement=Replacement()
    )
    model = CrossEncoder(str(folders["cross-encoder"]), device="cpu")
    whole, without, more = model.predict(
        [(left, right), ("knit", read), ("knit", right)],
        activation_fn=nn.Identity(),
        show_progress_bar=False,
    )
    np.testing.assert_allclose(scores, [whole, without], atol=1e-5)
    assert abs(without - more) > 1e-5


def test_a_probe_counts_edits_that_the_joint_sequence_has_no_room_for(joint):
    long = " ".join(["warm hands gloves"] * 40)
    query = " ".join(["wool"] * 60)
    text = f"{long} cost 4 pounds"
    alone = find_blind_spots(joint, [(query[:4], text)], explain=0)
    cut = find_blind_spots(joint, [(query, text)], explain=0)
    assert alone.unread == 0
    assert cut.unread == len(alone.scores) - len(cut.scores) > 0


def test_near_texts_by_sparse_vectors(folders):
    explainer = Explainer(str(folders["sparse"]))
    words = LEFT.split() + RIGHT.split()
    texts = [" ".join(words[n:] + words[:n]) + " lemon zest" * n for n in range(6)]
    found = nearest_pairs(texts, explainer.model, count=2, lowest=-1, highest=1)
    vectors = explainer.model.embed(texts)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -2)
    assert texts.index(found[0][1]) == cosines[texts.index(found[0][0])].argmax()
