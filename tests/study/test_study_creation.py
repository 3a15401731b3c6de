"""A study is frozen: the same bytes each time, nothing changed unseen, nobody's ratings lost."""

import json
import re
from collections import Counter
from hashlib import sha256

import numpy as np
import pytest

import whyalike
from raising import raises
from whyalike import Explainer
from whyalike.errors import FormatError, OptionError, TextError
from whyalike.study.creation import create_study
from whyalike.study.folder import read_study
from whyalike.study.options import StudyOptions
from whyalike.study.storage import open_storage

NOUNS = ("wine", "glass", "stone", "river", "house", "garden", "bread", "lamp")
PAIRS = [
    (f"The {noun} of the old man, near a {other}.", f"A {noun}, of a kind, and the {other} of a lady.")
    for noun in NOUNS for other in NOUNS[:3] if noun != other
]  # fmt: skip


def letters(texts):
    """Vectors that count letters."""
    return np.array([[text.count(c) + 0.1 for c in "aeioulnrst"] for text in texts])


EXPLAINER = Explainer(embed=letters)


def make(folder, pairs=PAIRS, methods=("random", "occlusion"), **options):
    options = StudyOptions(**{"seed": 7, "count": 6} | options)
    return create_study(EXPLAINER, pairs, methods=methods, folder=folder, options=options)


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_study_has_the_same_bytes(tmp_path):
    first = make(tmp_path / "a")
    make(tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")
    again = make(tmp_path / "a")
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert again.digest == first.digest
    other = make(tmp_path / "b", seed=8)
    assert other.digest != first.digest
    assert not {one.id for one in other.stimuli} & {one.id for one in first.stimuli}
    # What was there before is gone.
    assert len(list((tmp_path / "b" / "stimuli").iterdir())) == len(files(tmp_path / "b")) - 1


def test_what_is_written_is_what_was_asked_for(tmp_path):
    told = []
    study = create_study(
        EXPLAINER, PAIRS, methods=["random", "occlusion"], folder=tmp_path,
        options=StudyOptions(
            seed=7, count=6, question="Well?", scale=tuple("abcde"), checks=3, repeats=2
        ),
        tell=lambda *said: told.append(said),
    )  # fmt: skip
    assert (study.question, study.scale, study.seed) == ("Well?", tuple("abcde"), 7)
    assert (study.samples, study.methods) == (6, ("random", "occlusion"))
    assert (study.plan.per_rater, study.plan.checks, study.plan.repeats) == (None, 3, 2)
    cells = [(one.sample, one.method) for one in study.stimuli]
    assert cells == [(n, name) for n in range(6) for name in ("random", "occlusion")]
    assert told == [(name, n, 6) for name in ("random", "occlusion") for n in range(1, 7)]
    assert study.versions["whyalike"] == whyalike.__version__
    assert {"python", "numpy", "torch", "transformers"} <= set(study.versions)
    assert study.model == EXPLAINER.explain(*PAIRS[0]).model
    assert re.fullmatch("[0-9a-f]{64}", study.fingerprint)
    assert study.digest == sha256((tmp_path / "study.json").read_bytes()).hexdigest()
    drawn = {(one.explanation.left.text, one.explanation.right.text) for one in study.stimuli}
    assert len(drawn) == 6
    assert drawn <= set(PAIRS)
    assert {f"{one.sample}" for one in study.checks if one.sample is not None} <= set("012345")


def test_ids_and_files_tell_nothing_of_the_method(tmp_path):
    study = make(tmp_path, checks=3)
    shown = [*study.stimuli, *study.practice, *study.checks]
    assert len({one.id for one in shown}) == len(shown)
    for one in shown:
        assert re.fullmatch("[0-9a-f]{32}", one.id)
        content = (tmp_path / "stimuli" / f"{one.id}.json").read_text()
        assert sha256(content.encode()).hexdigest() == one.sha256
        said = json.loads(content)
        assert (said["method"], said["model"], said["warnings"]) == ("", "", [])
        assert not any(name in content for name in ("random", "occlusion", study.model))
    # The seed alone does not give the ids: they hang on the texts as well.
    other = make(tmp_path / "other", pairs=PAIRS[8:])
    assert not {one.id for one in other.stimuli} & {one.id for one in study.stimuli}


def test_methods_of_one_sample_show_equally_many_pairs(tmp_path):
    study = make(tmp_path, count=None)
    counts = Counter((one.sample, len(one.explanation.pairs)) for one in study.stimuli)
    assert set(counts.values()) == {2}
    assert study.settings["fewer_pairs"] == {"random": 0, "occlusion": 0}


def test_whatever_was_changed_is_found(tmp_path):
    study = make(tmp_path)
    path = tmp_path / "stimuli" / f"{study.stimuli[3].id}.json"
    kept = path.read_bytes()
    path.write_bytes(kept.replace(b"0.", b"1.", 1))
    with raises(FormatError, "frozen"):
        read_study(tmp_path)
    path.unlink()
    with raises(FormatError, "stimulus"):
        read_study(tmp_path)
    path.write_bytes(kept)
    assert read_study(tmp_path).stimuli == study.stimuli
    manifest = tmp_path / "study.json"
    good = json.loads(manifest.read_text())
    for damage in (
        {"version": 2}, {"format": "other"}, {"stimuli": [{}]}, {"plan": {}}, {"scale": 3},
        {"stimuli": [good["stimuli"][0] | {"id": "../study"}]},
    ):  # fmt: skip
        manifest.write_text(json.dumps(good | damage))
        with pytest.raises(FormatError):
            read_study(tmp_path)
    for text in ("", "[]", "{}", "\udcff"):
        manifest.write_text(text, errors="surrogateescape")
        with pytest.raises(FormatError):
            read_study(tmp_path)
    with pytest.raises(FormatError, match="whyalike study create"):
        read_study(tmp_path / "nowhere")


def test_a_study_whose_raters_were_invited_is_not_written_over(tmp_path):
    study = make(tmp_path)
    storage = open_storage(study)
    storage.close()
    study = make(tmp_path, seed=8)  # Nobody was invited to the first.
    storage = open_storage(study)
    rater = storage.add_rater()
    storage.record(rater.rater_id, 0, "abc", 3, client_key="k")
    storage.close()
    before = files(tmp_path)
    with pytest.raises(OptionError, match=r"invited \(1\)"):
        make(tmp_path, seed=9)
    assert {n: c for n, c in files(tmp_path).items() if ".db" not in n} == {
        n: c for n, c in before.items() if ".db" not in n
    }
    # The very same is no other study.
    assert make(tmp_path, seed=8).digest == study.digest
    again = open_storage(read_study(tmp_path))
    assert len(again.all_ratings()) == 1
    again.close()


def test_what_can_be_no_study_is_refused(tmp_path):
    for methods in ((), ("random",), ("random", "random")):
        with pytest.raises(OptionError, match="two or more"):
            make(tmp_path, methods=methods)
    with pytest.raises(OptionError, match="There is no method"):
        make(tmp_path, methods=("random", "nothing"))
    with pytest.raises(OptionError, match="different pairs"):
        make(tmp_path, pairs=PAIRS[:3] * 2, count=4)
    with pytest.raises(OptionError, match="different pairs"):
        make(tmp_path, pairs=[], count=None)
    with pytest.raises(TextError):
        make(tmp_path, pairs=[("a b c", 3)], count=1)
    for wrong in (
        {"per_rater": 13}, {"repeats": 7}, {"checks": 100}, {"seed": -1}, {"seed": None},
        {"count": 0}, {"shown": "all"}, {"scale": ("a", "b")}, {"scale": "abcde"},
        {"scale": ("a", "b", "c", "d", " ")}, {"question": ""}, {"checks": 1.5},
    ):  # fmt: skip
        with pytest.raises(OptionError):
            make(tmp_path, **wrong)
    assert not (tmp_path / "study.json").exists()


def test_a_study_of_a_function_of_pairs(tmp_path):
    def overlap(pairs):
        return [len(set(left.split()) & set(right.split())) for left, right in pairs]

    made = create_study(
        Explainer(score=overlap),
        PAIRS,
        methods=("random", "occlusion"),
        folder=tmp_path,
        options=StudyOptions(seed=7, count=6),
    )
    assert read_study(tmp_path).digest == made.digest
    content = json.loads((tmp_path / "study.json").read_text())
    assert content["settings"]["similarity_function"] == "score"
