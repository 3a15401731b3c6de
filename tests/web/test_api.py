"""The API: it says what the library says, to the byte, and refuses what it should."""

import json
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
jsonschema = pytest.importorskip("jsonschema", reason="needs the package jsonschema")

from explorer_service import count_letters, counted, open_explainer  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402

from tiny_models import tiny  # noqa: E402
from whyalike import BlackBox, BTIOptions, Comparison, Explainer, Explanation, Retry  # noqa: E402
from whyalike.catalogue.similar_page import explain_all, search_to_dict  # noqa: E402
from whyalike.errors import FunctionError, ModelError, OptionError, TextError  # noqa: E402
from whyalike.schema import ComparisonModel, ExplanationModel  # noqa: E402
from whyalike.web.api import schema  # noqa: E402
from whyalike.web.api.answers import explain_each  # noqa: E402
from whyalike.web.api.api_app import create_api_app  # noqa: E402
from whyalike.web.api.asking import ServiceLimits  # noqa: E402
from whyalike.web.api.service import Service  # noqa: E402

HOME = "http://127.0.0.1:8000"
V1 = "/api/v1"
DOCS = Path(__file__).parents[2] / "docs"
LEFT, RIGHT = "Warm knit gloves.", "Lined leather gloves for winter, an <b>offer</b>."
HOSTILE = (
    "<script>alert(1)</script>",
    "\"'`;--",
    "../../etc/passwd",
    "a\x00b",
    "שלום עולם 👍🏽",
    "{{ 7 * 7 }}",
    "%2e%2e%2f",
    "",
    " ",
)


@pytest.fixture(scope="module")
def client(service):
    return TestClient(create_api_app(service), base_url=HOME, raise_server_exceptions=False)


def ask(client, name, **asked):
    return client.post(f"{V1}/{name}", json=asked)


def test_an_explanation_is_the_librarys_own_byte_for_byte(client):
    answer = ask(client, "explain", left=LEFT, right=RIGHT)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    own = open_explainer().explain(LEFT, RIGHT)
    assert answer.content == own.to_json().encode()
    assert Explanation.from_dict(answer.json()) == own
    # Kept, and the same.
    assert ask(client, "explain", left=LEFT, right=RIGHT).content == answer.content


def test_an_explanation_is_what_the_schema_says_and_the_pydantic_model_too(client):
    said = ask(client, "explain", left=LEFT, right=RIGHT, method="shapley").json()
    documented = json.loads((DOCS / "explanation.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(said, documented)
    of_others = {**said, "options": {**said["options"], "own": {"sharpness": 0.5}}}
    jsonschema.validate(of_others, documented)
    for one in (said, of_others):
        read = ExplanationModel.model_validate(one, strict=True)
        assert read.model_dump(exclude_unset=True) == one
    mine = ExplanationModel.model_json_schema()
    assert set(mine["properties"]) == set(documented["properties"])
    assert set(mine["required"]) == set(documented["required"])
    for name, kind in (("Options", "options"), ("TextModel", "text"), ("WordModel", "word")):
        assert set(mine["$defs"][name]["properties"]) == set(
            documented["$defs"][kind]["properties"]
        )


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 1},
        {"top_k": 3},
        {"matching": "mutual"},
        {"words": "token", "seed": 3},
        {"bandwidth": None},
    ],
)
def test_options_do_what_they_do_in_the_library(client, options):
    answer = ask(client, "explain", left=LEFT, right=RIGHT, options=options)
    assert answer.status_code == 200, answer.text
    own = Explainer(embed=count_letters, options=BTIOptions(**options))
    assert Explanation.from_dict(answer.json()) == own.explain(LEFT, RIGHT)


def test_another_top_k_asks_no_model_again(service, client):
    texts = {"left": "soft warm wool", "right": "a soft hat that is warm"}
    ask(client, "explain", **texts)
    before = counted(service, "explanations_total")
    answers = [ask(client, "explain", **texts, options={"top_k": k}).json() for k in (1, 2, 9)]
    assert counted(service, "explanations_total") == before > 0
    assert [one["options"]["top_k"] for one in answers] == [1, 2, 9]
    counts = [len(one["pairs"]) for one in answers]
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


