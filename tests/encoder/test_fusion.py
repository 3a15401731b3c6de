"""Fusion: a weighted sum of scorers, or their ranks; what each part adds, and the words inside it."""

import pickle
import statistics

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from exact_scorers import check_batches, random_pairs
from raising import raises
from tiny_models import tiny, tiny_reranker
from whyalike import BM25, BlackBox, BTIOptions, Explainer, Explanation, Fusion, PairScorer
from whyalike.errors import ModelError, OptionError, TextError
from whyalike.models.fusion import line_through

PAIRS = [(f"{left} {right[: len(right) // 2]}", right) for left, right in random_pairs(24)]
TEXTS = [right for _, right in PAIRS]
QUERY, PASSAGE = PAIRS[0]
SUMS = ["none", "min-max", "z-score"]


@pytest.fixture(scope="module")
def bert():
    return Explainer(tiny("bert").parts)


@pytest.fixture(scope="module")
def bm25():
    return BM25(TEXTS)


def make(bm25, bert, normalise, *, weights=(1, 2.5), **settings):
    over = None if normalise == "none" else TEXTS
    parts = list(zip((bm25, bert.model), weights, strict=True))
    return Fusion(parts, normalise=normalise, over=over, **settings)


def naively(normalise, score, others):
    """Normalise one score among others, in plain Python."""
    if normalise == "none":
        return score
    if normalise == "min-max":
        return (score - min(others)) / (max(others) - min(others))
    return (score - statistics.mean(others)) / statistics.stdev(others)


@pytest.mark.parametrize("normalise", SUMS)
def test_the_score_is_the_weighted_sum_and_the_words_add_up(bm25, bert, normalise):
    explainer = Explainer(make(bm25, bert, normalise))
    assert explainer.method.name == "parts"
    found = list(explainer.explain_many(PAIRS))
    scores = explainer.model.score(PAIRS)
    for pair, each, score in zip(PAIRS, found, scores, strict=True):
        expected = 0.0
        for scorer, weight in ((bm25, 1), (bert.model, 2.5)):
            others = [float(scorer.score([(pair[0], text)])[0]) for text in TEXTS]
            expected += weight * naively(normalise, float(scorer.score([pair])[0]), others)
        assert each.similarity == pytest.approx(expected, abs=1e-5)
        assert score == pytest.approx(expected, abs=1e-5)
        assert sum(part.contribution for part in each.parts) == pytest.approx(each.similarity)
        assert np.sum(each.matrix) + each.remainder == pytest.approx(each.similarity)
        assert each.completeness_gap < 1e-5
        assert [part.method for part in each.parts] == ["exact", "whyalike"]
        assert Explanation.from_json(each.to_json()) == each


@pytest.mark.parametrize("normalise", SUMS)
def test_words_are_those_of_the_parts_times_weight_and_slope(bm25, bert, normalise):
    found = Explainer(make(bm25, bert, normalise)).explain(QUERY, PASSAGE)
    own = [
        Explainer(bm25).explain(QUERY, PASSAGE),
        bert.with_method("whyalike").explain(QUERY, PASSAGE),
    ]
    factors = []
    for part, alone in zip(found.parts, own, strict=True):
        assert part.score == pytest.approx(alone.similarity, abs=1e-6)
        # What is no constant is what the score is multiplied by.
        factors.append((part.contribution - part.constant) / part.score)
    for side in ("left", "right"):
        words = [[w.contribution for w in getattr(each, side).words] for each in (found, *own)]
        np.testing.assert_allclose(
            words[0], factors[0] * np.array(words[1]) + factors[1] * np.array(words[2]), atol=1e-5
        )
    matrix = factors[0] * own[0].matrix
    for pair in own[1].matches:
        matrix[pair.left, pair.right] += factors[1] * pair.score
    np.testing.assert_allclose(found.matrix, matrix, atol=1e-5)
    if normalise == "none":
        assert {part.constant for part in found.parts} == {0}
    else:
        assert found.parts[1].constant < 0


@pytest.mark.parametrize("normalise", [*SUMS, "ranks"])
def test_a_batch_is_as_one(bm25, bert, normalise):
    explainer = Explainer(make(bm25, bert, normalise))
    if normalise == "ranks":
        for each, pair in zip(explainer.explain_many(PAIRS), PAIRS, strict=True):
            alone = explainer.explain(*pair)
            assert each.similarity == pytest.approx(alone.similarity)
            assert [p.rank for p in each.parts] == [p.rank for p in alone.parts]
        return
    check_batches(explainer)


