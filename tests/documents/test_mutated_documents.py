"""Whatever a stored document says, nothing comes out of reading and using it but our own errors."""

import json
import shutil
import sqlite3
import warnings
from contextlib import closing
from hashlib import sha256
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from mutations import damaged_bytes, mutations

from raising import raises
from whyalike import Comparison, Explanation
from whyalike.catalogue.manifest import read_manifest
from whyalike.errors import FormatError, WhyalikeError
from whyalike.evaluation import read_pair_texts
from whyalike.evaluation.leaderboard import page_of, read_leaderboard
from whyalike.evaluation.results import ResultStore, explain_all, known_score
from whyalike.fingerprint import ScoreSample
from whyalike.render import render_leaderboard
from whyalike.study import from_storage, open_storage, plan, read_study
from whyalike.study.design import PACKAGED, read_known_answers
from whyalike.study.export import read_csv, to_csv
from whyalike.training import TrainingResult
from whyalike.training.result import write_card
from whyalike.training.unfinished import begin_run
from whyalike.web.explorer.evaluate import SampleOrder, view_samples

STORED = sorted(p for p in Path(__file__).parent.iterdir() if (p / "study").is_dir())[-1]


def load(path):
    return json.loads((STORED / path).read_text(encoding="utf-8"))


def check(cases, use, *, fewest_refused, most=600):
    """Use every case. Only our own errors may come out, and most cases must be refused."""
    refused, said = [], []
    count = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for what, content in cases:
            count += 1
            try:
                use(content)
            except WhyalikeError as error:
                refused.append(what)
                said.append(str(error))
            except Exception as error:
                raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    assert [one for one in said if "\n" in one or "\x1b" in one or len(one) > most] == []
    assert len(refused) >= fewest_refused * count, f"{len(refused)} of {count}"
    return set(refused)


def shortened(content, words=3):
    """The explanation with the first words of each text alone, so that it is read sooner."""
    content = dict(content)
    for side in ("left", "right"):
        said = content[side]
        unmatched = [min(n, words - 1) for n in said["unmatched"]][:words]
        content[side] = said | {"words": said["words"][:words], "unmatched": unmatched}
    for pairs in ("pairs", "matches"):
        kept = [one for one in content[pairs] if max(one["left"], one["right"]) < words]
        content[pairs] = kept[:words]
    if content.get("pair_contributions"):
        content["pair_contributions"] = [
            row[:words] for row in content["pair_contributions"][:words]
        ]
    return content


def test_explanations():
    def use(text):
        found = Explanation.from_json(text)
        str(found)
        found._repr_html_()
        found.to_json().encode("utf-8", "surrogatepass")

    for name in ("explanation-bti.json", "explanation-token_similarity.json"):
        content = shortened(load(name))
        assert len(content["matches"]) > 1
        refused = check(mutations(content), use, fewest_refused=0.6)
        assert {f"{key} missing" for key in ("left", "pairs", "similarity", "format")} <= refused
        assert {"options with one more field", "all with one more field"} <= refused
        assert not {f"{key} missing" for key in ("options", "options.seed", "warnings")} & refused


def test_a_comparison():
    content = load("comparison.json")
    for name in ("better", "worse"):
        content[name] = shortened(content[name])

    def use(text):
        found = Comparison.from_json(text)
        str(found)
        found._repr_html_()
        found.to_json()

    check(islice(mutations(content), 0, None, 3), use, fewest_refused=0.6)


def small_board():
    """The stored leaderboard with one entry of each kind of figure by each method."""
    content = load("evaluation/leaderboard.json")
    kinds = {"sufficiency", "aopc_deletion", "alignment_f"}
    content["entries"] = [one for one in content["entries"] if one["metric"] in kinds]
    content["tests"] = content["tests"][:1]
    content["metrics"] = {}
    assert len(content["entries"]) == 6
    return content


