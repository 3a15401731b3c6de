"""``whyalike evaluate``."""

import json

import pytest

from raising import assert_says
from whyalike.errors import OptionError

TEXTS = """description
"Keep hands warm with knit gloves, touchscreen-compatible fingertips and ribbed cuffs all day long now."
"These smartphone-friendly gloves are cut from stretch wool; warm, soft and ribbed at the cuffs, too."
"Pale straw in the glass, this white opens with lemon zest and white flowers on the long palate."
"A white wine with lemon and flowers, pale straw in the glass and long on the fresh palate here."
"""
GOLD = "1\twarm gloves\tx\tgloves warm\tx\t1\t1\t0-1 1-0\t\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "shop.csv").write_text(TEXTS, encoding="utf-8")
    (tmp_path / "gold.tsv").write_text(GOLD, encoding="utf-8")
    return tmp_path


def test_reports_and_table(run, model, files):
    arguments = (
        "evaluate",
        "--model",
        model,
        "--texts",
        files / "shop.csv",
        "--multimwa",
        files / "gold.tsv",
    )
    arguments += ("--pairs", "2", "--methods", "random,whyalike", "-o", files / "out")
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert "gold, 1 pairs" in result.stdout
    assert "whyalike" in result.stdout
    content = json.loads((files / "out" / "leaderboard.json").read_text(encoding="utf-8"))
    assert {e["method"] for e in content["entries"]} == {"random", "whyalike"}
    page = (files / "out" / "leaderboard.md").read_text(encoding="utf-8")
    assert "## gold, 1 pairs" in page
    assert "Made by: `whyalike" in page
    kept = sorted(path.name for path in (files / "out" / "results").iterdir())
    assert "alignment.gold.whyalike.json" in kept
    again = run(*arguments, "--json")
    assert json.loads(again.stdout) == content


def test_alignments_across_languages(run, model, files):
    (files / "en-it.tsv").write_text("warm gloves\tguanti caldi\t0-1 1-0\n", encoding="utf-8")
    asked = ("evaluate", "--model", model, "--xlwa", files / "en-it.tsv", "--methods", "random")
    result = run(*asked, "--json")
    assert result.exit_code == 0, result.output
    (entry,) = [e for e in json.loads(result.stdout)["entries"] if e["metric"] == "alignment_f"]
    assert entry["dataset"] == "en-it"
    (files / "en-it.tsv").write_text("warm gloves\tguanti caldi\n", encoding="utf-8")
    refused = run(*asked)
    assert refused.exit_code != 0
    assert "line 1: 2 columns; XL-WA has 3" in refused.stderr


def test_the_texts_are_kept_beside_the_leaderboard_or_left_out(run, model, files):
    from whyalike.evaluation import read_pair_texts

    out = files / "out"
    arguments = ("evaluate", "--model", model, "--texts", files / "shop.csv")
    arguments += ("--multimwa", files / "gold.tsv", "--pairs", "2", "--methods", "random")
    arguments += ("--metrics", "sufficiency", "-o", out)
    assert run(*arguments).exit_code == 0
    assert read_pair_texts(out, "gold") == (("warm gloves", "gloves warm"),)
    pairs = read_pair_texts(out, "shop")
    assert len(pairs) == 2
    assert all(f'"{text}"' in TEXTS for pair in pairs for text in pair)
    assert pairs[0][0][:20] not in (out / "leaderboard.json").read_text(encoding="utf-8")
    # Who does not want them any more has none left of the run before.
    result = run(*arguments, "--no-texts")
    assert result.exit_code == 0
    assert read_pair_texts(out, "shop") is read_pair_texts(out, "gold") is None
    assert not list(out.glob("pairs.*"))
    assert run("evaluate", "--help").stdout.count("--no-texts") >= 1