def test_a_comparison_is_the_librarys_own(client):
    texts = ("gloves for winter", "Lined leather gloves.", "A silk scarf.")
    asked = dict(zip(("query", "better", "worse"), texts, strict=True))
    answer = ask(client, "compare", **asked)
    assert answer.status_code == 200, answer.text
    own = open_explainer().compare(*texts)
    assert Comparison.from_dict(answer.json()) == own
    assert answer.content == own.to_json().encode()
    ComparisonModel.model_validate(answer.json(), strict=True)
    unsigned = ask(client, "compare", **asked, method="random")
    assert unsigned.status_code == 422
    assert "occlusion" in unsigned.json()["error"]


@pytest.mark.parametrize(
    "asked",
    [
        {"text": "warm gloves", "k": 3},
        {"id": "g1", "k": 2, "where": 'kind = "gloves"'},
        {"text": "scarf", "k": 1, "explain": False},
        {"text": "scarf", "method": "shapley", "k": 2, "index": "shop"},
        {"text": "warm gloves", "k": 3, "group_by": "kind", "explain": False},
        {"id": "g1", "k": 3, "group_by": "", "diverse": True, "explain": False},
        {"text": "gloves", "k": 4, "diverse": 0.9, "explain": False},
        {"text": "Knit gloves with touchscreen fingertips.", "k": 2, "twins": True},
    ],
)
def test_a_search_finds_and_says_what_the_library_does(service, client, asked):
    answer = ask(client, "similar", **asked)
    assert answer.status_code == 200, answer.text
    index = service.index().index
    shape = ("twins", "group_by", "diverse")
    chosen = {name: asked[name] for name in ("text", "id", "k", "where", *shape) if name in asked}
    hits = index.similar(**chosen)
    explain = asked.get("explain", True)
    reasons = explain_all(hits, method=asked.get("method")) if explain else []
    query = index[asked["id"]] if "id" in asked else asked["text"]
    told = search_to_dict(index, query, hits, reasons, k=asked["k"], where=asked.get("where"))
    # The model has another name where it is served.
    told = json.loads(json.dumps(told))
    assert answer.json() == {**told, "index": "shop", "model": "letters"}
    assert answer.json()["method"] == (asked.get("method", "occlusion") if explain else None)
    schema.SimilarModel.model_validate(answer.json())


def test_the_rank_of_an_item_and_why(service, client):
    asked = {"text": "warm gloves", "item": "h1"}
    said = ask(client, "rank", **asked).json()
    index = service.index().index
    found = index.similar("warm gloves", k=6)
    assert said["rank"] == next(hit.rank for hit in found if hit.item.id == "h1")
    assert said["of"] == 6
    own = open_explainer().explain("warm gloves", index["h1"].text)
    assert Explanation.from_dict(said["explanation"]) == own
    schema.RankModel.model_validate(said)
    out = ask(client, "rank", **asked, where="price > 20", explain=False).json()
    assert out["rank"] is None
    assert "filter" in out["left_out"]
    assert out["explanation"] is None


def test_models_and_methods_are_listed(service, client):
    said = client.get(f"{V1}/models").json()
    schema.ModelsModel.model_validate(said)
    assert [one["name"] for one in said["models"]] == ["letters"]
    assert "bti" not in said["models"][0]["methods"], "it needs a look inside"
    assert said["models"][0]["methods"][0] == said["models"][0]["default_method"] == "occlusion"
    assert [one["name"] for one in said["indexes"]] == ["shop"]
    assert str(service.index().index.reader.folder) not in json.dumps(said)
    methods = client.get(f"{V1}/methods").json()
    assert {"bti", "whyalike", "occlusion"} <= {one["name"] for one in methods}
    for one in methods:
        schema.MethodModel.model_validate(one, strict=True)
    health = client.get(f"{V1}/health").json()
    assert schema.HealthModel.model_validate(health).waiting == 0


