"""The API takes options of methods by name, as the methods declare them."""

import shlex
import sys

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import count_letters
from fastapi.testclient import TestClient

from other_package import NAME, find_again, write_package
from whyalike import Explainer, Explanation
from whyalike.catalogue import CatalogueIndex, Item
from whyalike.methods.method import list_methods
from whyalike.options import BTIOptions, all_options, declared
from whyalike.web.api.api_app import create_api_app
from whyalike.web.api.schema import ExplanationModel
from whyalike.web.api.service import Service
from whyalike.web.explorer.asking import Asked, SearchQuestion
from whyalike.web.explorer.catalogue import search_in_python, search_in_shell
from whyalike.web.explorer.drawing import pair_in_python, pair_in_shell

LEFT, RIGHT = "Warm knit gloves.", "Lined leather gloves for winter."


@pytest.fixture
def first(monkeypatch, tmp_path):
    """The module of an installed package with a method."""
    write_package(tmp_path)
    find_again(monkeypatch, tmp_path)
    yield sys.modules["words_from_elsewhere"]
    del sys.modules["words_from_elsewhere"]


@pytest.fixture
def client(first):
    service = Service({"letters": Explainer(embed=count_letters)})
    yield TestClient(create_api_app(service), base_url="http://127.0.0.1:8000")
    service.close()


def ask(client, method, **options):
    asked = {"left": LEFT, "right": RIGHT, "method": method, "options": options}
    return client.post("/api/v1/explain", json=asked)


def test_a_method_of_an_installed_package_takes_its_own(client, first):
    answer = ask(client, NAME, count=1, side="end")
    assert answer.status_code == 200, answer.text
    options = first.FirstOptions(count=1, side="end")
    own = Explainer(embed=count_letters, method=NAME, options=options).explain(LEFT, RIGHT)
    assert Explanation.from_dict(answer.json()) == own
    ExplanationModel.model_validate(answer.json(), strict=True)
    # Kept for these options alone; another top_k goes with them.
    assert ask(client, NAME, count=2, side="end").json()["options"]["own"]["count"] == 2
    shown = ask(client, NAME, count=1, side="end", top_k=1).json()
    assert (shown["options"]["top_k"], shown["options"]["own"]["count"]) == (1, 1)


@pytest.mark.parametrize(
    ("method", "options", "says"),
    [
        (NAME, {"count": 6}, "count is 6; this server allows 5 at most"),
        (NAME, {"count": 0}, "count is 0; give a whole number from 1 up to 9"),
        (NAME, {"count": "2"}, "count is '2'; give a whole number"),
        (NAME, {"side": ["end"]}, "allowed: 'start', 'end'"),
        (NAME, {"colour": 1}, "There is no option 'colour'; allowed: "),
        ("random", {"count": 1}, "There is no option 'count'; allowed: "),
        ("shapley", {"permutations": 65}, "permutations is 65; this server allows 64 at most"),
    ],
)
def test_what_is_not_allowed_is_refused(client, method, options, says):
    answer = ask(client, method, **options)
    assert answer.status_code == 422
    assert says in answer.json()["error"]


def test_the_list_of_methods_has_their_declarations(client):
    found = client.get("/api/v1/methods").json()
    assert found == [method.to_dict() for method in list_methods()]
    by_name = {one["name"]: one for one in found}
    count = next(one for one in by_name[NAME]["options"] if one["name"] == "count")
    assert (count["served"], count["most"], count["unit"]) == (5, 9, "words")


def test_the_reference_says_what_each_takes(client):
    schemas = client.get("/api/openapi.json").json()["components"]["schemas"]
    taken = schemas["SomeOptions"]
    assert taken["additionalProperties"] is False
    assert set(taken["properties"]) == {one.name for one in declared(BTIOptions)} | {
        "count",
        "side",
    }
    assert taken["properties"]["count"]["anyOf"] == [
        {"type": "integer", "minimum": 1, "maximum": 5}
    ]
    assert taken["properties"]["permutations"]["anyOf"][0]["maximum"] == 64
    assert taken["properties"]["bandwidth"]["anyOf"][1] == {"type": "null"}
    page = " ".join(client.get("/api/docs").text.split())
    for method in list_methods():
        for option in method.declared:
            assert f"<code>{option.name}</code>" in page
    assert "a whole number from 1 up to 9; this server: 5 at most" in page
    assert "How many words at the start are salient." in page


@pytest.mark.parametrize("usual", [BTIOptions(), BTIOptions(permutations=3, seed=2, top_k=4)])
def test_the_code_of_the_explorer_says_every_option(first, usual):
    options = all_options({**usual.values(), "count": 1})
    explainer = Explainer(embed=count_letters, method=NAME, options=options)
    python = pair_in_python(explainer, [NAME], options, (LEFT, RIGHT))
    known = {"whyalike": None, "embed": count_letters}
    opened = python.replace("embed=...,", "embed=embed,").partition("e = explainer")[0]
    exec(opened, known)
    assert known["explainer"].options == options
    theirs = shlex.split(pair_in_shell(explainer, [NAME], options, (LEFT, RIGHT)))
    assert theirs[theirs.index("-O") + 1] == "count=1"
    assert theirs.count("-O") == 1, "the options of other methods are none of this one's"
    ours = shlex.split(pair_in_shell(explainer, ["shapley"], options, (LEFT, RIGHT)))
    given = [ours[place + 1] for place, one in enumerate(ours) if one == "-O"]
    assert sorted(given) == ([] if usual == BTIOptions() else ["permutations=3", "seed=2"])
    assert ("--top-k" in ours) == (usual.top_k == 4)


def test_the_code_of_a_search_says_the_options_that_this_server_has(first, tmp_path):
    options = all_options({"top_k": 3, "long_text": "windows", "count": 1})
    explainer = Explainer(embed=count_letters, method=NAME, options=options)
    items = [Item(id=str(n), title="", description=text) for n, text in enumerate((LEFT, RIGHT))]
    index = CatalogueIndex.build(items, tmp_path / "shop", model=explainer, fields=("description",))
    service = Service({"letters": explainer}, indexes={"shop": index})
    asked = SearchQuestion.of(Asked({"text": ["gloves"]}))
    python = search_in_python(service.indexes["shop"], asked, None)
    assert "CatalogueIndex.open('shop', options=all_options({'top_k': 3, 'count': 1}))" in python
    assert "from whyalike.options import all_options\n" in python
    said = shlex.split(search_in_shell(service.indexes["shop"], asked, None))
    assert said[-5:] == [f"--method={NAME}", "-O", "top_k=3", "-O", "count=1"]
    service.close()


def test_a_query_of_several_chunks_is_compared_or_it_is_said_why_not(client):
    asked = {
        "query": "gloves of wool here and there now zebra quiz",
        "better": "gloves of wool",
        "worse": "zebra quiz",
        "method": "occlusion",
        "options": {"long_text": "chunks", "chunk_size": 4},
    }
    answer = client.post("/api/v1/compare", json=asked)
    assert answer.status_code == 422, answer.text
    assert "The query is read in chunks" in answer.json()["error"]
    whole = {**asked, "options": {"long_text": "chunks", "chunk_size": 30}}
    assert client.post("/api/v1/compare", json=whole).status_code == 200
