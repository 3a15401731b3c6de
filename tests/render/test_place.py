"""Where a score stands on a scale: on the steps of the verdict, between its ends, in a background."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from test_verdict import made

from whyalike.explanation import BackgroundScore
from whyalike.render import render_html
from whyalike.render.html import TEMPLATES
from whyalike.render.parts import PAIR_LINES
from whyalike.render.place import LOWEST, NAMES, view_place
from whyalike.render.terminal import _PAIR_COLOURS
from whyalike.render.verdict import STEPS, say_verdict


@pytest.mark.parametrize("score", [-0.9, -0.2, 0.0, 0.15, 0.399, 0.4, 0.69, 0.7, 0.95, 1.0])
def test_a_cosine_is_in_the_zone_whose_words_the_verdict_has(score):
    explanation = made(similarity=score)
    place = view_place(explanation)
    here = [zone for zone in place.zones if zone.is_here]
    assert [zone.name for zone in here] == [
        NAMES[next(n for n, (least, _) in enumerate(STEPS) if score >= least)]
    ]
    assert here[0].start <= place.at <= here[0].end
    words = {"same": "Nearly the same", "unrelated": "almost nothing", "opposed": "opposed"}
    assert words.get(here[0].name, here[0].name.capitalize()) in say_verdict(explanation)
    # The slow way: the place is linear between both ends of the scale.
    assert place.at == pytest.approx(100 * (max(score, LOWEST) - LOWEST) / (1 - LOWEST), abs=0.01)


def test_the_zones_cover_the_scale_without_a_gap():
    zones = view_place(made()).zones
    assert zones[0].start == 0
    assert zones[-1].end == 100
    assert all(one.end == other.start for one, other in pairwise(zones))
    assert sum(zone.width for zone in zones) == pytest.approx(100, abs=0.1)


def test_with_a_background_it_is_the_percentile_that_has_a_place():
    known = BackgroundScore(texts=500, percentile=99.2, nearest_percentile=38.0)
    place = view_place(replace(made(), background=known))
    assert (place.at, place.nearest) == (99.2, 38.0)
    assert [zone.name for zone in place.zones if zone.is_here] == ["top 5 %"]
    assert "99.2 % of random pairs of 500 texts" in place.said
    assert "38 %" in place.caption


@pytest.mark.parametrize(
    ("function", "score", "at"),
    [("hamming", 0.25, 25.0), ("dot", 12.0, None), ("euclidean", -3.0, None), ("score", 2.0, None)],
)
def test_other_scores_have_the_ends_of_their_kind_or_no_scale(function, score, at):
    place = view_place(made(similarity_function=function, similarity=score))
    assert (None if place is None else place.at) == at


def test_a_mean_of_word_tokens_has_no_words_for_its_cosine():
    place = view_place(made(pooling="paper", similarity=0.5))
    assert (place.at, [zone.name for zone in place.zones]) == (75.0, [""])


def test_the_verdict_is_the_heading_and_the_scale_says_the_same_in_words():
    page = render_html([made()])
    heading = re.search(r'<h2 class="wa-verdict" id="(.+?)">', page)[1]
    assert f'data-links aria-labelledby="{heading}"' in page
    assert 'role="img" aria-label="0.496 on the scale of a cosine, up to 1: fairly alike"' in page


def test_the_colours_of_pairs_are_those_of_the_terminal_and_of_the_picture():
    sheet = (TEMPLATES / "links.css").read_text()
    rows = re.findall(
        r"\.wa-p(\d) \{ --wa-pair: light-dark\((.+?), (.+?)\); --wa-badge: (.+?); \}", sheet
    )
    assert [int(number) for number, *_ in rows] == list(range(1, 7))
    assert tuple(light for _, light, _, _ in rows) == PAIR_LINES
    assert tuple(dark for _, _, dark, _ in rows) == _PAIR_COLOURS
    assert tuple(badge for *_, badge in rows) == _PAIR_COLOURS


@pytest.mark.parametrize("line", PAIR_LINES)
def test_a_line_stands_out_from_paper(line):
    def luminance(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    assert 1.05 / (luminance(line) + 0.05) >= 3