def naive_ranks(scores):
    """Return the ranks by counting, for each, how many are greater."""
    return [1 + sum(other > score + 1e-6 for other in scores) for score in scores]


def test_ranks_say_which_part_lifted_the_passage(bm25, bert):
    fusion = make(bm25, bert, "ranks", rank_constant=10)
    explainer = Explainer(fusion)
    assert explainer.method.name == "ranks"
    for query in (QUERY, PAIRS[5][0]):
        ranks = [
            naive_ranks([float(scorer.score([(query, text)])[0]) for text in TEXTS])
            for scorer in (bm25, bert.model)
        ]
        fused = [1 / (10 + one) + 2.5 / (10 + other) for one, other in zip(*ranks, strict=True)]
        np.testing.assert_allclose(
            fusion.score([(query, text) for text in TEXTS]), fused, atol=1e-9
        )
        order = naive_ranks([1e6 * each for each in fused])
        for place in (0, 7, 11):
            found = explainer.explain(query, TEXTS[place])
            own = [ranks[0][place], ranks[1][place]]
            assert [part.rank for part in found.parts] == own
            assert [part.normalised for part in found.parts] == [1 / (10 + rank) for rank in own]
            assert found.similarity == pytest.approx(fused[place])
            assert (found.matrix, found.remainder, found.completeness_gap) == (None, None, None)
            assert {word.contribution for word in found.left.words} == {None}
            assert all(0 <= word.saliency <= 1 for word in found.right.words)
            said = found.warnings[0]
            assert f"number {order[place]} of 24" in said
            named = list(zip(("bm25", bert.model.name), own, strict=True))
            for did, them in (
                ("lifted", [f"{name} ({rank})" for name, rank in named if rank < order[place]]),
                ("sank", [f"{name} ({rank})" for name, rank in named if rank > order[place]]),
            ):
                assert (f"{', '.join(them)} {did} it" in said) if them else (did not in said)
            assert Explanation.from_json(found.to_json()) == found
    with raises(OptionError, "'ranks' does not say what a word adds"):
        explainer.compare(QUERY, TEXTS[0], TEXTS[1], method="ranks")
    outside = explainer.explain(QUERY, QUERY)
    assert outside.parts[0].rank == outside.parts[1].rank == 1
    assert "number 1 of 25" in outside.warnings[0]


def test_half_a_character_is_the_same_text_everywhere():
    """Texts of the catalogue are made readable as those that are explained are."""
    texts = ["warm \ud83d gloves", "hats"]
    bm25 = BM25(texts)
    found = Explainer(Fusion([(bm25, 1)], normalise="ranks", over=texts)).explain("warm", texts[0])
    assert "number 1 of 2:" in found.warnings[1]
    assert found.parts[0].score == bm25.score([("warm", "warm \ufffd gloves")])[0] > 0


def test_equal_scores_share_a_rank():
    same = PairScorer(lambda pairs: [float("x" in right) for _, right in pairs], name="x")
    fusion = Fusion([(same, 1)], normalise="ranks", over=["x", "ax", "b", "c"])
    expected = [1 / 61, 1 / 61, 1 / 63, 1 / 63]
    np.testing.assert_allclose(fusion.score([("q", text) for text in fusion.over]), expected)


def test_normalisations_by_hand():
    scores = np.array([1.0, 8.0, 6.0, 11.0])
    line = line_through(scores, "min-max")
    np.testing.assert_allclose(line.slope * scores + line.constant, [0, 0.7, 0.5, 1])
    line = line_through(scores, "z-score")
    expected = (scores - 6.5) / np.sqrt(((scores - 6.5) ** 2).sum() / 3)
    np.testing.assert_allclose(line.slope * scores + line.constant, expected)


