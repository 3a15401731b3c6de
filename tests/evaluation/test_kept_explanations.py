"""Explaining that is cut off loses no more than a batch, and ends with the same figures."""

import json

import pytest

from whyalike import BlackBox, BTIOptions, Explainer
from whyalike.errors import FunctionError, OutputError, TextError
from whyalike.evaluation import suite
from whyalike.evaluation.results import explain_all
from whyalike.evaluation.suite import Datasets, run_suite

WORDS = ("gloves", "wool", "warm", "red", "wine", "lemon", "soft", "knit")
PAIRS = [(f"warm {a} of soft {b}", f"the {b} and {a}") for a in WORDS[:4] for b in WORDS[4:]][:11]


def embed(texts):
    return [[float(text.lower().split().count(word)) for word in WORDS] + [0.05] for text in texts]


class Service:
    """An embedding service that does not answer for one text until it is mended."""

    def __init__(self, broken_at=None):
        self.broken_at = broken_at

    def __call__(self, texts):
        if self.broken_at in texts:
            raise ConnectionError("the service is away")
        return embed(texts)


def explainer_of(function=embed):
    return Explainer(embed=BlackBox(function, retry=None), method="occlusion", batch_size=4)


@pytest.fixture
def explained(monkeypatch):
    """The pairs that are explained, as they are."""
    seen = []
    explain_many = Explainer.explain_many

    def counting(self, pairs, **options):
        pairs = list(pairs)
        seen.extend(pairs)
        return explain_many(self, pairs, **options)

    monkeypatch.setattr(Explainer, "explain_many", counting)
    return seen


def test_what_is_kept_is_what_explaining_gives(tmp_path, explained):
    explainer, path = explainer_of(), tmp_path / "kept.jsonl"
    told = []
    found = explain_all(explainer, PAIRS, path=path, key="k", tell=told.append)
    assert found == list(explainer.explain_many(PAIRS)) == explain_all(explainer, PAIRS)
    assert told == [0, 4, 8]
    assert len(path.read_bytes().splitlines()) == 1 + len(PAIRS)
    explained.clear()
    assert explain_all(explainer, PAIRS, path=path, key="k") == found
    assert not explained
    assert len(path.read_bytes().splitlines()) == 1 + len(PAIRS)


@pytest.mark.parametrize("lost", [1, 40, 3000])
def test_a_line_that_was_cut_off_is_done_again(tmp_path, explained, lost):
    explainer, path = explainer_of(), tmp_path / "kept.jsonl"
    found = explain_all(explainer, PAIRS, path=path, key="k")
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    left = whole[:-lost].count(b"\n") - 1
    explained.clear()
    assert explain_all(explainer, PAIRS, path=path, key="k") == found
    assert explained == PAIRS[left // 4 * 4 :]
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "content",
    ["", "{}", "not JSON\n", '{"key": "other"}\n', '{"key": "k"}\n{"words": 1}\n', "\0\n"],
)
def test_a_file_of_something_else_is_written_over(tmp_path, explained, content):
    path = tmp_path / "kept.jsonl"
    path.write_text(content)
    found = explain_all(explainer_of(), PAIRS, path=path, key="k")
    assert explained == PAIRS
    assert len(found) == len(PAIRS)
    assert json.loads(path.read_text().splitlines()[0]) == {"key": "k"}


def test_explanations_of_other_pairs_are_not_taken(tmp_path, explained):
    """Two runs that write at once leave batches in any order, and more of them than pairs."""
    explainer, path = explainer_of(), tmp_path / "kept.jsonl"
    found = explain_all(explainer, PAIRS, path=path, key="k")
    head, *lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([head, *lines[:6], *lines[8:], *lines]))
    explained.clear()
    assert explain_all(explainer, PAIRS, path=path, key="k") == found
    assert explained == PAIRS[4:]
    assert path.read_bytes() == b"".join([head, *lines])


def test_a_pair_that_is_refused_has_its_own_number(tmp_path):
    explainer, path = explainer_of(), tmp_path / "kept.jsonl"
    for _ in range(2):
        with pytest.raises(TextError, match="Pair 9"):
            explain_all(explainer, [*PAIRS[:9], (9, "wine")], path=path, key="k")
    with pytest.raises(TextError, match="Pair 7"):
        list(explainer.explain_many([PAIRS[0], (9, "wine")], start=6))


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(OutputError, match="Could not write"):
        explain_all(explainer_of(), PAIRS, path=tmp_path / "none" / "kept.jsonl", key="k")