def test_a_leaderboard(tmp_path, monkeypatch):
    # The test of links draws 10,000 times; what it is given is looked at, not what it finds.
    monkeypatch.setattr("whyalike.evaluation.leaderboard.compare_links", _few_links)
    path = tmp_path / "leaderboard.json"

    def use(text):
        path.write_text(text, encoding="utf-8")
        board = read_leaderboard(path)
        board.to_markdown()
        repr(board)
        json.dumps(board.to_dict(), allow_nan=False)
        render_leaderboard(page_of(board))
        for (dataset, metric), entries in board.tables.items():
            order = SampleOrder(entries[0].method, entries[-1].method, "down")
            view_samples(board, dataset, metric, order=order, first=0, texts=(), ask=("", ()))

    refused = check(mutations(small_board()), use, fewest_refused=0.5)
    assert {"entries.0.values shorter", "entries.5.counts.0 longer", "entries longer"} <= refused
    assert {"all with one more field", "entries.0 with one more field"} <= refused
    assert not {"settings missing", "digests missing", "entries.0.curve missing"} & refused


def _few_links(counts, *, reference):
    from whyalike.evaluation.gold_counts import compare_links

    return compare_links(counts, reference=reference, resamples=9)


def test_the_texts_of_pairs(tmp_path):
    def use(text):
        (tmp_path / "pairs.shop.json").write_text(text, encoding="utf-8")
        read_pair_texts(tmp_path, "shop")

    refused = check(mutations(load("evaluation/pairs.shop.json")), use, fewest_refused=0.6)
    assert {"dataset missing", "pairs.0.left missing", "pairs.0 with one more field"} <= refused


def test_a_result_that_a_run_goes_on_from(tmp_path):
    content = load("evaluation/results/alignment.gold.random.json")
    content |= {"format": "whyalike/result", "version": 1}

    def use(text):
        (tmp_path / "place.json").write_text(text, encoding="utf-8")
        ResultStore(tmp_path).read("place", content["key"])

    refused = check(mutations(content), use, fewest_refused=0.5)
    assert {"entries missing", "entries.0 with one more field", "version huge"} <= refused
    assert "key text" not in refused, "that of another key is not taken"


def test_scores_that_are_known(tmp_path):
    path = tmp_path / "scores.npz"
    probe = ScoreSample("new", "other", np.zeros((2, 3), dtype=np.float32))

    def use(content):
        path.write_bytes(content)
        known_score(path, probe)

    content = (STORED / "evaluation" / "results" / "scores.npz").read_bytes()
    check(damaged_bytes(content, step=7), use, fewest_refused=0.3)


def test_explanations_of_a_run_that_was_cut_off(tmp_path):
    """What is damaged is explained anew."""
    content = load("explanation-bti.json")
    pair = content["left"]["text"], content["right"]["text"]

    class Explainer:
        batch_size = 1

        def explain_many(self, pairs, *, start):
            return [Explanation.from_dict(content) for _ in pairs]

    path = tmp_path / "kept.jsonl"
    explain_all(Explainer(), [pair, pair], path=path, key="k")
    whole = path.read_bytes()

    def use(damaged):
        path.write_bytes(damaged)
        assert len(explain_all(Explainer(), [pair, pair], path=path, key="k")) == 2
        assert path.read_bytes() == whole

    check(damaged_bytes(whole, step=97), use, fewest_refused=0)


@pytest.fixture
def study(tmp_path):
    """A copy of the stored study with fewer samples, and its manifest."""
    folder = shutil.copytree(STORED / "study", tmp_path / "study")
    content = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    content["stimuli"] = [one for one in content["stimuli"] if one["sample"] < 2]
    content |= {"samples": 2, "practice": content["practice"][:1], "checks": content["checks"][:2]}
    content["plan"] = {"per_rater": None, "checks": 1, "repeats": 1}
    for entry in (*content["stimuli"], *content["practice"], *content["checks"]):
        path = folder / "stimuli" / f"{entry['id']}.json"
        stimulus = shortened(json.loads(path.read_text(encoding="utf-8")))
        path.write_text(json.dumps(stimulus), encoding="utf-8")
        entry["sha256"] = sha256(path.read_bytes()).hexdigest()
    return folder, content


def test_a_study(study):
    folder, content = study

    def use(text):
        (folder / "study.json").write_text(text, encoding="utf-8")
        found = read_study(folder)
        for rater in range(3):
            plan(found, rater)

    refused = check(mutations(content), use, fewest_refused=0.6)
    assert {"samples minus one", "stimuli longer", "plan.per_rater whole and large"} <= refused
    assert {"plan with one more field", "stimuli.0 with one more field", "scale shorter"} <= refused


