"""A kind of scorer is one file: here a toy, found by the registry and explained like any other."""

import pkgutil
from collections import Counter

import numpy as np
import pytest

from tiny_models import tiny
from whyalike import BTIOptions, Explainer, Explanation
from whyalike.errors import ModelError, OptionError
from whyalike.models import kinds, opening
from whyalike.models.encoder import Encoder
from whyalike.models.loading import load
from whyalike.models.opening import KINDS, register_kind
from whyalike.models.scorer import OpaqueScorer, require

LEFT, RIGHT = "warm knit gloves", "knitted gloves"


class Grams:
    """What a user has: the length of the runs of characters that texts are compared by."""

    def __init__(self, length):
        self.length = length


class GramScorer(OpaqueScorer):
    """The number of runs of characters inside words that both texts have: a sum over words."""

    def __init__(self, length):
        self.length, self.name = length, f"runs of {length}"

    def score(self, pairs, *, prompts=("", ""), long_text="truncate"):
        return np.array(
            [sum((self.grams(left) & self.grams(right)).values()) for left, right in pairs],
            dtype=np.float64,
        )

    def grams(self, text):
        n = self.length
        return Counter(w[i : i + n] for w in text.split() for i in range(len(w) - n + 1))


@pytest.fixture
def clean_registry(monkeypatch):
    monkeypatch.setattr(KINDS, "_entries", KINDS.all())
    monkeypatch.setattr(KINDS, "_makers", dict(KINDS._makers))


@pytest.fixture
def toy(clean_registry):
    @register_kind("runs of characters", takes=lambda source: isinstance(source, Grams))
    def open_grams(source, opening):
        opening.refuse(what="With runs of characters")
        return GramScorer(source.length)


def test_a_toy_kind_is_explained_like_any_other(toy):
    explainer = Explainer(Grams(3))
    explanation = explainer.explain(LEFT, RIGHT)
    # kni and nit, glo, lov, ove and ves.
    assert explanation.similarity == 6
    assert (explanation.method, explanation.model) == ("occlusion", "runs of 3")
    assert [word.contribution for word in explanation.left.words] == [0, 2, 4]
    assert [word.contribution for word in explanation.right.words] == [2, 4]
    shapley = explainer.with_method("shapley").explain(LEFT, RIGHT)
    assert [word.contribution for word in shapley.left.words] == pytest.approx([0, 2, 4])
    assert shapley.completeness_gap == 0
    assert shapley.remainder == pytest.approx(0)
    for each in (explanation, shapley):
        assert [(p.left, p.right) for p in each.matches] == [(2, 1), (1, 0)]
        assert Explanation.from_json(each.to_json()) == each
    assert explainer.compare(LEFT, RIGHT, "wool").margin == 6


def test_its_opener_has_its_say(toy):
    with pytest.raises(OptionError, match=r"With runs of characters .* leave out pooling, device"):
        Explainer(Grams(3), pooling="paper", device="cpu")
    with pytest.raises(OptionError, match=r"'bti' needs .* and runs of 3 gives scores of whole"):
        Explainer(Grams(3), method="bti")
    with pytest.raises(OptionError, match="has no mask token"):
        Explainer(Grams(3), options=BTIOptions(perturbation="mask")).explain(LEFT, RIGHT)


def test_without_its_kind_an_object_is_no_model():
    with pytest.raises(ModelError, match="The model is of type Grams"):
        Explainer(Grams(3))


def test_every_file_of_kinds_is_found_and_the_last_takes_anything():
    files = {module.name for module in pkgutil.iter_modules(kinds.__path__)}
    makers = {kind.open.__module__.rpartition(".")[2] for kind in KINDS.all().values()}
    assert files <= makers
    assert [kind.name for kind in KINDS.all().values() if kind.last] == ["encoder"]
    assert KINDS.get("encoder").takes(object())


def test_a_duplicate_name_raises(clean_registry):
    register_kind("mine")(lambda source, opening: None)
    with pytest.raises(OptionError, match=r"'mine' is registered already, by .*test_scorer_kinds"):
        register_kind("mine")(lambda source, opening: None)


def test_the_first_kind_that_takes_an_object_opens_it(clean_registry):
    asked = []

    def takes(name, answer):
        def say(source):
            asked.append(name)
            return answer

        return say

    for name, answer in (("no", False), ("yes", True), ("late", True)):
        register_kind(name, takes=takes(name, answer))(lambda *_, name=name: name)
    assert opening.open_scorer(object(), opening.Opening()) == "yes"
    assert asked == ["no", "yes"]


def test_one_sentence_says_what_is_needed_given_and_possible():
    scorer = GramScorer(2)
    scorer.capabilities = frozenset({"tokens", "vectors"})
    require(scorer, ("vectors",), what="This")
    with pytest.raises(OptionError) as refused:
        require(scorer, ("gradients", "vectors"), what="This", instead="Try that.")
    assert str(refused.value) == (
        "This needs vectors of whole texts and gradients, and runs of 2 gives vectors of whole "
        "texts and tokens only. Try that."
    )


class Joint(Encoder):
    """As a cross-encoder will be: its inside can be seen, and no text has a vector of its own."""

    capabilities = frozenset({"tokens", "hidden states", "gradients"})


def test_an_inside_without_vectors_of_texts():
    joint, dual = Explainer(Joint(load(tiny("bert").parts))), Explainer(tiny("bert").parts)
    assert joint.method.name == "whyalike"
    for method in ("bti", "whyalike", "integrated_gradients", "random"):
        expected = dual.with_method(method).explain(LEFT, RIGHT)
        assert joint.with_method(method).explain(LEFT, RIGHT) == expected
    for method in ("token_similarity", "bilrp", "maxsim"):
        with pytest.raises(OptionError, match=rf"{method!r} needs vectors of whole texts"):
            joint.with_method(method)
    for method in ("occlusion", "shapley"):
        one, other = (e.with_method(method).explain(LEFT, RIGHT) for e in (joint, dual))
        assert one.matrix is None
        assert one.warnings == ()
        for mine, theirs in ((one.left, other.left), (one.right, other.right)):
            np.testing.assert_allclose(
                [word.contribution for word in mine.words],
                [word.contribution for word in theirs.words],
                atol=1e-6,
            )
        found = {(p.left, p.right): p.similarity for p in other.matches}
        # Words are paired by their latent vectors, and not by a lexicon.
        for pair in one.matches:
            if (pair.left, pair.right) in found:
                assert pair.similarity == pytest.approx(found[pair.left, pair.right], abs=1e-6)
        assert one.matches


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([1.0], r"scored 4 pairs by an array of float64 of shape \(1,\)"),
        (["a"] * 4, "by an array of <U1"),
        ([float("nan")] * 4, "gave NaN or infinity"),
        (np.ones((4, 2)), r"of shape \(4, 2\)"),
    ],
)
def test_what_a_scorer_of_others_returns_is_checked(scores, message):
    class Wrong(OpaqueScorer):
        name = "wrong"

        def score(self, pairs, **_):
            return scores

    with pytest.raises(ModelError, match=f"^wrong .*{message}"):
        Explainer(Wrong()).explain("warm hats", "hats")
