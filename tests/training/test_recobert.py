"""The module: heads of every architecture, the sum of both losses, states, and padding."""

import copy

import pytest
import torch
from torch.nn import functional
from training_catalogue import save_base, some_pairs
from transformers import AutoModelForMaskedLM

from whyalike.errors import ModelError
from whyalike.training.data import NOTHING, PairCollator, PairDataset
from whyalike.training.recobert import RecoBERT, open_base
from whyalike.training.settings import TrainingSettings

WITH_HEADS = (
    "bert", "roberta", "mpnet", "distilbert", "electra", "albert", "deberta-v2", "modernbert",
)  # fmt: skip


def batch_for(base, settings, indices=range(6)):
    dataset = PairDataset(some_pairs(), settings)
    collate = PairCollator(base.tokenizer, settings, segments=base.segments)
    return collate([dataset[index] for index in indices])


@pytest.mark.parametrize("name", WITH_HEADS)
def test_the_head_alone_gives_what_the_whole_model_gives(name, tmp_path):
    folder = save_base(tmp_path / "base", name)
    base = open_base(str(folder), masked_words=True, seed=0)
    assert "has no trained head for masked tokens" in base.notes[0]
    whole = AutoModelForMaskedLM.from_pretrained(folder).eval()
    known = whole.state_dict()
    found = {k: v for k, v in base.head.model.state_dict().items() if k in known}
    whole.load_state_dict(found, strict=False)
    ids = base.tokenizer("warm wool gloves", return_tensors="pt")["input_ids"]
    hidden = base.encoder.eval()(input_ids=ids).last_hidden_state[0]
    with torch.no_grad():
        torch.testing.assert_close(base.head.eval()(hidden), whole(input_ids=ids).logits[0])


def test_a_trained_head_is_kept(tmp_path):
    first = open_base(str(save_base(tmp_path / "base")), masked_words=True, seed=0)
    whole = first.head.model
    whole.bert = first.encoder
    whole.save_pretrained(tmp_path / "whole")
    first.tokenizer.save_pretrained(tmp_path / "whole")
    again = open_base(str(tmp_path / "whole"), masked_words=True, seed=1)
    assert again.notes == ()
    wanted = dict(whole.named_parameters(remove_duplicate=False))
    for name, parameter in again.head.model.named_parameters():
        assert torch.equal(parameter, wanted[name])


def test_the_seed_draws_the_new_head(tmp_path):
    folder = str(save_base(tmp_path / "base"))
    heads = [open_base(folder, masked_words=True, seed=seed).head for seed in (1, 1, 2)]
    dense = [head.model.cls.predictions.transform.dense.weight for head in heads]
    assert torch.equal(dense[0], dense[1])
    assert not torch.equal(dense[0], dense[2])


@pytest.mark.parametrize("name", ["t5", "qwen3"])
def test_architectures_without_masked_words_train_without_them(name, tmp_path):
    folder = str(save_base(tmp_path / "base", name))
    with pytest.raises(ModelError, match="mlm_weight=0"):
        open_base(folder, masked_words=True, seed=0)
    base = open_base(folder, masked_words=False, seed=0)
    settings = TrainingSettings(mlm_weight=0)
    model = RecoBERT(base, settings)
    found = model(**batch_for(base, settings))
    found["loss"].backward()
    assert found["masked_words"] == 0


@pytest.mark.parametrize("rows_at_once", [16, 2])
@pytest.mark.parametrize("encoding", ["joint", "separate"])
def test_the_loss_by_hand_row_by_row(encoding, rows_at_once, tmp_path, monkeypatch):
    monkeypatch.setattr("whyalike.training.recobert.ROWS", rows_at_once)
    settings = TrainingSettings(encoding=encoding, negatives="drawn", mlm_weight=0.3, mask=0.3)
    base = open_base(str(save_base(tmp_path / "base")), masked_words=True, seed=0)
    model = RecoBERT(base, settings).eval()
    dataset = PairDataset(some_pairs(), settings)
    collate = PairCollator(base.tokenizer, settings, segments=base.segments)
    pairs, words, masked = 0.0, 0.0, 0
    for index in range(6):
        # One item at a time: nothing is padded.
        batch = collate([dataset[index]])
        means = {}
        for rows in batch["sequences"]:
            inputs = {k: v for k, v in rows.items() if k in ("input_ids", "token_type_ids")}
            with torch.no_grad():
                hidden = base.encoder(**inputs).last_hidden_state[0]
                logits = base.head(hidden)
            for side in ("title", "description"):
                if side in rows:
                    kept = [h for h, own in zip(hidden, rows[side][0], strict=True) if own]
                    means[side] = sum(kept) / len(kept)
            for place, label in enumerate(rows["labels"][0].tolist()):
                if label != NOTHING:
                    words -= torch.log_softmax(logits[place], -1)[label].item()
                    masked += 1
        cosine = functional.cosine_similarity(means["title"], means["description"], dim=0)
        likely = (1 + cosine.item()) / 2
        wanted = likely if batch["targets"][0] else 1 - likely
        pairs -= torch.log(torch.tensor(wanted)).item() / 6
    with torch.no_grad():
        found = model(**batch_for(base, settings))
    assert found["title_description"].item() == pytest.approx(pairs, rel=1e-4)
    assert found["masked_words"].item() == pytest.approx(words / masked, rel=1e-4)
    assert found["loss"].item() == pytest.approx(pairs + 0.3 * words / masked, rel=1e-4)


def test_every_parameter_learns(tmp_path):
    settings = TrainingSettings(mlm_weight=1, mask=0.3)
    base = open_base(str(save_base(tmp_path / "base")), masked_words=True, seed=0)
    model = RecoBERT(base, settings)
    model(**batch_for(base, settings))["loss"].backward()
    still = [name for name, p in model.named_parameters() if p.grad is None]
    assert still == []


def test_a_state_has_each_tensor_once_and_comes_back_whole(tmp_path):
    settings = TrainingSettings(mlm_weight=1)
    base = open_base(str(save_base(tmp_path / "base")), masked_words=True, seed=0)
    model = RecoBERT(base, settings)
    state = copy.deepcopy(model.state_dict())
    assert len({tensor.data_ptr() for tensor in state.values()}) == len(state)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    model.load_state_dict(state)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, state[name])
    decoder = base.head.model.cls.predictions.decoder.weight
    assert decoder is base.encoder.embeddings.word_embeddings.weight


def test_a_loss_that_is_no_number_says_so(tmp_path):
    settings = TrainingSettings(mlm_weight=0)
    base = open_base(str(save_base(tmp_path / "base")), masked_words=False, seed=0)
    with torch.no_grad():
        base.encoder.embeddings.word_embeddings.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="learning rate"):
        RecoBERT(base, settings)(**batch_for(base, settings))