@pytest.mark.parametrize(
    ("name", "asked", "says"),
    [
        ("explain", {"left": "a"}, "right"),
        ("explain", {"left": "a", "right": 3}, "right"),
        ("explain", {"left": "a", "right": "b", "metod": "bti"}, "metod"),
        ("explain", {"left": "a", "right": "b", "model": "../weights"}, "'letters'"),
        ("explain", {"left": "a", "right": "b", "model": "hub/other"}, "'letters'"),
        ("explain", {"left": "a", "right": "b", "method": "nonsense"}, "nonsense"),
        ("explain", {"left": "a", "right": "b", "method": "bti"}, "hidden states"),
        ("explain", {"left": "a", "right": "b", "method": "__class__"}, "__class__"),
        ("explain", {"left": "a", "right": "b", "options": {"top_k": 0}}, "top_k"),
        ("explain", {"left": "a", "right": "b", "options": {"permutations": 10**6}}, "64"),
        ("explain", {"left": "a", "right": "b", "options": {"ig_steps": 201}}, "200"),
        ("explain", {"left": "x" * 20_001, "right": "b"}, "20,000"),
        ("compare", {"query": "a", "better": "b"}, "worse"),
        ("compare", {"query": "a", "better": "b", "worse": "x" * 20_001}, "worse"),
        ("similar", {"text": "a", "index": "../shop"}, "'shop'"),
        ("similar", {"text": "a", "index": "/etc"}, "'shop'"),
        ("similar", {"text": "a", "k": 51}, "50"),
        ("similar", {"text": "a", "k": 0}, "k"),
        ("similar", {}, "text or an id"),
        ("similar", {"id": "nobody"}, "nobody"),
        ("similar", {"text": "a", "where": "price <"}, ""),
        ("similar", {"text": "a", "group_by": "nope"}, "no field 'nope'"),
        ("similar", {"text": "a", "diverse": 1.5}, "diverse is 1.5"),
        ("similar", {"text": "a", "diverse": "much"}, "diverse"),
        ("similar", {"text": "a", "where": "x" * 20_001}, "filter"),
        ("rank", {"text": "a", "item": "nobody"}, "nobody"),
    ],
)
def test_what_is_not_allowed_is_told(client, name, asked, says):
    answer = ask(client, name, **asked)
    assert answer.status_code == 422, answer.text
    assert {"error", "code", "request_id"} <= set(answer.json())
    assert says in answer.json()["error"]
    assert len(answer.json()["error"]) < 1000


def test_a_body_that_is_no_json_or_too_long_is_refused(client):
    headers = {"content-type": "application/json"}
    broken = client.post(f"{V1}/explain", content=b'{"left": ', headers=headers)
    assert broken.status_code == 422
    assert "error" in broken.json()
    long = client.post(f"{V1}/explain", content=b" " * (1024 * 1024 + 1), headers=headers)
    assert long.status_code == 413
    form = client.post(f"{V1}/explain", data={"left": "a", "right": "b"})
    assert form.status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/explain", 405), ("GET", "/nothing", 404), ("GET", "/../../app.py", 404)],
)
def test_wrong_addresses_are_told_in_json(client, method, path, status):
    answer = client.request(method, V1 + path, headers={"accept": "*/*"})
    assert answer.status_code == status
    if answer.request.url.path.startswith("/api/"):
        assert "/api/docs" in answer.json()["error"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_come_back_as_they_were(client, text):
    said = ask(client, "explain", left=text, right=RIGHT)
    assert said.status_code == 200
    assert said.json()["left"]["text"] == text
    assert Explanation.from_dict(said.json()) == open_explainer().explain(text, RIGHT)
    for field in ("model", "method"):
        wrong = ask(client, "explain", left="a", right="b", **{field: text or "?"})
        assert wrong.status_code == 422
        assert wrong.headers["content-type"] == "application/json"
        assert wrong.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("explain", "left"),
        ("explain", "model"),
        ("similar", "text"),
        ("similar", "where"),
        ("rank", "item"),
    ],
)
def test_a_lone_surrogate_breaks_nothing(client, name, field):
    asked = {"explain": {"left": "a", "right": "b"}, "similar": {}, "rank": {"text": "a"}}[name]
    if field == "where":
        asked = {"text": "a"}
    content = json.dumps({**asked, field: "broken \ud800 text"})
    assert "\\ud800" in content
    headers = {"content-type": "application/json"}
    answer = client.post(f"{V1}/{name}", content=content.encode(), headers=headers)
    assert answer.status_code == (200 if field in ("left", "text") else 422)
    if field == "left":
        assert answer.json()["left"]["text"] == "broken \ufffd text"
        assert "surrogate" in answer.json()["warnings"][0]


def test_an_error_of_one_pair_is_that_pairs_alone():
    def embed(texts):
        vectors = count_letters(texts)
        for row, text in enumerate(texts):
            if "poison" in text:
                vectors[row] = float("nan")
        return vectors

    explainer = Explainer(embed=embed)
    pairs = [(f"text {n}", "poison" if n in (2, 5) else f"other {n}") for n in range(7)]
    found = explain_each(explainer, pairs)
    for number, (pair, one) in enumerate(zip(pairs, found, strict=True)):
        if number in (2, 5):
            assert isinstance(one, ModelError)
            assert "Pair" not in str(one)
        else:
            assert one == explainer.explain(*pair)