@pytest.mark.parametrize("methods", [("random",), ("random", "gradient_x_activation")])
def test_every_column_is_whole_at_80_characters(capsys, methods):
    from whyalike.cli.evaluate import show
    from whyalike.evaluation.leaderboard import Entry, Leaderboard
    from whyalike.evaluation.measures import FAITHFULNESS
    from whyalike.evaluation.suite_choice import RANDOMIZATION
    from whyalike.statistics import mean_interval

    metrics = (*FAITHFULNESS, *RANDOMIZATION)
    entries = [
        Entry(
            dataset="shop",
            method=method,
            metric=metric,
            figure=mean_interval([-0.1, -0.2, -0.01 * number]),
            values=(-0.1, -0.2, -0.01 * number),
        )
        for number, metric in enumerate(metrics, start=1)
        for method in methods
    ]
    board = Leaderboard(
        entries=tuple(entries), model="m", pooling="model", version="0", items={"shop": 3}
    )
    show(board)
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert "…" not in said
    for word in ("deletion", "sufficiency", "interaction", "random", "kept", "plain"):
        assert f" {word}" in said
    rows = [line.split() for line in said.splitlines() if line.startswith(methods[-1])]
    assert [float(cell.rstrip("*")) for row in rows for cell in row[1:]] == [
        round(entry.figure.mean, 3) for entry in entries if entry.method == methods[-1]
    ]


def test_a_long_part_says_how_far_it_is_and_not_too_often(capsys, monkeypatch):
    from whyalike.cli import evaluate as evaluation_files

    clock = [0.0]
    monkeypatch.setattr(evaluation_files.time, "monotonic", lambda: clock[0])
    with evaluation_files.open_progress() as tell:
        for seconds, what, done in (
            (0, "shop: bti", 0),
            (1, "shop: bti, 0 of 8 pairs explained", 0),
            (29, "shop: bti, 4 of 8 pairs explained", 0),
            (2, "shop: bti, 6 of 8 pairs explained", 0),
            (1, "shop: idf", 1),
            (29, "shop: idf, 0 of 8 pairs explained", 1),
            (0, "done", 2),
        ):
            clock[0] += seconds
            tell(what, done, 2)
    assert capsys.readouterr().err.splitlines() == [
        "0/2 shop: bti",
        "0/2 shop: bti, 4 of 8 pairs explained",
        "1/2 shop: idf",
        "2/2 done",
    ]


def test_wrong_use_is_told(run, model, files):
    nothing = run("evaluate", "--model", model)
    assert nothing.exit_code == 2
    assert_says(" ".join(nothing.stderr.split()), "data")
    unknown = run("evaluate", "--model", model, "--texts", files / "shop.csv", "--methods", "btj")
    assert unknown.exit_code == 2
    missing = run("evaluate", "--model", model, "--texts", files / "nothing.csv")
    assert missing.exit_code == 2
    assert "nothing.csv" in missing.stderr
    assert run("evaluate", "--model", model, "--seed", "-1").exit_code == 2


def test_methods_are_chosen_once_and_before_the_model_is_loaded(run, files):
    texts = ("--texts", files / "shop.csv", "--model", "never/there")
    for wrong, says in (
        (("--suite", "full", "--methods", "bti"), "--suite | --methods | not both"),
        (("--methods", "btj"), "method | 'btj'"),
        (("--metrics", "truth"), "'truth'"),
        (("--parts", "truth"), "'truth'"),
    ):
        refused = run("evaluate", *texts, *wrong)
        assert refused.exit_code == 2
        assert_says(" ".join(refused.stderr.split()), *says.split(" | "))


def test_own_pairs_a_side_and_a_replacement(run, model, files):
    rows = "ask,text\nwarm gloves,gloves that are warm\nred wine,a wine with lemon\n"
    (files / "mine.csv").write_text(rows, encoding="utf-8")
    asked = ("evaluate", "--model", model, "--own", files / "mine.csv", "--methods", "occlusion")
    asked += ("--metrics", "aopc_deletion", "--json", "-o", files / "out")
    refused = run(*asked)
    assert "it has 'ask', 'text': name two (--columns)" in " ".join(refused.stderr.split())
    found = {}
    for said in ((), ("--side", "left"), ("--replacement", "catalogue")):
        result = run(*asked, "--columns", "ask,text", *said)
        assert result.exit_code == 0, result.output
        content = json.loads(result.stdout)
        assert content["items"] == {"mine": 2}
        found[said] = content["entries"][0]["values"]
    assert len(set(map(tuple, found.values()))) == 3
    page = (files / "out" / "leaderboard.md").read_text(encoding="utf-8")
    assert "In the place of a word: words of the catalogue." in page


