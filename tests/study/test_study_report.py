"""The report as a whole: with and without judges set aside, its gaps, its banner, and the command."""

import json
import math

import numpy as np
import pytest
from rating_tables import draw_ratings, make_rows, make_table, row
from small_studies import written_study
from typer.testing import CliRunner

from raising import raises
from whyalike.cli.study import study as command
from whyalike.errors import OptionError
from whyalike.study import Truth, open_storage, read_study, simulate_ratings
from whyalike.study.exclusion import ExclusionRules
from whyalike.study.ratings import table_of
from whyalike.study.report import ReportSettings, make_report
from whyalike.study.report_page import page_of
from whyalike.study.scores import MethodScore

QUICK = ReportSettings(resamples=50)
MEANS = (4.2, 3.0, 3.1)
# With fewer than 14 samples and ties SciPy's signed-rank test permutes signs, a second for each.


def make_careless(values, judge):
    """Ratings at random, and every check failed."""
    values[judge] = np.random.default_rng(1).integers(1, 6, values[judge].shape)
    return [row(judge, 9000 + n, 5, kind="check", low=1, high=2) for n in range(4)]


def test_a_careless_judge_is_set_aside_and_still_reported():
    values = draw_ratings(6, 30, means=MEANS, seed=2)
    extra = make_careless(values, 5)
    report = make_report(make_table(values, extra=extra), settings=QUICK)
    assert [record.judge for record in report.judges if record.excluded] == [5]
    assert (report.kept.judges, report.everyone.judges) == (5, 6)
    for figures, block in ((report.kept, values[:5]), (report.everyone, values)):
        assert figures.ratings == block.size
        found = {score.method: score.mos for score in figures.scores}
        assert found == pytest.approx(
            dict(zip(("bti", "vg", "ig"), block.mean((0, 1)), strict=True))
        )
    assert report.kept.alpha.value > report.everyone.alpha.value
    assert report.kept.icc.judges == 5
    assert report.best == ("bti",)
    names = [table.name for table in page_of(report).tables]
    assert "With the judges that were set aside" in names
    off = ExclusionRules(failed_checks=None, repeat_difference=None)
    settings = ReportSettings(rules=off, resamples=50)
    all_kept = make_report(make_table(values, extra=extra), settings=settings)
    assert all_kept.kept == all_kept.everyone
    assert all_kept.kept.scores == report.everyone.scores


def test_what_is_not_found_different_shares_the_best_place():
    values = draw_ratings(6, 40, means=(4.0, 4.0, 2.5), seed=5)
    report = make_report(make_table(values), settings=QUICK)
    assert set(report.best) == {"bti", "vg"}
    strong = [row.cells[0] for row in page_of(report).table_1.rows if row.strong]
    assert set(strong) == {"bti", "vg"}


def test_with_a_reference_nothing_untested_shares_the_best_place():
    """The worst method, tested alone against the best by few samples, is not the best too."""
    values = draw_ratings(3, 14, means=(2.8, 3.6, 3.5), seed=5, judge_sd=1.0, both_sd=1.0)
    settings = ReportSettings(resamples=50, reference="bti")
    report = make_report(make_table(values), settings=settings)
    page = page_of(report)
    strong = [row.cells[0] for row in page.table_1.rows if row.strong]
    assert strong == [max(report.kept.scores, key=lambda score: score.mos).method]
    assert strong != ["bti"]
    assert "was not tested" in page.table_1.caption
    assert any(test.p_crossed_holm >= 0.05 for test in report.differences)
    of_best = make_report(
        make_table(draw_ratings(6, 40, means=(4.0, 4.0, 2.5), seed=5)),
        settings=ReportSettings(resamples=50, reference="vg"),
    )
    assert of_best.best == ("vg", "bti"), "all were tested against it"


def test_every_judge_set_aside_is_an_error_that_says_why():
    values = draw_ratings(1, 10)
    extra = make_careless(values, 0)
    with raises(OptionError, "judge 0", "4 of 4", "--no-exclusions"):
        make_report(make_table(values, extra=extra))


def test_one_judge_has_scores_and_the_notes_say_what_is_missing():
    report = make_report(make_table(draw_ratings(1, 14, means=MEANS)), settings=QUICK)
    assert (report.kept.alpha, report.kept.icc, report.power) == (None, None, None)
    said = " ".join((*report.kept.notes, *report.notes))
    for part in ("No alpha", "No ICC", "No plan", "No interval for other judges"):
        assert part in said
    assert all(score.crossed is None for score in report.kept.scores)
    assert json.dumps(report.to_dict(), allow_nan=False)
    assert page_of(report).table_1.rows[0].cells[2] == "–"


def test_one_method_has_no_differences():
    report = make_report(make_table(draw_ratings(4, 9, means=(3.5,))), settings=QUICK)
    assert report.differences == ()
    assert report.best == ("bti",)
    assert "Differences" not in [table.name for table in page_of(report).tables]