def test_long_texts_are_told_one_by_one_where_they_are_an_error():
    explainer = Explainer(tiny("bert").parts, options=BTIOptions(long_text="error"))
    pairs = [("a warm hat", "gloves"), ("glove " * 400, "hat"), ("wool", "stretch wool")]
    found = explain_each(explainer, pairs)
    assert isinstance(found[1], TextError)
    assert "Pair" not in str(found[1])
    for number in (0, 2):
        alone = explainer.explain(*pairs[number])
        assert found[number].similarity == pytest.approx(alone.similarity, abs=1e-5)


def test_two_models_do_not_share_kept_results():
    def shouts(texts):
        return count_letters(texts) ** 2

    with_both = Service({"one": open_explainer(), "two": Explainer(embed=shouts)})
    client = TestClient(create_api_app(with_both), base_url=HOME)
    scores = {
        name: ask(client, "explain", left=LEFT, right=RIGHT, model=name).json()["similarity"]
        for name in ("one", "two", "one")
    }
    assert scores["one"] != scores["two"]
    assert with_both.kept.hits == 1
    with_both.close()


def test_a_limit_of_memory_for_kept_results_holds():
    service = Service({"one": open_explainer()}, limits=ServiceLimits(kept_bytes=20_000))
    client = TestClient(create_api_app(service), base_url=HOME)
    for n in range(40):
        ask(client, "explain", left=f"gloves {n}", right="hat")
        assert service.kept.bytes <= 20_000
    assert 0 < len(service.kept) < 40
    service.close()


def test_an_index_alone_serves_its_model(service):
    index = service.index().index
    alone = Service({}, indexes={"shop": index})
    client = TestClient(create_api_app(alone), base_url=HOME)
    said = client.get(f"{V1}/models").json()
    assert [one["name"] for one in said["models"]] == [said["indexes"][0]["model"]]
    answer = ask(client, "explain", left=LEFT, right=RIGHT)
    assert Explanation.from_dict(answer.json()) == open_explainer().explain(LEFT, RIGHT)
    alone.close()
    for name, asked in (("explain", {"left": "a", "right": "new"}), ("similar", {"text": "a"})):
        stopped = ask(client, name, **asked)
        assert stopped.status_code == 503
        assert stopped.headers["retry-after"] == "10"


def test_an_index_shares_the_model_that_is_served_already(service, tmp_path):
    assert service.index().model is service.model()
    with pytest.raises(OptionError, match="nothing to serve"):
        Service({})


def test_what_is_wrong_on_our_side_is_logged_and_not_told(caplog):
    def embed(texts):
        if any("secret" in text for text in texts):
            raise RuntimeError("a secret of the machine")
        return count_letters(texts)

    broken = Service({"one": Explainer(embed=embed)})
    app = create_api_app(broken)
    client = TestClient(app, base_url=HOME, raise_server_exceptions=False)
    answer = ask(client, "explain", left="the secret", right="b")
    assert answer.status_code == 500
    assert "of the machine" not in answer.text
    line = json.dumps({"left": "the secret", "right": "b"})
    said = client.post(f"{V1}/batch", content=line + '\n{"left": "a", "right": "b"}')
    first, second = map(json.loads, said.text.splitlines())
    assert "log" in first["error"]
    assert "of the machine" not in first["error"]
    assert "explanation" in second
    assert "a secret of the machine" in caplog.text
    broken.close()


def test_a_service_that_does_not_answer_is_not_asked_for_each_pair(caplog):
    failed = []

    def embed(texts):
        if any("text" in text for text in texts):
            failed.append(texts)
            raise TimeoutError("a secret of the machine")
        return count_letters(texts)

    explainer = Explainer(embed=BlackBox(embed, retry=Retry(tries=2, wait=0)))
    pairs = [(f"text {n}", f"other {n}") for n in range(6)]
    found = explain_each(explainer, pairs)
    assert len(failed) == 2
    assert len(found) == 6
    assert {type(one) for one in found} == {FunctionError}
    broken = Service({"one": explainer})
    client = TestClient(create_api_app(broken), base_url=HOME, raise_server_exceptions=False)
    said = client.post(f"{V1}/batch", content='{"left": "text", "right": "b"}')
    assert "error" in said.json()
    assert "of the machine" not in said.text
    assert "of the machine" in caplog.text
    broken.close()
