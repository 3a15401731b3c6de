"""Checked reasons through the API and on the page: by default where a pass is cheap."""

import asyncio
import json

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import count_letters
from fastapi.testclient import TestClient

from scorer_folders import save_kinds
from whyalike import Explainer, Explanation
from whyalike.web.api.service import Service
from whyalike.web.explorer.drawing import pair_in_python
from whyalike.web.serving import create_explorer_app

HOME = "http://127.0.0.1:8000"
LEFT, RIGHT = "keep hands warm with knit gloves", "these smart phone gloves are cut from wool"


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
    answer = client.post("/api/v1/explain", json={"left": LEFT, "right": RIGHT, **asked})
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        ("static", {}, 3),
        ("static", {"check": 0}, 0),
        ("static", {"check": 1}, 1),
        ("static", {"check": None}, 3),
        ("letters", {}, 0),
        ("letters", {"check": 2}, 2),
    ],
)
def test_the_api_checks_what_the_library_does(client, explainers, model, asked, expected):
    answer = ask(client, model=model, **asked)
    own = explainers[model].explain(LEFT, RIGHT, check=expected)
    assert Explanation.from_json(answer.content) == own
    assert answer.json()["verdict"] == own.verdict
    assert ("checks" in answer.json()) == (expected > 0)


def test_a_checked_answer_is_kept_apart_from_one_that_is_not(client):
    numbers = [0, 2, 0, 1, 2]
    found = [ask(client, model="static", check=check).json() for check in numbers]
    assert [len(one.get("checks", {"pairs": ()})["pairs"]) for one in found] == numbers


@pytest.mark.parametrize("check", [-1, 51, "many", 1.5])
def test_a_number_that_is_not_allowed_is_refused(client, check):
    asked = {"left": LEFT, "right": RIGHT, "check": check}
    answer = client.post("/api/v1/explain", json=asked)
    assert answer.status_code == 422
    assert "check" in answer.json()["error"]


def test_a_batch_checks_where_a_line_asks_for_it(client):
    lines = [{"left": LEFT, "right": RIGHT, "model": "static"}]
    lines.append({**lines[0], "check": 2})
    answer = client.post("/api/v1/batch", content="\n".join(map(json.dumps, lines)))
    assert answer.status_code == 200, answer.text
    plain, checked = (json.loads(line)["explanation"] for line in answer.text.splitlines())
    assert "checks" not in plain
    assert len(checked["checks"]["pairs"]) == 2


def test_checks_are_a_part_of_what_an_answer_costs(service):
    new = "some other words of warm wool gloves"

    def cost(check):
        return asyncio.run(service.estimate(new, RIGHT, model="static", check=check)).cost

    assert cost(0) < cost(1) < cost(3)
    assert cost(3) - cost(1) == pytest.approx(cost(1) - cost(0))


def test_the_program_of_the_page_prints_what_the_page_shows(explainers, capsys):
    method = explainers["static"].method.name
    options = explainers["static"].options
    program = pair_in_python(explainers["static"], [method], options, (LEFT, RIGHT))
    exec(program, {})  # It is ours.
    own = explainers["static"].explain(LEFT, RIGHT, check=3)
    assert capsys.readouterr().out.splitlines()[:2] == str(own).splitlines()[:2]
    assert "check=" not in pair_in_python(explainers["letters"], ["occlusion"], options, ("a", "b"))


def test_the_page_of_a_pair_says_what_carries_the_score(client):
    page = client.get("/", params={"left": LEFT, "right": RIGHT, "model": "static"}).text
    assert page.index("wa-verdict") < page.index("wa-number")
    assert "wa-checks" in page
    assert "without all of these" in page
    functions = client.get("/", params={"left": LEFT, "right": RIGHT, "model": "letters"}).text
    assert "wa-verdict" in functions
    assert "without all of these" not in functions