@pytest.mark.parametrize(("normalise", "value"), [("min-max", 1.0), ("z-score", 0.0)])
@pytest.mark.parametrize("over", [["b"], ["b", "c"]])
def test_scores_without_a_range(normalise, value, over):
    """As OpenSearch and Weaviate do it: the best that there is, for all."""
    lengths = PairScorer(lambda pairs: [float(len(right)) for _, right in pairs], name="length")
    explainer = Explainer(Fusion([(lengths, 3)], normalise=normalise, over=over))
    for text in ("b", "longer text"):
        found = explainer.explain("a", text)
        assert found.similarity == 3 * value
        assert found.parts[0].normalised == value
        assert found.remainder == found.similarity
        assert [word.contribution for word in found.right.words] == [0] * len(found.right.words)
        assert any("all texts" in said and "length" in said for said in found.warnings)


def test_a_text_beyond_those_that_scores_are_normalised_over():
    lengths = PairScorer(lambda pairs: [float(len(right)) for _, right in pairs], name="length")
    explainer = Explainer(Fusion([(lengths, 1)], normalise="min-max", over=["a", "abc"]))
    found = explainer.explain("a", "abcde")
    assert found.similarity == 2
    assert any("beyond" in said for said in found.warnings)
    assert not any("beyond" in said for said in explainer.explain("a", "ab").warnings)


def count_words(texts):
    return [[len(t.split()), t.count("e") + 1.0, t.count("o")] for t in texts]


def test_parts_of_any_kind_and_a_fusion_in_a_fusion(bm25, bert):
    hosted = BlackBox(count_words, name="hosted")
    pairwise = PairScorer(
        lambda pairs: [len(set(a) & set(b)) / 9 for a, b in pairs], name="letters"
    )
    ranked = Fusion([(bm25, 1), (hosted, 1)], normalise="ranks", over=TEXTS[:5])
    inner = Fusion([(bm25, 1), (pairwise, 0.5)])
    fusion = Fusion([(inner, 2), (hosted, 1), (bert.model, 0), (ranked, 3)])
    explainer = Explainer(fusion)
    found = explainer.explain(QUERY, PASSAGE)
    assert [part.method for part in found.parts] == ["parts", "occlusion", "whyalike", "occlusion"]
    assert found.similarity == pytest.approx(
        sum(w * s.score([(QUERY, PASSAGE)])[0] for s, w in ((inner, 2), (hosted, 1), (ranked, 3)))
    )
    assert found.parts[2].contribution == 0
    assert np.sum(found.matrix) + found.remainder == pytest.approx(found.similarity)
    assert any(said.startswith(f"{inner.name}: letters: ") for said in found.warnings)
    for method in ("occlusion", "shapley", "random"):
        each = explainer.with_method(method).explain("warm wool", "wool hat")
        assert each.similarity == pytest.approx(fusion.score([("warm wool", "wool hat")])[0])
        assert each.parts is None
    with pytest.raises(OptionError, match=r"'bti' needs .* gives parts that sum to the score only"):
        Explainer(fusion, method="bti")
    copied = pickle.loads(pickle.dumps(Fusion([(bm25, 1), (bm25, 2)])))
    assert Explainer(copied).explain(QUERY, PASSAGE).similarity > 0


def test_a_cross_encoder_is_a_part(bm25):
    model = tiny_reranker("bert").parts
    found = Explainer(Fusion([(bm25, 1), (model, 0.5)])).explain(QUERY, PASSAGE)
    alone = Explainer(model, method="whyalike").explain(QUERY, PASSAGE)
    assert found.parts[1].score == pytest.approx(alone.similarity, abs=1e-6)
    words = Explainer(bm25).explain(QUERY, PASSAGE)
    for one, lexical, joint in zip(
        found.left.words, words.left.words, alone.left.words, strict=True
    ):
        assert one.contribution == pytest.approx(
            lexical.contribution + 0.5 * joint.contribution, abs=1e-5
        )


def test_a_querys_work_is_done_once(bm25):
    asked = []

    def embed(texts):
        asked.extend(texts)
        return count_words(texts)

    hosted = BlackBox(embed, cache_size=0)
    fusion = Fusion([(bm25, 1), (hosted, 1)], normalise="min-max", over=TEXTS)
    fusion.score([("warm hat", text) for text in TEXTS])
    # Once for the pairs, once for the statistics: each text in each of them.
    assert asked.count("warm hat") == 2
    assert {asked.count(text) for text in TEXTS} <= {2 * TEXTS.count(text) for text in TEXTS} | {2}
    asked.clear()
    fusion.score([("warm hat", TEXTS[0])])
    assert sorted(asked) == sorted(["warm hat", TEXTS[0]])
    asked.clear()
    fusion.score([("wool", TEXTS[0])])
    assert asked.count("wool") == 2
    assert asked.count(TEXTS[0]) == 1
    assert len(asked) == 3