def test_a_suite_goes_on_within_a_part(tmp_path, explained):
    data = Datasets(pairs={"shop": PAIRS})
    service = Service()
    whole = run_suite(explainer_of(service), data, methods=["occlusion"])
    assert not whole.failures
    service.broken_at = PAIRS[9][1]
    with pytest.raises(FunctionError, match="the service is away"):
        run_suite(explainer_of(service), data, methods=["occlusion"], folder=tmp_path)
    (kept,) = tmp_path.glob("*.explanations.jsonl")
    assert len(kept.read_bytes().splitlines()) == 1 + 8, "two whole batches"
    service.broken_at = None
    explained.clear()
    told = []
    again = run_suite(
        explainer_of(service),
        data,
        methods=["occlusion"],
        folder=tmp_path,
        progress=lambda *what: told.append(what),
    )
    assert again == whole
    assert explained == PAIRS[8:]
    assert [what for what, _, _ in told] == [
        "shop: occlusion",
        "shop: occlusion, 8 of 11 pairs explained",
        "shop: occlusion, measuring",
        "done",
    ]
    assert not list(tmp_path.glob("*.explanations.jsonl")), "what is measured is not needed"


def test_a_method_that_can_not_explain_leaves_no_file(tmp_path):
    masking = Explainer(embed=embed, options=BTIOptions(perturbation="mask"))
    found = run_suite(
        masking, Datasets(pairs={"shop": PAIRS}), methods=["occlusion"], folder=tmp_path
    )
    assert "no mask token" in found.failures["occlusion on shop"]
    assert not list(tmp_path.glob("*.explanations.jsonl"))


def test_a_folder_that_cannot_be_written_ends_the_run(tmp_path):
    (tmp_path / "faithfulness.shop.occlusion.explanations.jsonl").mkdir()
    data = Datasets(pairs={"shop": PAIRS})
    for keep_texts, said in ((True, "Could not"), (False, "Could not remove")):
        with pytest.raises(OutputError, match=said):
            run_suite(
                explainer_of(), data, methods=["occlusion"], folder=tmp_path, keep_texts=keep_texts
            )


def test_what_was_measured_leaves_no_texts_though_it_was_cut_off_before_they_went(tmp_path):
    data, options = Datasets(pairs={"shop": PAIRS}), {"methods": ["occlusion"], "folder": tmp_path}
    run_suite(explainer_of(), data, **options)
    (tmp_path / "faithfulness.shop.occlusion.explanations.jsonl").write_text("warm gloves")
    run_suite(explainer_of(), data, **options)
    assert not list(tmp_path.glob("*.explanations.jsonl"))


def test_a_part_that_a_function_has_not_is_refused_before_it_is_asked(tmp_path, explained):
    data = Datasets(pairs={"shop": PAIRS})
    parts = ["randomization", "sensitivity"]
    found = run_suite(explainer_of(), data, methods=["occlusion"], parts=parts, folder=tmp_path)
    assert list(found.failures) == ["occlusion on shop"]
    assert not explained


def test_explanations_by_other_packages_or_batches_are_not_taken(tmp_path, explained, monkeypatch):
    data, options = Datasets(pairs={"shop": PAIRS}), {"methods": ["occlusion"], "folder": tmp_path}
    for change in ("packages", "batches"):
        with pytest.raises(FunctionError, match="the service is away"):
            run_suite(explainer_of(Service(PAIRS[9][1])), data, **options)
        other = Explainer(embed=Service(), method="occlusion", batch_size=2)
        if change == "packages":
            monkeypatch.setattr(suite, "package_versions", lambda: {"torch": "0"})
            other = explainer_of(Service())
        explained.clear()
        assert run_suite(other, data, **options).entries
        assert explained == PAIRS
        for path in tmp_path.glob("*.json"):
            path.unlink()


def test_texts_that_may_not_be_kept_are_not(tmp_path):
    service = Service(PAIRS[9][1])
    data = Datasets(pairs={"shop": PAIRS})
    options = {"methods": ["occlusion"], "folder": tmp_path}
    with pytest.raises(FunctionError, match="the service is away"):
        run_suite(explainer_of(service), data, **options)
    assert [p for p in tmp_path.iterdir() if b"gloves" in p.read_bytes()]
    with pytest.raises(FunctionError, match="the service is away"):
        run_suite(explainer_of(service), data, **options, keep_texts=False)
    assert list(tmp_path.iterdir())
    assert not [p for p in tmp_path.iterdir() if b"gloves" in p.read_bytes()]
