"""Presets of training: the paper's objective by its name, and the default by its own."""

import json

import pytest
import torch
from torch.nn import functional
from training_catalogue import save_base, some_items, some_pairs

from raising import raises
from whyalike.errors import OptionError
from whyalike.training import TrainingSettings, train_recobert
from whyalike.training.data import PairCollator, PairDataset
from whyalike.training.recobert import RecoBERT, open_base


def test_the_default_is_the_ranking_loss_and_is_called_so():
    assert TrainingSettings.of() == TrainingSettings() == TrainingSettings.of(preset="ranking")
    assert TrainingSettings().negatives == "ranking"
    assert TrainingSettings().objective == "ranking loss + masked words × 0.1"
    assert "RecoBERT" not in TrainingSettings.of(negatives="all", mlm_weight=0).objective


def test_recobert_is_the_paper_s_joint_objective():
    paper = TrainingSettings.of(preset="recobert")
    assert (paper.encoding, paper.negatives) == ("joint", "drawn")
    assert (paper.mlm_weight, paper.mask) == (1.0, 0.15)
    assert paper.epochs >= 1
    assert paper.watched == 0, "no look at lone titles chooses the step"
    assert paper.objective == "RecoBERT"


def test_what_is_chosen_beside_a_preset_counts():
    found = TrainingSettings.of(preset="recobert", mlm_weight=0.0, seed=3)
    assert (found.encoding, found.mlm_weight, found.seed) == ("joint", 0.0, 3)
    assert found.objective == "RecoBERT, masked words × 0"
    with raises(OptionError, "preset is 'bert'", "'recobert'"):
        TrainingSettings.of(preset="bert")
    with pytest.raises(OptionError, match="joint"):
        TrainingSettings.of(preset="recobert", negatives="ranking")


def test_three_steps_of_the_preset_are_those_of_a_naive_loop(tmp_path):
    """The weights after three steps down the gradient, from texts on, written out pair by pair.

    Nothing of the trained code is used but the draws of masks and false pairs: one row at a time,
    the sequence [CLS] title [SEP] description [SEP] put together by hand, means of tokens as sums,
    logits of every token, and the sum of both losses.
    """
    folder = str(save_base(tmp_path / "base", hidden_dropout_prob=0.0,
                           attention_probs_dropout_prob=0.0))  # fmt: skip
    settings = TrainingSettings.of(preset="recobert", mask=0.3, batch_size=5)
    ours, naive = (open_base(folder, masked_words=True, seed=0) for _ in range(2))
    model = RecoBERT(ours, settings).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loop = RecoBERT(naive, settings).train()
    by_hand = torch.optim.SGD(loop.parameters(), lr=0.1)
    dataset = PairDataset(some_pairs(), settings)
    collate = PairCollator(ours.tokenizer, settings, segments=ours.segments)
    cls, sep = ours.tokenizer.cls_token_id, ours.tokenizer.sep_token_id
    false = 0
    for step in range(3):
        examples = [dataset[5 * step + place] for place in range(5)]
        optimizer.zero_grad()
        found = model(**collate(examples))
        found["loss"].backward()
        optimizer.step()

        pair_losses, word_losses = [], []
        for example in examples:
            title, description = (
                naive.tokenizer(example[side], add_special_tokens=False)["input_ids"]
                for side in ("title", "description")
            )
            whole = [cls, *title, sep, *description, sep]
            shown = collate([example])["sequences"][0]
            labels = shown["labels"][0].tolist()
            # The draw of masks is the library's; what it may change is checked here.
            for place, (token, label) in enumerate(zip(whole, labels, strict=True)):
                if label == -100:
                    assert shown["input_ids"][0, place] == token
                else:
                    assert label == token
                    assert token not in (cls, sep)
            segments = [0] * (len(title) + 2) + [1] * (len(description) + 1)
            hidden = naive.encoder(
                input_ids=shown["input_ids"], token_type_ids=torch.tensor([segments])
            ).last_hidden_state[0]
            first = sum(hidden[1 + n] for n in range(len(title))) / len(title)
            start = len(title) + 2
            second = sum(hidden[start + n] for n in range(len(description))) / len(description)
            cosine = (first * second).sum() / first.norm() / second.norm()
            likely = (1 + cosine) / 2
            true = example["target"] == 1
            false += not true
            pair_losses.append(-torch.log(likely if true else 1 - likely))
            logits = naive.head(hidden)
            word_losses += [
                -functional.log_softmax(logits[place], -1)[label]
                for place, label in enumerate(labels)
                if label != -100
            ]
        loss = sum(pair_losses) / 5 + sum(word_losses) / len(word_losses)
        assert found["loss"].item() == pytest.approx(loss.item(), rel=1e-4)
        by_hand.zero_grad()
        loss.backward()
        by_hand.step()
    assert 0 < false < 15
    start = open_base(folder, masked_words=True, seed=0).encoder.state_dict()
    for name, weight in ours.encoder.state_dict().items():
        moved = (weight - start[name]).norm()
        apart = (weight - naive.encoder.state_dict()[name]).norm()
        assert apart <= 0.02 * moved + 1e-6, name


def test_a_run_of_the_preset_says_so_everywhere(tmp_path):
    base = str(save_base(tmp_path / "base"))
    settings = TrainingSettings.of(
        preset="recobert", max_steps=2, batch_size=4, held_out=0.2, watched=0.0
    )
    result = train_recobert(some_items(), out=tmp_path / "model", base=base, settings=settings)
    names = [model.name for model in result.figures]
    assert names == ["base, untrained", "RecoBERT", "TF-IDF, untrained"]
    card = (tmp_path / "model" / "README.md").read_text()
    assert "- Objective: RecoBERT. Title and description: in one sequence" in card
    assert "sentence-similarity, recobert, whyalike]" in card
    words = result.figures[2].retrieval
    assert f"| TF-IDF, untrained | {words.mrr:.3f} |" in card
    assert f"| TF-IDF, untrained | {words.mrr:.3f} |" in result.to_markdown()
    stored = json.loads((tmp_path / "model" / "training.json").read_text())
    assert stored["figures"][2]["retrieval"]["mrr"] == words.mrr


def test_the_default_run_is_not_called_recobert(tmp_path):
    base = str(save_base(tmp_path / "base"))
    settings = TrainingSettings(max_steps=2, batch_size=4, held_out=0.2, watched=0.0)
    result = train_recobert(some_items(), out=tmp_path / "model", base=base, settings=settings)
    card = (tmp_path / "model" / "README.md").read_text()
    assert "recobert" not in card.casefold()
    assert "RecoBERT" not in result.to_markdown()
    assert "- Objective: ranking loss + masked words × 0.1." in card