@pytest.mark.parametrize("normalise", ["min-max", "ranks"])
def test_statistics_of_many_queries_are_forgotten(bm25, normalise, monkeypatch):
    monkeypatch.setattr("whyalike.models.fusion.KEPT_SUMS", 3)
    monkeypatch.setattr("whyalike.models.fusion.KEPT_RANKS", 3)
    fusion = Fusion([(bm25, 1)], normalise=normalise, over=TEXTS)
    before = fusion.score([(query, TEXTS[0]) for query, _ in PAIRS[:6]])
    assert [key[0] for key in fusion._kept] == [query for query, _ in PAIRS[3:6]]
    np.testing.assert_allclose(fusion.score([(q, TEXTS[0]) for q, _ in PAIRS[:6]]), before)


def test_each_part_has_its_own_prompts(bm25, tmp_path):
    for part in tiny("bert").parts:
        part.save_pretrained(tmp_path)
    encoder = SentenceTransformer(str(tmp_path), device="cpu")
    encoder.prompts = {"query": "keep the ", "document": "wool "}
    alone = Explainer(encoder)
    assert alone.prompts == ("keep the ", "wool ")
    fusion = Fusion([(bm25, 1), (encoder, 1)])
    found = Explainer(fusion).explain(QUERY, PASSAGE)
    assert found.prompts == ("", "")
    assert found.parts[1].score == pytest.approx(alone.explain(QUERY, PASSAGE).similarity, abs=1e-6)
    given = Fusion([(bm25, 1), (encoder, 1)], prompts=[None, ("", "")])
    bare = Explainer(encoder, prompts=("", "")).explain(QUERY, PASSAGE)
    part = Explainer(given).explain(QUERY, PASSAGE).parts[1]
    assert part.score == pytest.approx(bare.similarity, abs=1e-6)
    assert part.score != pytest.approx(found.parts[1].score, abs=1e-4)
    with raises(OptionError, "parts of a fusion", "prompts"):
        Explainer(fusion, prompts=("query: ", ""))
    with raises(OptionError, "parts of a fusion"):
        Explainer(fusion, prompt_names=("query", "document"))
    assert Explainer(fusion).between_documents().explain(QUERY, PASSAGE) == found
    with raises(OptionError, "bm25", "prompts"):
        Fusion([(bm25, 1), (encoder, 1)], prompts=[("a", "b"), None])
    for prompts in ("ab", [None], None, 3):
        if prompts is not None:
            with raises(OptionError, "prompts of a fusion", "2 parts"):
                Fusion([(bm25, 1), (encoder, 1)], prompts=prompts)


def test_what_is_named_is_loaded_as_is_asked_for(bm25, tmp_path):
    for part in tiny("bert").parts:
        part.save_pretrained(tmp_path)
    encoder = SentenceTransformer(str(tmp_path), device="cpu")
    encoder.save_pretrained(str(tmp_path / "own"))
    named = str(tmp_path / "own")
    fusion = Fusion([(bm25, 1), (encoder, 1), (named, 1)], device="cpu")
    scores = [part.score for part in Explainer(fusion).explain(QUERY, PASSAGE).parts]
    assert scores[1] == pytest.approx(scores[2], abs=1e-6)
    with raises(OptionError, "nowhere"):
        Fusion([(bm25, 1), (named, 1)], device="nowhere")


def test_what_a_part_does_not_read(bm25, bert):
    long = " ".join(["warm wool"] * 200)
    found = Explainer(make(bm25, bert, "none")).explain("warm hat", long)
    assert len(found.right.words) == 400
    assert found.right.unread_words == 0
    unread = bert.explain("warm hat", long).right.unread_words
    assert unread > 0
    assert f"{bert.model.name}: It does not read the last {unread} words of the right text." in (
        found.warnings
    )
    assert np.sum(found.matrix) + found.remainder == pytest.approx(found.similarity)
    with raises(TextError, bert.model.name):
        Explainer(make(bm25, bert, "none"), options=BTIOptions(long_text="error")).explain(
            "a", long
        )
    windows = BTIOptions(long_text="windows")
    whole = Explainer(make(bm25, bert, "none"), options=windows).explain("warm hat", long)
    assert whole.parts[1].score == pytest.approx(
        Explainer(bert.model, options=windows).explain("warm hat", long).similarity, abs=1e-6
    )