def test_an_unfinished_study():
    values = draw_ratings(4, 16, means=MEANS, seed=8)
    values[3, 5:] = np.nan
    values[:, :, 2] = np.nan
    report = make_report(make_table(values), methods=("bti", "vg", "ig"), settings=QUICK)
    assert [score.method for score in report.kept.scores] == ["bti", "vg"]
    assert report.notes == ("No ratings of ig.",)
    assert report.kept.icc.left_out == 22
    assert report.kept.alpha.units == 32


def test_simulated_judges_are_named_everywhere():
    values = draw_ratings(3, 14, means=MEANS)
    rows = make_rows(values)
    assert page_of(make_report(table_of(rows), settings=QUICK)).banner == ""
    one = [r | {"simulated": r["rater"] == 2} for r in rows]
    report = make_report(table_of(one), settings=QUICK)
    assert page_of(report).banner.startswith("SIMULATED RATINGS: 1 of 3")
    assert report.to_dict()["simulated"] == "SIMULATED RATINGS"
    # Even a simulated judge who was set aside must be told of: the table with all judges has it.
    every = [r | {"simulated": True} for r in rows]
    assert "all judges" in page_of(make_report(table_of(every), settings=QUICK)).banner


def test_the_same_ratings_give_the_same_report():
    table = make_table(draw_ratings(4, 14, means=MEANS))
    first, second = (make_report(table, settings=QUICK).to_dict() for _ in range(2))
    assert first == second


def test_json_has_every_figure():
    report = make_report(make_table(draw_ratings(4, 14, means=MEANS)), settings=QUICK)
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["format"] == "whyalike/study-report"
    assert set(found["table_1"]["scores"][0]) == set(MethodScore.__slots__)
    assert found["judge_means"]["methods"] == ["bti", "ig", "vg"]
    assert len(found["differences"]) == 3
    assert found["power"]["needs"][0]["judges"] == 3


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("sqlalchemy", reason="needs the extra study")
    study = written_study(tmp_path / "study", samples=14)
    storage = open_storage(study)
    truth = Truth(means={"bti": 4.0, "whyalike": 3.5, "random": 2.0}, careless=1)
    simulate_ratings(study, storage, truth, raters=5, seed=1)
    storage.close()
    return study.folder


def run(*arguments):
    return CliRunner().invoke(command, ["report", *map(str, arguments)])


def test_the_command_prints_and_writes(folder, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    files = {kind: tmp_path / f"table.{kind}" for kind in ("markdown", "latex", "png", "html")}
    options = [part for kind, path in files.items() for part in (f"--{kind}", path)]
    result = run(folder, "--resamples", "50", *options)
    assert result.exit_code == 0, result.output
    assert "SIMULATED RATINGS" in result.stdout
    assert "Table 1" in result.stdout
    assert "took 0." in result.stdout.replace("\n", " ")
    assert max(map(len, result.stdout.splitlines())) <= 80
    for kind in ("markdown", "latex", "html"):
        assert "SIMULATED RATINGS" in files[kind].read_text(encoding="utf-8")
    assert files["png"].read_bytes().startswith(b"\x89PNG")


def test_the_command_prints_json(folder):
    result = run(folder, "--json", "--resamples", "50", "--reference", "bti", "--no-exclusions")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["simulated_judges"] == 5
    assert [(t["first"], t["second"]) for t in found["differences"]] == [
        ("bti", "whyalike"),
        ("bti", "random"),
    ]
    assert found["table_1"]["judges"] == 5
    study = read_study(folder)
    assert found["study"] == {
        "model": "none",
        "samples": 14,
        "methods": list(study.methods),
        "question": study.question,
        "scale": list(study.scale),
        "seed": study.seed,
        "digest": study.digest,
    }
    shown = run(folder, "--resamples", "50").stdout
    assert study.digest[:12] in shown


def test_the_command_says_what_is_wrong(folder, tmp_path):
    assert run(tmp_path / "nothing").exit_code == 2
    assert run(folder, "--reference", "no such").exit_code == 2
    assert run(folder, "--failed-checks", "7").exit_code == 2
    empty = written_study(tmp_path / "empty")
    result = run(empty.folder)
    assert result.exit_code == 2
    assert "no study's database" in result.stderr


def test_known_means_are_found(folder):
    """The truth of the simulation: 4, 3.5 and 2 before rounding and cutting to 1 to 5."""
    result = run(folder, "--json", "--resamples", "50")
    scores = {s["method"]: s for s in json.loads(result.stdout)["table_1"]["scores"]}
    for method, true in (("bti", 4.0), ("whyalike", 3.5), ("random", 2.0)):
        crossed = scores[method]["crossed"]
        assert crossed["low"] - 0.2 < true < crossed["high"] + 0.2
        assert math.isfinite(crossed["low"])
