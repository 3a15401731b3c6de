"""False pairs: whose they are, and on what they depend."""

import pytest
from training_catalogue import some_pairs

from whyalike.errors import OptionError
from whyalike.training.data import Negatives, number_texts


def test_a_false_pair_never_has_an_equal_text():
    pairs = [("red", "wool hat"), ("Red ", "other"), ("blue", "Wool  hat"), ("green", "scarf")]
    negatives = Negatives(pairs, seed=0, probability=1.0)
    for index, (title, description) in enumerate(pairs):
        for epoch in range(60):
            other = pairs[negatives.draw(index, epoch=epoch)]
            assert other[0].strip().lower() != title.strip().lower()
            assert other[1].lower().split() != description.lower().split()


def test_draws_depend_on_seed_epoch_and_item_alone():
    pairs = some_pairs()
    one = Negatives(pairs, seed=5)
    forwards = [[one.draw(i, epoch=e) for i in range(30)] for e in range(3)]
    again = Negatives(pairs, seed=5)
    backwards = [[again.draw(i, epoch=e) for i in reversed(range(30))][::-1] for e in range(3)]
    other = Negatives(pairs, seed=6)
    assert forwards == backwards
    assert forwards[0] != forwards[1]
    assert forwards[0] != [other.draw(i, epoch=0) for i in range(30)]


def test_half_of_the_pairs_are_false_and_all_items_are_drawn():
    pairs = some_pairs(12)
    negatives = Negatives(pairs, seed=1)
    draws = [(i, negatives.draw(i, epoch=e)) for i in range(12) for e in range(200)]
    false = [(i, j) for i, j in draws if i != j]
    assert 0.46 < len(false) / len(draws) < 0.54
    assert {j for i, j in false if i == 0} == set(range(1, 12))


def test_few_that_differ_are_found_all_the_same():
    pairs = [("same", f"text {n}") for n in range(400)] + [("rare", "odd one")]
    negatives = Negatives(pairs, seed=0, probability=1.0)
    assert {negatives.draw(7, epoch=epoch) for epoch in range(20)} == {400}


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "x"), ("a", "y"), ("a", "z")],
        [("a", "x"), ("b", "x")],
        [("a", "x"), ("a", "y"), ("b", "x")],
    ],
)
def test_a_catalogue_without_false_pairs_is_refused(pairs):
    with pytest.raises(OptionError, match="no false pair"):
        Negatives(pairs, seed=0)


def test_numbers_are_equal_for_equal_texts():
    assert number_texts(["A  b", "c", "a b", "C\n"]).tolist() == [0, 1, 0, 1]
