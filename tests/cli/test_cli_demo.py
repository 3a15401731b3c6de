"""``whyalike demo``: from nothing to a page, without a network."""

import pytest

from whyalike.cli.demo import PAIRS


@pytest.mark.weights
def test_the_demo_prints_every_pair_and_writes_the_page(process, tmp_path):
    page = tmp_path / "demo.html"
    done = process("demo", "--html", page, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    for heading, *_ in PAIRS:
        assert f"── {heading}\n" in done.stdout
    assert done.stdout.count("cosine similarity ") == len(PAIRS)
    assert done.stdout.endswith(f"{page}\n")
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80
    assert [path.name for path in tmp_path.iterdir()] == ["demo.html"]
    content = page.read_text(encoding="utf-8")
    for _, left, _right in PAIRS:
        assert left.split()[0] in content


@pytest.mark.weights
def test_the_demo_says_where_it_could_not_write(run, tmp_path):
    result = run("demo", "--html", tmp_path / "missing" / "demo.html")
    assert result.exit_code == 1
    assert "No such file or directory. Nothing was written" in result.stderr
