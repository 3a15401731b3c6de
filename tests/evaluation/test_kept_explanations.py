"""A part of a suite that is cut off loses no more than a batch, and ends with the same figures."""

import json

import pytest

from whyalike import BTIOptions, Explainer
from whyalike.errors import OutputError, TextError
from whyalike.evaluation.kept_explanations import explain_all
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
    return Explainer(embed=function, method="occlusion", batch_size=4)


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
    with pytest.raises(ConnectionError):
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
    assert ("shop: occlusion, 8 of 11 pairs explained", 0, 1) in told
    assert not list(tmp_path.glob("*.explanations.jsonl")), "what is measured is not needed"


def test_a_method_that_can_not_explain_leaves_no_file(tmp_path):
    masking = Explainer(embed=embed, options=BTIOptions(perturbation="mask"))
    found = run_suite(
        masking, Datasets(pairs={"shop": PAIRS}), methods=["occlusion"], folder=tmp_path
    )
    assert "no mask token" in found.failures["occlusion on shop"]
    assert not list(tmp_path.glob("*.explanations.jsonl"))


def test_texts_that_may_not_be_kept_are_not(tmp_path):
    service = Service(PAIRS[9][1])
    data = Datasets(pairs={"shop": PAIRS})
    options = {"methods": ["occlusion"], "folder": tmp_path}
    with pytest.raises(ConnectionError):
        run_suite(explainer_of(service), data, **options)
    assert [p for p in tmp_path.iterdir() if b"gloves" in p.read_bytes()]
    with pytest.raises(ConnectionError):
        run_suite(explainer_of(service), data, **options, keep_texts=False)
    assert list(tmp_path.iterdir())
    assert not [p for p in tmp_path.iterdir() if b"gloves" in p.read_bytes()]
