"""Gradient caching: the gradient of the whole batch, dropout and all, with few rows in a graph."""

import pytest
import torch
from training_catalogue import save_base, some_items, some_pairs

from raising import raises
from whyalike.errors import ModelError, OptionError
from whyalike.training import TrainingSettings, train_recobert
from whyalike.training.caching import cached_backward
from whyalike.training.data import PairCollator, PairDataset
from whyalike.training.recobert import RecoBERT, open_base

DROPOUT = {"hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.3}
OBJECTIVES = [
    ("joint", "drawn"),
    ("separate", "drawn"),
    ("separate", "all"),
    ("separate", "ranking"),
]


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory):
    return str(save_base(tmp_path_factory.mktemp("base"), **DROPOUT))


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    """Four rows go through the encoder together, so that ten pairs are several parts."""
    monkeypatch.setattr("whyalike.training.recobert.ROWS", 4)


def model_and_batch(folder, settings, count=10):
    opened = open_base(folder, masked_words=settings.mlm_weight > 0, seed=0)
    model = RecoBERT(opened, settings).train()
    dataset = PairDataset(some_pairs(), settings)
    collate = PairCollator(opened.tokenizer, settings, segments=opened.segments)
    return model, collate([dataset[index] for index in range(count)])


def gradient_of(model):
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def plainly(model, batch):
    torch.manual_seed(7)
    found = model(**batch)
    found["loss"].backward()
    return found, torch.rand(1)


def cached(model, batch):
    torch.manual_seed(7)
    found = cached_backward(model, model, **batch, backward=torch.Tensor.backward)
    return found, torch.rand(1)


@pytest.mark.parametrize(("encoding", "negatives"), OBJECTIVES)
def test_the_gradient_is_the_whole_batchs_with_dropout_on(base_folder, encoding, negatives):
    settings = TrainingSettings(encoding=encoding, negatives=negatives, mlm_weight=0.3, mask=0.3)
    model, batch = model_and_batch(base_folder, settings)
    (loss, drawn), wanted = plainly(model, batch), gradient_of(model)
    (found, next_drawn), gradient = cached(model, batch), gradient_of(model)
    for name in ("loss", "title_description", "masked_words"):
        assert found[name].item() == pytest.approx(loss[name].item(), abs=1e-6)
    assert set(gradient) == set(wanted)
    assert max(one.abs().max() for one in wanted.values()) > 0.01
    for name, one in wanted.items():
        torch.testing.assert_close(gradient[name], one, rtol=1e-5, atol=1e-6)
    # What is drawn afterwards is the same, too: so are all steps that follow.
    assert next_drawn == drawn


def test_other_dropout_would_have_another_gradient(base_folder, monkeypatch):
    settings = TrainingSettings(mlm_weight=0)
    model, batch = model_and_batch(base_folder, settings)
    plainly(model, batch)
    wanted = gradient_of(model)
    monkeypatch.setattr("whyalike.training.caching.RandomState.restore", lambda *_: None)
    cached(model, batch)
    found = gradient_of(model)
    apart = max((found[name] - one).abs().max().item() for name, one in wanted.items())
    assert apart > 1e-3


@pytest.mark.parametrize(("how", "most"), [(plainly, 20), (cached, 4)])
def test_how_many_rows_have_activations_at_a_time(base_folder, how, most):
    model, batch = model_and_batch(base_folder, TrainingSettings(mlm_weight=0.3))
    held, most_held = [0], [0]

    def hold(_module, _inputs, output):
        rows = output.last_hidden_state
        if not rows.requires_grad:
            return

        count = len(rows)

        def release(_gradient):
            held[0] -= count

        held[0] += count
        most_held[0] = max(most_held[0], held[0])
        rows.register_hook(release)

    model.encoder.register_forward_hook(hold)
    how(model, batch)
    assert most_held == [most]
    assert held == [0]


def test_a_loss_that_is_no_number_says_so(base_folder):
    settings = TrainingSettings(mlm_weight=0)
    model, batch = model_and_batch(base_folder, settings)
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with raises(ModelError, "nan", "--lr"):
        cached(model, batch)


def test_a_cached_run_takes_the_steps_of_a_plain_one(base_folder, tmp_path):
    found = {}
    for name, is_cached in (("plain", False), ("cached", True)):
        settings = TrainingSettings(
            batch_size=10, cached_batch=is_cached, max_steps=4, looks=4, held_out=0.1, watched=0,
            max_length=64, learning_rate=1e-3,
        )  # fmt: skip
        found[name] = train_recobert(
            some_items(), out=tmp_path / name, base=base_folder, settings=settings
        ).history
    curves = {
        name: [(one.title_description, one.masked_words) for one in history]
        for name, history in found.items()
    }
    assert len(curves["plain"]) == 4
    for plain, same in zip(curves["plain"], curves["cached"], strict=True):
        assert same == pytest.approx(plain, abs=1e-4)


def test_it_is_true_or_false():
    with raises(OptionError, "cached_batch", "'yes'", "True or False"):
        TrainingSettings(cached_batch="yes")
