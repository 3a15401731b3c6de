"""Each loss, derived again in loops over plain numbers."""

import math

import pytest
import torch

from whyalike.training.recobert import (
    all_pairs_loss,
    masked_word_loss,
    mean_of_tokens,
    ranking_loss,
    title_description_loss,
)


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(4))


def cosine(left, right):
    dot = sum(a * b for a, b in zip(left, right, strict=True))
    norms = math.sqrt(sum(a * a for a in left)) * math.sqrt(sum(b * b for b in right))
    return dot / norms


def pair_loss(left, right, target):
    likely = (1 + cosine(left, right)) / 2
    return -math.log(likely if target else 1 - likely)


def test_mean_of_tokens_is_the_mean_of_the_chosen():
    hidden = drawn(3, 5, 4)
    chosen = torch.tensor([[0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]).bool()
    found = mean_of_tokens(hidden, chosen)
    for row in range(3):
        for feature in range(4):
            kept = [hidden[row, t, feature].item() for t in range(5) if chosen[row, t]]
            wanted = sum(kept) / len(kept) if kept else 0.0
            assert found[row, feature].item() == pytest.approx(wanted, abs=1e-6)


def test_title_description_loss():
    titles, descriptions = drawn(2, 6, 4)
    targets = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]
    wanted = sum(map(pair_loss, titles.tolist(), descriptions.tolist(), targets)) / 6
    found = title_description_loss(titles, descriptions, torch.tensor(targets))
    assert found.item() == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_loss_and_gradient_are_finite_where_vectors_are_parallel(sign, target):
    titles = drawn(3, 8).requires_grad_()
    loss = title_description_loss(titles, sign * titles.detach(), torch.full((3,), target))
    loss.backward()
    assert math.isfinite(loss.item())
    assert torch.isfinite(titles.grad).all()


def test_a_wrong_pair_near_cosine_1_is_pushed_apart():
    left = torch.tensor([[1.0, 1e-3]], requires_grad=True)
    right = torch.tensor([[1.0, 0.0]])
    title_description_loss(left, right, torch.zeros(1)).backward()
    moved = left.detach() - 1e-4 * left.grad
    before = cosine(left[0].tolist(), right[0].tolist())
    assert cosine(moved[0].tolist(), right[0].tolist()) < before


SAME = torch.eye(5).bool()
SAME[0, 3] = SAME[3, 0] = True


def test_all_pairs_loss():
    titles, descriptions = drawn(2, 5, 4)
    own, others = [], []
    for i, title in enumerate(titles.tolist()):
        for j, description in enumerate(descriptions.tolist()):
            if i == j:
                own.append(pair_loss(title, description, 1))
            elif not SAME[i, j]:
                others.append(pair_loss(title, description, 0))
    wanted = sum(own) / len(own) / 2 + sum(others) / len(others) / 2
    assert all_pairs_loss(titles, descriptions, SAME).item() == pytest.approx(wanted, rel=1e-4)


def test_all_pairs_loss_without_false_pairs_is_that_of_the_true_ones():
    titles, descriptions = drawn(2, 2, 4)
    found = all_pairs_loss(titles, descriptions, torch.ones(2, 2).bool())
    assert found.item() == pytest.approx(
        title_description_loss(titles, descriptions, torch.ones(2)).item()
    )


def test_ranking_loss():
    titles, descriptions = drawn(2, 5, 4)
    wanted = 0.0
    for i, title in enumerate(titles.tolist()):
        known = [j for j in range(5) if j == i or not SAME[i, j]]
        scores = {j: math.exp(7 * cosine(title, descriptions[j].tolist())) for j in known}
        wanted -= math.log(scores[i] / sum(scores.values())) / 5
    found = ranking_loss(titles, descriptions, SAME, scale=7.0)
    assert found.item() == pytest.approx(wanted, rel=1e-5)


def test_ranking_loss_is_that_of_sentence_transformers():
    from whyalike.models.installed import MultipleNegativesRankingLoss

    titles, descriptions = drawn(2, 5, 4)
    theirs = MultipleNegativesRankingLoss(None, scale=20.0)
    wanted = theirs.compute_loss_from_embeddings([titles, descriptions], None)
    found = ranking_loss(titles, descriptions, torch.eye(5).bool(), scale=20.0)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_masked_word_loss():
    logits, labels = drawn(4, 7), [3, 0, 6, 6]
    wanted = 0.0
    for row, label in zip(logits.tolist(), labels, strict=True):
        wanted -= math.log(math.exp(row[label]) / sum(map(math.exp, row)))
    found = masked_word_loss(logits, torch.tensor(labels), count=torch.tensor(4.0))
    assert found.item() == pytest.approx(wanted / 4, rel=1e-5)


def test_masked_word_loss_without_masked_words_is_0_and_has_a_gradient():
    logits = drawn(0, 7).requires_grad_()
    labels = torch.zeros(0, dtype=torch.long)
    loss = masked_word_loss(logits, labels, count=torch.tensor(0.0))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.shape == (0, 7)