def test_it_is_shown_everywhere(bm25, bert):
    explainer = Explainer(make(bm25, bert, "min-max"))
    found = explainer.explain(QUERY, PASSAGE)
    assert found.model == f"1 × bm25 + 2.5 × {bert.model.name}, min-max over 24 texts"
    for drawn in (str(found), found.to_html(), found.to_markdown()):
        for said in ("ormalised", "constant", "2.5", "whyalike"):
            assert said in drawn or said.capitalize() in drawn
        assert "constants of normalising" in drawn
    ranks = Explainer(make(bm25, bert, "ranks")).explain(QUERY, PASSAGE)
    assert "1 / (k + rank)" in str(ranks)
    assert "1 / (k + rank)" in ranks.to_html()
    assert "parts" not in bert.explain(QUERY, PASSAGE).to_dict()
    comparison = explainer.compare(QUERY, PASSAGE, TEXTS[1])
    assert comparison.better.method == "parts"
    assert comparison.margin == pytest.approx(
        np.subtract(*explainer.model.score([(QUERY, PASSAGE), (QUERY, TEXTS[1])])), abs=1e-6
    )


@pytest.mark.parametrize("empty", ["", " \n"])
@pytest.mark.parametrize("normalise", [*SUMS, "ranks"])
def test_empty_texts(bm25, bert, empty, normalise):
    explainer = Explainer(make(bm25, bert, normalise))
    for pair in ((empty, PASSAGE), (QUERY, empty), (empty, empty)):
        found = explainer.explain(*pair)
        assert found.matches == ()
        assert np.isfinite(found.similarity)
        assert any("no words" in said for said in found.warnings)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], ["weight above 0"]),
        ("bm25", ["str"]),
        ({"bm25": 1}, ["dict"]),
        (3, ["int"]),
        (["bm25"], ["Part 0", "str"]),
        ([("a", 1, 2)], ["Part 0"]),
        ([("a", "1")], ["weight of part 0", "'1'"]),
        ([("a", True)], ["weight of part 0"]),
        ([("a", -1)], ["weight of part 0", "-1"]),
        ([("a", 10**400)], ["weight of part 0"]),
        ([("a", 1), ("b", float("nan"))], ["weight of part 1", "nan"]),
        ([("a", float("inf"))], ["inf"]),
        ([("a", 0), ("b", 0.0)], ["weight above 0"]),
    ],
)
def test_bad_parts(parts, words):
    """Said before anything is loaded."""
    with raises(OptionError, *words):
        Fusion(parts)


def test_bad_settings(bm25):
    with raises(OptionError, "normalise", "'best'"):
        Fusion([(bm25, 1)], normalise="best")
    with raises(OptionError, "rank_constant"):
        Fusion([(bm25, 1)], normalise="ranks", over=["a"], rank_constant=0)
    for normalise in ("min-max", "z-score", "ranks"):
        with raises(OptionError, normalise, "over="):
            Fusion([(bm25, 1)], normalise=normalise)
        with raises(TextError, "over= has no text"):
            Fusion([(bm25, 1)], normalise=normalise, over=[])
    with raises(OptionError, "over= has no use"):
        Fusion([(bm25, 1)], over=TEXTS)
    for over in ("one text", [1], [None]):
        with pytest.raises(TextError):
            Fusion([(bm25, 1)], normalise="min-max", over=over)
    with raises(ModelError, "object"):
        Fusion([(object(), 1)])
    with pytest.raises(ModelError):
        Fusion([("no-such-folder/anywhere", 1)])
    with raises(ModelError, "broken", "NaN"):
        broken = PairScorer(lambda pairs: [float("nan")] * len(pairs), name="broken")
        Explainer(Fusion([(bm25, 1), (broken, 1)])).explain(QUERY, PASSAGE)
    with raises(OptionError, "pooling"):
        Explainer(Fusion([(bm25, 1)]), pooling="paper")
