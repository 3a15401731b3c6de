"""Sentences and phrases through the API, as the library measures them."""

import asyncio
import json

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import count_letters
from fastapi.testclient import TestClient

from scorer_folders import save_kinds
from whyalike import Explainer, Explanation
from whyalike.web.api.service import Service
from whyalike.web.explorer.drawing import pair_in_python, pair_in_shell
from whyalike.web.serving import create_explorer_app

HOME = "http://127.0.0.1:8000"
LEFT = "keep hands warm with knit gloves"
RIGHT = "These smart phone gloves are cut from wool. Lemons are sour. Warm hands need wool."


@pytest.fixture(scope="module")
def explainers(tmp_path_factory):
    place = save_kinds(tmp_path_factory.mktemp("kinds"), ["static"])["static"]
    return {
        "static": Explainer(str(place), device="cpu"),
        "letters": Explainer(embed=count_letters),
    }


@pytest.fixture(scope="module")
def service(explainers):
    service = Service(explainers)
    yield service
    service.close()


@pytest.fixture(scope="module")
def client(service):
    return TestClient(create_explorer_app(service), base_url=HOME)


def ask(client, **asked):
    return client.post("/api/v1/explain", json={"left": LEFT, "right": RIGHT, **asked})


@pytest.mark.parametrize("unit", ["word", "sentence", "phrase"])
def test_the_api_measures_what_the_library_does(client, explainers, unit):
    answer = ask(client, model="static", check=0, unit=unit)
    assert answer.status_code == 200, answer.text
    own = explainers["static"].explain(LEFT, RIGHT, unit=unit)
    assert Explanation.from_json(answer.content) == own
    assert answer.json().get("units", {"kind": "word"})["kind"] == unit


def test_answers_of_different_units_are_kept_apart(client):
    kinds = ["word", "sentence", "word", "phrase", "sentence"]
    found = [ask(client, model="static", unit=unit).json() for unit in kinds]
    assert [one.get("units", {"kind": "word"})["kind"] for one in found] == kinds


@pytest.mark.parametrize("unit", ["chapter", "", 1, None])
def test_a_unit_that_there_is_not_is_refused_with_the_choices(client, unit):
    answer = ask(client, unit=unit)
    assert answer.status_code == 422
    said = answer.json()["error"]
    assert "unit" in said
    assert all(choice in said for choice in ("word", "phrase", "sentence"))


def test_the_schema_names_the_choices(client):
    models = client.get("/api/openapi.json").json()["components"]["schemas"]
    unit = models["ExplainRequest"]["properties"]["unit"]
    assert unit["enum"] == ["word", "phrase", "sentence"]
    assert unit["default"] == "word"


def test_a_line_of_a_batch_may_ask_for_units(client):
    lines = [{"left": LEFT, "right": RIGHT, "model": "static"}]
    lines.append({**lines[0], "unit": "sentence"})
    answer = client.post("/api/v1/batch", content="\n".join(map(json.dumps, lines)))
    assert answer.status_code == 200, answer.text
    plain, measured = (json.loads(line)["explanation"] for line in answer.text.splitlines())
    assert "units" not in plain
    assert len(measured["units"]["right"]) == 3


def test_units_are_a_part_of_what_an_answer_costs(service):
    new = "some other words of warm wool gloves"

    def cost(unit):
        return asyncio.run(service.estimate(new, RIGHT, model="static", unit=unit)).cost

    assert cost("word") < cost("sentence") < cost("phrase")


def test_what_was_kept_costs_nothing_for_its_own_unit_only(service):
    new = "words that nobody asked for"
    asked = {"model": "static", "unit": "sentence"}

    async def costs():
        before = await service.estimate(new, RIGHT, **asked)
        await service.explain(new, RIGHT, **asked)
        after = await service.estimate(new, RIGHT, **asked)
        return before.cost, after.cost, (await service.estimate(new, RIGHT, model="static")).cost

    before, after, of_words = asyncio.run(costs())
    assert before > after == 0.0
    assert of_words > 0.0


def test_the_program_of_the_page_asks_for_the_unit(client, explainers, capsys):
    explainer = explainers["static"]
    method, options = explainer.method.name, explainer.options
    program = pair_in_python(explainer, [method], options, (LEFT, RIGHT), unit="sentence")
    exec(program, {})  # It is ours.
    own = explainer.explain(LEFT, RIGHT, check=3, unit="sentence")
    assert capsys.readouterr().out.rstrip() == str(own).rstrip()
    both = pair_in_python(explainer, [method, "occlusion"], options, (LEFT, RIGHT), unit="phrase")
    assert "explain(*pair, unit='phrase')" in both
    assert "unit" not in pair_in_python(explainer, [method], options, (LEFT, RIGHT))
    shell = pair_in_shell(explainer, [method], options, (LEFT, RIGHT), unit="sentence")
    assert "--unit sentence --" in shell
    page = client.get("/", params={"left": LEFT, "right": RIGHT, "unit": "sentence"}).text
    assert "unit=&#39;sentence&#39;" in page
    assert "--unit sentence" in page
