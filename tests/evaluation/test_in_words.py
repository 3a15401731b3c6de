"""What a leaderboard says in sentences: which methods can be trusted, and which are no better than chance."""

from itertools import pairwise

import numpy as np
import pytest

from whyalike.evaluation.in_words import AXES, NAMES, answer, name_of
from whyalike.evaluation.leaderboard import Entry, Leaderboard, page_of
from whyalike.evaluation.measures import FAITHFULNESS
from whyalike.evaluation.suite_choice import METRICS, RANDOMIZATION
from whyalike.statistics import mean_interval

PAIRS = 40
NOISE = np.random.default_rng(3).normal(size=PAIRS) * 0.01


def entry(method, metric, level, *, wobble=1.0, pairs=PAIRS):
    values = [level + wobble * noise for noise in NOISE[:pairs]]
    return Entry(
        dataset="d",
        method=method,
        metric=metric,
        figure=mean_interval(values),
        values=tuple(values),
    )


def board(*entries, pairs=PAIRS):
    return Leaderboard(entries=entries, model="m", pooling="mean", version="0", items={"d": pairs})


def test_every_metric_has_a_name_and_every_curve_its_axes():
    assert set(NAMES) == set(METRICS)
    assert len(set(NAMES.values())) == len(NAMES)
    assert set(FAITHFULNESS) <= set(AXES)
    assert not any("_" in name_of(metric) for metric in METRICS)
    assert set(RANDOMIZATION) <= set(NAMES)


def test_the_best_by_most_metrics_is_named_and_what_is_no_better_than_chance():
    found = answer(
        board(
            entry("good", "aopc_deletion", 0.5),
            entry("fair", "aopc_deletion", 0.3, wobble=-1),
            entry("poor", "aopc_deletion", 0.1, wobble=0.5),
            entry("random", "aopc_deletion", 0.1, wobble=0.5),
            # Here less is better.
            entry("good", "sufficiency", 0.1),
            entry("fair", "sufficiency", 0.3, wobble=-1),
            entry("poor", "sufficiency", 0.7, wobble=-1),
            entry("random", "sufficiency", 0.5, wobble=2),
        ),
        "d",
    )
    assert found == (
        "good can be trusted most: it is the best, or not found worse than the best, by 2 of 2 "
        "metrics. Not found better than chance by any: poor."
    )


def test_what_is_better_by_some_metrics_only():
    found = answer(
        board(
            entry("a", "aopc_deletion", 0.5),
            entry("b", "aopc_deletion", 0.4, wobble=-1),
            entry("random", "aopc_deletion", 0.1, wobble=2),
            entry("a", "pair_deletion", 0.1, wobble=0.5),
            entry("b", "pair_deletion", 0.4, wobble=-1),
            entry("random", "pair_deletion", 0.1, wobble=0.5),
        ),
        "d",
    )
    assert found == (
        "No method leads by most metrics; a and b are among the best by 1 of 2 metrics. Better "
        "than chance by some metrics only: a (1 of 2)."
    )


def test_where_chance_is_among_the_best_nothing_is_told_apart():
    same = [entry(name, "aopc_deletion", 0.2, wobble=w) for name, w in (("a", 1), ("random", 1))]
    assert answer(board(*same), "d") == (
        "Nothing is told apart: explanations by chance are among the best by 1 of 1 metric, as are "
        "a. Not found better than chance by any: a."
    )


def test_without_chance_and_with_few_pairs():
    two = entry("a", "aopc_deletion", 0.5), entry("b", "aopc_deletion", 0.1, wobble=-1)
    assert "Chance is not measured" in answer(board(*two), "d")
    few = [
        entry("a", "aopc_deletion", 0.5, pairs=3),
        entry("random", "aopc_deletion", 0.1, pairs=3),
    ]
    assert answer(board(*few, pairs=3), "d").startswith("These 3 pairs are too few to say")


def test_explanations_of_the_texts_alone_are_said():
    entries = [
        entry("a", "aopc_deletion", 0.5),
        entry("random", "aopc_deletion", 0.1, wobble=-1),
        entry("a", "spearman_random", 0.9),
        entry("random", "spearman_random", 1.0),
    ]
    assert answer(board(*entries), "d").endswith(
        "With all weights random, a explains much the same: such explanations are of the texts, "
        "and not of the model."
    )
    assert "weights random" not in answer(
        board(*entries[:2], entry("a", "spearman_random", 0.1)), "d"
    )


def test_the_page_has_the_answer_the_names_and_the_labels():
    curved = [
        Entry(
            dataset="d",
            method=name,
            metric="deletion_area",
            figure=mean_interval([level] * 3 + [level + 0.01]),
            values=(level, level, level, level + 0.01),
            curve=((0.0, 0.5, 1.0), (0.9, level, level)),
        )
        for name, level in (("a", 0.1), ("b", 0.11), ("random", 0.5))
    ]
    made = board(*curved, pairs=4)
    page = made.to_html()
    assert answer(made, "d") in page
    assert "Score as words are deleted</b> <code>deletion_area</code>" in page
    assert ">part of the words deleted →</text>" in page
    assert ">↑ similarity</text>" in page
    (section,) = page_of(made).sections
    (table,) = section.tables
    assert (table.title, table.axes) == (NAMES["deletion_area"], AXES["deletion_area"])
    # Each line has its name, and no two lie on each other.
    from whyalike.render.leaderboard import LABEL, plot_table

    places = sorted(line.name_at for line in plot_table(table).curves.lines)
    assert len(places) == 3
    assert all(second - first >= LABEL - 0.11 for first, second in pairwise(places))


@pytest.mark.parametrize("metric", ["aopc_deletion", "pair_deletion", "pair_checked"])
def test_words_are_struck_in_the_order_in_which_a_metric_deletes_them(metric):
    pytest.importorskip("fastapi")
    from whyalike import Explainer
    from whyalike.evaluation.faithfulness import Ranking, questions
    from whyalike.web.explorer.deleted import view_deleted

    def embed(texts):
        letters = "abcdefghijklmnopqrstuvwxyz"
        return np.array([[0.3, *(text.lower().count(c) for c in letters)] for text in texts])

    found = Explainer(embed=embed).explain(
        "warm knit gloves, for cold winter days", "knit gloves. Warm and soft wool for winter"
    )
    curve = {"aopc_deletion": "without_words", "pair_deletion": "without_pairs", "pair_checked": ""}
    view = view_deleted(found, metric)
    for side, runs in zip((found.left, found.right), view.sides, strict=True):
        assert "".join(text for text, _ in runs) == side.text
    if not curve[metric]:
        shown = {
            (found.left.words[p.left].text, found.right.words[p.right].text)
            for p in found.pairs[:5]
        }
        struck = [{text for text, place in runs if place} for runs in view.sides]
        assert struck == [{left for left, _ in shown}, {right for _, right in shown}]
        return
    ranking = Ranking.of(found, marks=False, seed=0)
    asked = questions(curve[metric], "both", ranking, range(1, 6)).subsets
    for side, kept, runs in zip(
        (found.left, found.right), (asked.left, asked.right), view.sides, strict=True
    ):
        for count in range(1, 6):
            gone = {
                word.text
                for word, stays in zip(side.words, kept[count - 1], strict=True)
                if not stays
            }
            assert {text for text, place in runs if 0 < place <= count} == gone