def test_a_stimulus(study):
    """A stimulus that says something else is one that was not frozen; so its hash is put right."""
    folder, content = study
    entry = content["stimuli"][0]
    path = folder / "stimuli" / f"{entry['id']}.json"
    written = path.read_text(encoding="utf-8")
    (folder / "study.json").write_text(json.dumps(content), encoding="utf-8")
    path.write_text(written.replace("0.0", "0.5"), encoding="utf-8")
    with raises(FormatError, "frozen"):
        read_study(folder)

    def use(text):
        path.write_text(text, encoding="utf-8")
        entry["sha256"] = sha256(path.read_bytes()).hexdigest()
        (folder / "study.json").write_text(json.dumps(content), encoding="utf-8")
        read_study(folder)

    refused = check(mutations(json.loads(written)), use, fewest_refused=0.5)
    assert not {"options.top_k missing", "options missing"} & refused


def test_answers_that_are_known(tmp_path):
    content = json.loads(PACKAGED.read_text(encoding="utf-8"))
    content = {kind: entries[:1] for kind, entries in content.items()}

    def use(text):
        (tmp_path / "practice.json").write_text(text, encoding="utf-8")
        read_known_answers(tmp_path / "practice.json")

    check(mutations(content), use, fewest_refused=0.5)


def test_ratings(tmp_path):
    def use(content):
        (tmp_path / "ratings.csv").write_bytes(content)
        to_csv(read_csv(tmp_path / "ratings.csv"))

    content = (STORED / "ratings.csv").read_bytes()
    check(damaged_bytes(content), use, fewest_refused=0.3)
    last = content.splitlines()[-1]
    for place, value in ((9, b"1e9"), (3, b"-1"), (3, b"9" * 30), (12, b"nan"), (12, b"inf")):
        cells = last.split(b",")
        cells[place] = value
        check([(value, content.replace(last, b",".join(cells)))], use, fewest_refused=0)


DATABASE = {
    "whyalike_raters": ("number", "name", "simulated", "consented_at", "token_hash", "created_at"),
    "whyalike_ratings": ("position", "stimulus_id", "value", "shown_at", "received_at", "comment"),
    "whyalike_study": ("version", "digest"),
}


def test_a_database(study, tmp_path):
    folder, _ = study
    shutil.copytree(STORED / "study", folder, dirs_exist_ok=True)
    found = read_study(folder)
    script = (STORED / "study.sql").read_text(encoding="utf-8")
    script = "\n".join(line for line in script.splitlines() if "CHECK" not in line)
    script = script.replace("comment VARCHAR NOT NULL", "comment VARCHAR")
    wrong = (None, "x", "", -1, 10**18, 1e308, b"\xff\xfe", "2026-13-45 99:99:99.0")

    def use(case):
        table, column, value = case
        path = folder / "study.db"
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as database:
            database.executescript(
                script.replace(" NOT NULL", "").replace("BEFORE UPDATE", "BEFORE DELETE")
            )
            database.execute("DROP TRIGGER whyalike_no_update")
            database.execute("DROP TRIGGER whyalike_no_delete")
            database.execute(f"UPDATE {table} SET {column} = ?", (value,))
            database.commit()
        storage = open_storage(found, existing=True)
        try:
            storage.raters()
            to_csv(from_storage(found, storage, history=True))
        finally:
            storage.close()

    cases = [
        (f"{table}.{column} {value!r}", (table, column, value))
        for table, columns in DATABASE.items()
        for column in columns
        for value in wrong
    ]
    check(cases, use, fewest_refused=0.1)


def test_a_training_run(tmp_path):
    def use(text):
        found = TrainingResult.from_dict(json.loads(text))
        str(found)
        write_card(found)

    def readable(cases):
        for what, text in cases:
            try:
                json.loads(text)
            except (ValueError, RecursionError):
                continue
            yield what, text

    check(readable(mutations(load("training/training.json"))), use, fewest_refused=0.4)
    run = load("training/run.json")

    def resume(text):
        (tmp_path / "run.json").write_text(text, encoding="utf-8")
        begin_run(tmp_path, run, resume=True)

    refused = check(mutations(run), resume, fewest_refused=0.5, most=3000)
    assert "settings.mask missing" not in refused, "then it has its default"


def test_an_index(tmp_path):
    folder = shutil.copytree(STORED / "index", tmp_path / "index")

    def use(text):
        (folder / "manifest.json").write_text(text, encoding="utf-8")
        read_manifest(folder)

    check(mutations(load("index/manifest.json")), use, fewest_refused=0.5, most=10_000)
