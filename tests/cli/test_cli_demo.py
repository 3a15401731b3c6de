"""``whyalike demo``: from nothing to a page, without a network."""

import math
import re

import pytest

from whyalike.catalogue import Catalogue
from whyalike.cli.demo import PAIRS, WINE, _find_similar_wine


@pytest.mark.weights
def test_the_demo_prints_every_pair_and_writes_the_page(begin, tmp_path):
    page = tmp_path / "demo.html"
    words = ["demo", "--html", str(page)]
    [(code, out, said)] = begin([{"words": words, "cwd": str(tmp_path)}])
    assert (code, said) == (0, "")
    assert "\x1b" not in out
    for heading, *_ in PAIRS:
        assert f"── {heading}\n" in out
    assert out.count("cosine similarity ") == len(PAIRS) + 1
    assert out.count("\nBy the paper's method, bti: ") == len(PAIRS) + 1
    assert "── A wine, and the one of 59 others that is most like it\n" in out
    assert out.endswith(f"{page}\n")
    assert max(map(len, out.splitlines()[:-1])) <= 80
    assert [path.name for path in tmp_path.iterdir()] == ["demo.html"]
    content = page.read_text(encoding="utf-8")
    for _, left, _right in PAIRS:
        assert left.split()[0] in content


@pytest.mark.weights
def test_the_demo_finds_the_most_similar_of_our_wines(minilm):
    wines = Catalogue.example("wine")
    _, left, right = _find_similar_wine(minilm)
    assert left == wines[WINE].description
    scores = {}
    one = minilm.model.embed([left])[0]
    for wine in wines:
        other = minilm.model.embed([wine.description])[0]
        dot = sum(a * b for a, b in zip(one, other, strict=True))
        scores[wine.description] = dot / math.hypot(*one) / math.hypot(*other)
    assert scores.pop(left) == pytest.approx(1.0)
    assert right == max(scores, key=scores.get)


@pytest.mark.weights
def test_the_demo_says_where_it_could_not_write(run, tmp_path):
    result = run("demo", "--html", tmp_path / "missing" / "demo.html")
    assert result.exit_code == 2
    said = re.sub(r"[\s│]", "", result.stderr)
    assert "missing/demo.html" in said
    assert "isnotthere" in said
