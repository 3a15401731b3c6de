"""What users see of the objects they hold, in a real kernel and wherever else text is made."""

import builtins
import json
import os
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from notebook_objects import OBJECTS, SHOWS

from whyalike.catalogue import explain_hits

HERE = Path(__file__).parent
MARKDOWN = {"faithfulness", "infidelity", "gold", "randomization", "randomizations", "training"}


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    folder = tmp_path_factory.mktemp("objects")
    return {name: make(folder) for name, make in OBJECTS.items()}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The outputs of a real kernel: of each object as the last line of a cell, and as a string."""
    nbclient = pytest.importorskip("nbclient", reason="needs the package nbclient")
    pytest.importorskip("ipykernel", reason="needs the package ipykernel")
    from nbformat.v4 import new_code_cell, new_notebook

    folder = tmp_path_factory.mktemp("kernel")
    begin = (
        "import json\nfrom pathlib import Path\nfrom notebook_objects import OBJECTS\n"
        f"made = {{name: make(Path({str(folder)!r})) for name, make in OBJECTS.items()}}"
    )
    notebook = new_notebook(
        cells=[
            new_code_cell(begin),
            *(new_code_cell(f"made[{name!r}]") for name in OBJECTS),
            *(new_code_cell(f"said = str(made[{name!r}])") for name in OBJECTS),
            new_code_cell("print(json.dumps({name: str(one) for name, one in made.items()}))"),
        ]
    )
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    client = nbclient.NotebookClient(
        notebook, kernel_name="python3", timeout=None, resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    outputs = [cell["outputs"] for cell in notebook.cells]
    shown = dict(zip(OBJECTS, outputs[1:], strict=False))
    made = dict(zip(OBJECTS, outputs[1 + len(OBJECTS) : -1], strict=True))
    (printed,) = outputs[-1]
    return outputs[0], shown, made, json.loads(printed["text"])


@pytest.mark.parametrize("name", OBJECTS)
def test_a_kernel_shows_a_page_and_prints_nothing_of_its_own(cells, objects, name):
    begun, shown, made, strings = cells
    assert [one for one in begun if one["output_type"] != "stream"] == []
    (output,) = shown[name]
    assert output["output_type"] == "execute_result"
    page = output["data"]["text/markdown" if name in MARKDOWN else "text/html"]
    for said in SHOWS[name]:
        assert said in unescape(page)
    assert "\n" not in output["data"]["text/plain"] or name == "hits"
    assert made[name] == [], "a string is made, and nothing is shown"
    assert strings[name] == str(objects[name])


class Markup(HTMLParser):
    """The ids of a piece of markup, what names them, and its tags."""

    def __init__(self, markup):
        super().__init__()
        self.ids, self.named, self.tags = [], [], []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name in ("aria-labelledby", "aria-describedby"):
                self.named += value.split()


@pytest.mark.parametrize("name", sorted(OBJECTS.keys() - MARKDOWN))
def test_a_part_of_a_page_is_whole_and_has_ids_of_its_own(objects, name):
    page = objects[name]._repr_html_()
    assert page == objects[name]._repr_html_()
    found = Markup(page)
    assert not {"html", "head", "body", "main", "h1"} & set(found.tags)
    assert {"style", "script"} <= set(found.tags)
    assert set(found.named) <= set(found.ids)
    assert len(set(found.ids)) == len(found.ids)
    assert "<1>" not in page
    assert not re.search("<b>(scarf|cheap)|<i>of", page)
    for other in sorted(OBJECTS.keys() - MARKDOWN - {name}):
        assert not set(found.ids) & set(Markup(objects[other]._repr_html_()).ids), other
    styles = "".join(re.findall(r"<style>(.*?)</style>", page, re.S))
    assert not re.search(r"(^|[\s,}])(body|html|main|:root)[\s,{]", styles)
    assert ".whyalike-page {" not in styles


def test_a_list_of_hits_is_a_list(objects):
    hits = objects["hits"]
    assert isinstance(hits, list)
    assert [hit.item.id for hit in hits] == ["g2", "w1"]
    assert hits == list(hits)
    assert repr(hits) == (
        "[Hit(rank=1, id='g2', title='Mittens', similarity="
        f"{hits[0].similarity:.4f}), Hit(rank=2, id='w1', title='Rioja', similarity="
        f"{hits[1].similarity:.4f})]"
    )
    assert [one.right.text for one in explain_hits(hits)] == [hit.text for hit in hits]


class ZMQInteractiveShell:
    """What get_ipython returns in a kernel; Rich goes by the name of its class."""


ENVIRONMENTS = {
    "a notebook": ({"JUPYTER_COLUMNS": "30"}, True),
    "colours forced": ({"FORCE_COLOR": "1", "TERM": "dumb", "COLUMNS": "30"}, False),
    "a terminal said": ({"TTY_COMPATIBLE": "1", "TERM": "unknown", "LINES": "5"}, False),
    "no colours": ({"NO_COLOR": "1", "COLUMNS": "200"}, False),
}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("name", OBJECTS)
def test_a_string_is_the_same_wherever_it_is_made(objects, monkeypatch, capsys, name, environment):
    expected = str(objects[name])
    for said in SHOWS[name]:
        assert said in expected
    assert "\x1b" not in expected
    variables, notebook = ENVIRONMENTS[environment]
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    if notebook:
        monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    assert str(objects[name]) == expected
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", OBJECTS)
def test_a_repr_is_one_short_line(objects, name):
    said = repr(objects[name])
    assert "\n" not in said
    assert len(said) < 300
