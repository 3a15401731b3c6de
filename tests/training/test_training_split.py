"""Parts of a catalogue: sizes, and no text in two of them."""

from training_catalogue import some_pairs

from raising import raises
from whyalike.errors import OptionError
from whyalike.training.data import split_pairs
from whyalike.training.settings import TrainingSettings


def test_parts_are_all_items_and_share_no_text():
    pairs = [*some_pairs(60), *[(title, f"new {title}") for title, _ in some_pairs(20)]]
    pairs += [(f"new {n}", pairs[n][1]) for n in range(10)]
    split = split_pairs(pairs, held_out=0.2, watched=0.1, seed=3)
    parts = (split.train, split.watched, split.held_out)
    assert sorted(sum(parts, ())) == list(range(90))
    assert len(split.held_out) == 18
    assert len(split.watched) == 9
    for side in (0, 1):
        texts = [{pairs[index][side] for index in part} for part in parts]
        assert not texts[0] & texts[1]
        assert not texts[0] & texts[2]
        assert not texts[1] & texts[2]


def test_chains_of_equal_texts_stay_together():
    chain = [("a", "x"), ("b", "x"), ("b", "y"), ("c", "y")]
    for seed in range(20):
        split = split_pairs([*chain, *some_pairs(16)], held_out=0.25, watched=0.2, seed=seed)
        parts = (split.train, split.watched, split.held_out)
        assert sum(bool({0, 1, 2, 3} & set(part)) for part in parts) == 1


def test_the_seed_decides():
    pairs = some_pairs(40)
    splits = [split_pairs(pairs, held_out=0.2, watched=0.1, seed=seed) for seed in (1, 1, 2)]
    assert splits[0] == splits[1] != splits[2]


def test_too_few_items_are_refused():
    with raises(OptionError, "1 items", "title", "description"):
        split_pairs(some_pairs(1), held_out=0.2, watched=0.1, seed=0)


def test_few_items_are_not_watched_unless_one_says_so():
    shares = [TrainingSettings().share_watched(items) for items in (60, 389, 391, 5000)]
    assert shares == [0.0, 0.0, 0.05, 0.05]
    assert TrainingSettings(watched=0.1).share_watched(60) == 0.1
    assert TrainingSettings(watched=0.0).share_watched(5000) == 0.0
    with raises(OptionError, "watched", "1"):
        TrainingSettings(watched=1)