def test_texts_of_other_datasets_do_not_stay(run, model, files):
    out = files / "out"
    asked = ("evaluate", "--model", model, "--methods", "random", "-o", out)
    chosen = ("--metrics", "sufficiency", "--pairs", "1")
    run(*asked, *chosen, "--texts", files / "shop.csv")
    assert [path.name for path in out.glob("pairs.*")] == ["pairs.shop.json"]
    run(*asked, "--multimwa", files / "gold.tsv", "--no-texts")
    assert not list(out.glob("pairs.*"))


def test_fewer_pairs_than_asked_for_are_said(run, model, files):
    asked = ("evaluate", "--model", model, "--texts", files / "shop.csv", "--methods", "random")
    few = run(*asked, "--pairs", "40", "--metrics", "sufficiency")
    assert few.exit_code == 0
    assert_says(" ".join(few.stderr.split()), "shop", "2 pairs", "40", "asked for")
    assert "asked for" not in run(*asked, "--pairs", "2", "--metrics", "sufficiency").stderr


def test_what_a_table_has_no_room_for_is_said_below(capsys):
    from whyalike.cli.evaluate import show
    from whyalike.evaluation.leaderboard import Entry, Leaderboard
    from whyalike.statistics import mean_interval

    entries = tuple(
        Entry(
            dataset="shop[/red]",
            method="flat",
            metric=metric,
            figure=mean_interval([0.1, 0.2]),
            values=(0.1, 0.2, None),
            constant=3,
        )
        for metric in ("aopc_deletion", "sufficiency")
    )
    show(Leaderboard(entries=entries, model="m", pooling="p", version="0", items={"shop[/red]": 3}))
    said = " ".join(capsys.readouterr().out.split())
    assert "shop[/red], 3 pairs" in said
    assert "! flat: 3 by chance, 2 of 3 pairs (aopc_deletion, sufficiency)" in said
    assert "0.150*" not in said


def test_files_whose_results_would_be_confused_are_refused(run, model, files):
    (files / "shop.wa").touch()
    result = run(
        *("evaluate", "--model", model),
        *("--texts", files / "shop.csv", "--ists", files / "shop.wa"),
    )
    assert result.exit_code == 2
    assert_says(" ".join(result.stderr.split()), "both", "'shop'")


def test_a_catalogue_that_gives_no_pairs_is_told(run, model, files):
    (files / "short.csv").write_text("description\nwarm gloves\n", encoding="utf-8")
    result = run("evaluate", "--model", model, "--texts", files / "short.csv")
    assert result.exit_code == 2
    assert_says(" ".join(result.stderr.split()), "no pairs", "'short'")


def test_a_catalogue_of_copies_is_told_how_many_of_its_texts_are_of_use(run, model, files):
    rows = [f"{n} warm woollen gloves " + "for cold winter days " * 4 for n in (1, 2, 3)]
    (files / "copies.csv").write_text("\n".join(["description", *rows, "warm gloves"]) + "\n")
    result = run("evaluate", "--model", model, "--texts", files / "copies.csv")
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert_says(said, "'copies' gives no pairs", "15 to 120 words", "0.5 to 0.95")
    assert_says(said, "4 texts 3 different", "all copies", "--own")


def test_nothing_but_failures_is_a_failure(run, model, files, monkeypatch):
    from whyalike.evaluation import suite

    def fail(*_, **__):
        raise OptionError("It can't.")

    monkeypatch.setattr(suite, "measure_part", fail)
    arguments = ("evaluate", "--model", model, "--multimwa", files / "gold.tsv")
    result = run(*arguments, "--methods", "random")
    assert result.exit_code == 1
    assert "random on gold: It can't." in result.stdout


def test_parts_and_metrics_are_chosen(run, model, files):
    asked = ("evaluate", "--model", model, "--texts", files / "shop.csv", "--pairs", "1", "--json")
    asked += ("--methods", "bti")
    chosen = run(*asked, "--metrics", "sufficiency, comprehensiveness")
    assert chosen.exit_code == 0, chosen.output
    metrics = [entry["metric"] for entry in json.loads(chosen.stdout)["entries"]]
    assert metrics == ["sufficiency", "comprehensiveness"]
    other = run(*asked, "--parts", "infidelity,sensitivity")
    metrics = [entry["metric"] for entry in json.loads(other.stdout)["entries"]]
    assert metrics == ["infidelity", "infidelity_relative", "max_sensitivity"]
    for wrong in (("--parts", "truth"), ("--metrics", "truth")):
        refused = run(*asked, *wrong)
        assert refused.exit_code == 2
        assert "'truth'" in refused.stderr
