"""Batches of pairs: whose tokens are whose, what is masked, and that neighbours change nothing."""

import pytest
import torch
from training_catalogue import some_pairs, tokenizer_for_pairs

from tiny_models import tiny
from whyalike.training.data import NOTHING, PairCollator, PairDataset, frame_tokens, same_texts
from whyalike.training.settings import TrainingSettings


def examples_of(settings, count=6, epoch=0):
    dataset = PairDataset(some_pairs(), settings)
    dataset.epoch = epoch
    return [dataset[index] for index in range(count)]


def collator_for(settings, name="bert", segments=True):
    return PairCollator(tokenizer_for_pairs(name), settings, segments=segments)


JOINT = TrainingSettings(encoding="joint", negatives="drawn", mlm_weight=0)
SEPARATE = TrainingSettings(mlm_weight=0)


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_joint_rows_are_the_tokenizers_own_pairs(name):
    tokenizer = tokenizer_for_pairs(name)
    examples = examples_of(JOINT)
    batch = collator_for(JOINT, name)(examples)
    (rows,) = batch["sequences"]
    for number, example in enumerate(examples):
        length = int(rows["attention_mask"][number].sum())
        ids = rows["input_ids"][number, :length].tolist()
        assert ids == tokenizer(example["title"], example["description"])["input_ids"]
        for side in ("title", "description"):
            # A space as RoBERTa's pieces know it stands before neither text.
            alone = tokenizer(example[side], add_special_tokens=False)["input_ids"]
            assert rows["input_ids"][number][rows[side][number]].tolist() == alone


def test_joint_rows_of_bert_have_segments():
    (rows,) = collator_for(JOINT)(examples_of(JOINT))["sequences"]
    assert (rows["token_type_ids"][rows["title"]] == 0).all()
    assert (rows["token_type_ids"][rows["description"]] == 1).all()
    (rows,) = collator_for(JOINT, segments=False)(examples_of(JOINT))["sequences"]
    assert "token_type_ids" not in rows


def test_separate_rows_are_lone_texts():
    tokenizer = tokenizer_for_pairs()
    examples = examples_of(SEPARATE)
    titles, descriptions = collator_for(SEPARATE)(examples)["sequences"]
    for rows, side in ((titles, "title"), (descriptions, "description")):
        assert set(rows) == {"input_ids", "attention_mask", "labels", side}
        for number, example in enumerate(examples):
            ids = tokenizer(example[side])["input_ids"]
            assert rows["input_ids"][number, : len(ids)].tolist() == ids
            assert rows[side][number].sum() == len(ids) - 2


def test_targets_say_whether_the_description_is_the_titles():
    pairs = some_pairs()
    settings = TrainingSettings(encoding="joint", negatives="drawn")
    seen = set()
    for epoch in range(4):
        examples = examples_of(settings, epoch=epoch)
        batch = collator_for(settings)(examples)
        for example, target in zip(examples, batch["targets"].tolist(), strict=True):
            own = dict(pairs)[example["title"]]
            assert target == float(example["description"] == own)
            seen.add(target)
    assert seen == {0.0, 1.0}


def test_equal_texts_are_marked_as_no_false_pair():
    pairs = [("red hat", "warm wool"), ("red hat", "cut"), ("glove", "Warm  wool"), ("x", "y")]
    dataset = PairDataset(pairs, SEPARATE)
    batch = collator_for(SEPARATE)([dataset[index] for index in range(4)])
    same = same_texts(batch["keys"])
    wanted = [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]
    assert same.int().tolist() == wanted


@pytest.mark.parametrize("encoding", ["joint", "separate"])
def test_masks_belong_to_the_item_not_to_its_batch(encoding):
    settings = TrainingSettings.of(encoding=encoding, mlm_weight=1, mask=0.4)
    collate = collator_for(settings)
    examples = examples_of(settings)
    together = collate(examples)["sequences"]
    for number in range(6):
        for rows, one in zip(together, collate([examples[number]])["sequences"], strict=True):
            length = one["input_ids"].shape[1]
            assert torch.equal(rows["input_ids"][number, :length], one["input_ids"][0])
            assert torch.equal(rows["labels"][number, :length], one["labels"][0])
            assert (rows["labels"][number, length:] == NOTHING).all()
    anew = collate(examples_of(settings, epoch=1))["sequences"]
    assert any(
        not torch.equal(a["labels"] != NOTHING, b["labels"] != NOTHING)
        for a, b in zip(together, anew, strict=True)
        if a["labels"].shape == b["labels"].shape
    ) or any(a["labels"].shape != b["labels"].shape for a, b in zip(together, anew, strict=True))


def test_masking_hides_the_share_that_was_asked_for_and_no_special_token():
    settings = TrainingSettings(mlm_weight=1, mask=0.15)
    plain = TrainingSettings(mlm_weight=0)
    masked = hidden = words = 0
    for epoch in range(25):
        rows = collator_for(settings)(examples_of(settings, epoch=epoch))["sequences"][1]
        was = collator_for(plain)(examples_of(plain, epoch=epoch))["sequences"][1]
        chosen = rows["labels"] != NOTHING
        assert not (chosen & ~rows["description"]).any()
        assert torch.equal(rows["labels"][chosen], was["input_ids"][chosen])
        assert torch.equal(rows["input_ids"][~chosen], was["input_ids"][~chosen])
        masked += int(chosen.sum())
        words += int(rows["description"].sum())
        hidden += int((rows["input_ids"][chosen] == tiny("bert").tokenizer.mask_token_id).sum())
    assert 0.12 < masked / words < 0.18
    assert 0.7 < hidden / masked < 0.9


def test_the_frame_is_what_the_tokenizer_puts_around_a_text():
    tokenizer = tiny("bert").tokenizer
    assert frame_tokens(tokenizer) == {0, 2, 3}
    assert tokenizer.mask_token_id not in frame_tokens(tokenizer)
    assert tokenizer.unk_token_id not in frame_tokens(tokenizer)
