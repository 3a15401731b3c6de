"""whyalike.testing: each assertion passes, fails with a message that helps, and can fail at all."""

import subprocess
import sys

import pytest

from raising import raises
from tiny_models import tiny
from whyalike import BlackBox, Explainer, PairScorer
from whyalike.errors import OptionError
from whyalike.testing import (
    assert_explained_by,
    assert_no_blind_spot,
    assert_ranks_above,
    assert_sees,
)

WORDS = ("warm", "cold", "not", "gloves", "boots")


def bag(texts):
    """A model that sees these words, and nothing else."""
    rows = []
    for text in texts:
        words = text.lower().replace(".", "").split()
        rows.append([1.0, *(4.0 * words.count(word) for word in WORDS)])
    return rows


@pytest.fixture
def explainer():
    return Explainer(embed=bag)


def test_a_change_that_is_seen(explainer):
    assert_sees(explainer, "warm gloves", "cold gloves", margin=0.3)
    with pytest.raises(AssertionError) as failure:
        assert_sees(explainer, "pale warm gloves", "dark warm gloves", margin=0.3)
    said = str(failure.value)
    assert "bag hardly sees the change: the similarity falls by 0.0000" in said
    assert "should fall by 0.3" in said
    assert "method occlusion" in said


def test_one_text_above_another(explainer):
    assert_ranks_above(explainer, "warm gloves", "warm gloves here", "cold boots")
    with raises(AssertionError, "margin", "-", "above 0") as failure:
        assert_ranks_above(explainer, "warm gloves", "cold boots", "warm gloves here")
    assert "gloves" in str(failure.value)
    with raises(AssertionError, "0.9"):
        assert_ranks_above(explainer, "warm gloves", "warm boots", "cold boots", margin=0.9)
    with pytest.raises(AssertionError, match="above 0"):
        assert_ranks_above(explainer, "warm gloves", "warm boots", "warm boots")


def test_a_pair_of_words_that_explains(explainer):
    assert_explained_by(explainer, "warm gloves", "Gloves here", pair=("gloves", "gloves"))
    with raises(AssertionError, "warm – here", "pairs", "occlusion"):
        assert_explained_by(explainer, "warm gloves", "Gloves here", pair=("warm", "here"))
    with raises(AssertionError, "1", "pairs"):
        assert_explained_by(
            explainer, "warm gloves", "warm gloves not", pair=("warm", "not"), top=1
        )


def test_no_blind_spot(explainer):
    seen = ["The gloves are warm.", "They are cold boots."]
    assert_no_blind_spot(explainer, seen, rules=["antonyms", "negation_added"], at_most=0.0)
    with pytest.raises(AssertionError, match=r"^More than 10% blind spots\.\n2 of 5") as failure:
        assert_no_blind_spot(explainer, [*seen, "It costs 30 dollars."])
    assert "30 → " in str(failure.value)


def test_an_assertion_that_could_not_fail_is_refused(explainer):
    with raises(OptionError, "margin", "0"):
        assert_sees(explainer, "a", "b", margin=0)
    with raises(OptionError, "margin", "-1"):
        assert_ranks_above(explainer, "a", "b", "c", margin=-1)
    with raises(OptionError, "at_most", "1"):
        assert_no_blind_spot(explainer, ["It is warm."], at_most=1)
    with raises(OptionError, "tolerance", "-5.0", "'harmless'"):
        assert_no_blind_spot(explainer, ["It is warm."], tolerance=-5.0, at_most=0.0)
    with raises(OptionError, "probed"):
        assert_no_blind_spot(explainer, ["Hello there."])
    with raises(OptionError, "'mittens'", "'warm gloves'"):
        assert_explained_by(explainer, "warm gloves", "gloves", pair=("mittens", "gloves"))
    with raises(OptionError, "top", "0"):
        assert_explained_by(explainer, "a", "b", pair=("a", "b"), top=0)


def test_models_are_taken_as_explainers_take_them():
    assert_sees(BlackBox(bag), "warm gloves", "cold gloves", margin=0.3)
    with pytest.raises(AssertionError, match="method whyalike"):
        assert_sees(tiny("bert").parts, "warm gloves", "warm wool gloves", margin=1.9)


def test_importing_it_loads_nothing_heavy():
    code = (
        "import sys, whyalike.testing; "
        "print(*[name for name in ('torch', 'numpy', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_a_function_of_pairs_is_asserted_on_as_a_model():
    def shared(pairs):
        return [10.0 * len({*left.split()} & {*right.split()}) for left, right in pairs]

    scorer = PairScorer(shared)
    assert_sees(scorer, "warm gloves", "cold gloves", margin=9)
    assert_ranks_above(scorer, "warm gloves", "warm gloves here", "cold boots", margin=20)
    assert_explained_by(scorer, "warm gloves", "cold gloves", pair=("gloves", "gloves"), top=1)
    with pytest.raises(AssertionError, match=r"shared scores the better text 0\.0000"):
        assert_ranks_above(scorer, "warm gloves", "cold boots", "warm gloves here")
    assert_no_blind_spot(scorer, ["These gloves are not warm."], tolerance=0.0)
