"""Many pairs in a table: read from files, uploaded, sorted, filtered, opened, exported."""

import csv
import html
import io
import json
import random
import re

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import counted, make_app, open_explainer
from fastapi.testclient import TestClient
from pages import PART, Pages, axe_of
from serving_apps import serving

from whyalike.batch.reading import read_pair_table
from whyalike.batch.run import explain_file
from whyalike.errors import FormatError, OptionError
from whyalike.web.api.allowance import said
from whyalike.web.api.asking import ServiceLimits
from whyalike.web.api.service import Service
from whyalike.web.explorer.uploads import KeptUploads

PAIRS = [
    ("warm gloves", "gloves that warm", "1", "a"),
    ("a hat", "scarf of silk", "0", "b"),
    ("boots", "", "0", "c"),
    ("zip", "a zip", "1", "=2+3"),
    ("<b>bold</b>", 'it\'s "bold", really', "0", "d"),
]


def write_pairs(path, rows=PAIRS):
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerows([("left", "right", "label", "note"), *rows])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    write_pairs(folder / "pairs.csv")
    explain_file(folder / "pairs.csv", folder / "out.jsonl", model=open_explainer())
    return folder


@pytest.fixture(scope="module")
def service(folder):
    table = read_pair_table(folder / "out.jsonl", name="out.jsonl")
    explainer = open_explainer()
    made = Service(
        {"letters": explainer}, pairs={"out.jsonl": table}, limits=ServiceLimits(batch=40)
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(service):
    return TestClient(make_app(service), base_url="http://127.0.0.1:8000")


@pytest.fixture(scope="module")
def url(service):
    with serving(make_app(service)) as url:
        yield url


@pytest.fixture
def open_page(browser, url):
    with Pages(browser, url) as pages:
        yield pages.open


def shown(client, **fields):
    """The numbers of the rows that are shown, in order."""
    page = client.get("/pairs", params=fields, headers=PART)
    assert page.status_code == 200, page.text
    return [int(n) for n in re.findall(r'<th scope="row">(?:<a[^>]*>)?(\d+)', page.text)]


@pytest.mark.parametrize("fields", [None, ["all"], ["score"], ["score", "texts"]])
@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_what_was_written_is_read_back(folder, tmp_path, fields, ending):
    pytest.importorskip("pyarrow")
    out = tmp_path / f"out{ending}"
    explainer = open_explainer()
    explain_file(folder / "pairs.csv", out, model=explainer, fields=fields)
    table = read_pair_table(out)
    assert (table.is_explained, table.kept, table.more) == (True, ("label", "note"), 0)
    assert (table.model, table.method) == (explainer.model.name, explainer.method.name)
    for row, (left, right, label, note) in zip(table.rows, PAIRS, strict=True):
        assert str(row.kept["label"]) == label
        assert row.kept["note"] == note
        if not right:
            assert row.error
            assert row.score is None
            continue
        found = explainer.explain(left, right)
        assert row.texts == (left, right)
        assert row.score == pytest.approx(found.similarity, abs=1e-9)
        if fields is None:
            words = found.left.words, found.right.words
            assert row.pairs == tuple(
                (words[0][p.left].text, words[1][p.right].text, p.score) for p in found.pairs
            )
        assert (row.explanation is not None) == (fields == ["all"])


def test_ids_are_no_texts(tmp_path):
    from explorer_service import make_items

    from whyalike.catalogue import CatalogueIndex

    index = CatalogueIndex.build(make_items(), tmp_path / "idx", model=open_explainer())
    (tmp_path / "ids.csv").write_text("left,right\ng1,g2\ns1,h1\n")
    explain_file(tmp_path / "ids.csv", tmp_path / "out.jsonl", index=index)
    table = read_pair_table(tmp_path / "out.jsonl")
    assert [row.texts for row in table.rows] == [None, None]
    assert table.kept == ("left", "right")
    assert table.rows[0].score is not None


def test_pairs_that_nobody_explained_are_read_too(folder, tmp_path):
    table = read_pair_table(folder / "pairs.csv")
    assert not table.is_explained
    assert [row.texts and row.texts[0] for row in table.rows] == [
        "warm gloves", "a hat", None, "zip", "<b>bold</b>",
    ]  # fmt: skip
    assert (len(read_pair_table(folder / "pairs.csv", most=2).rows)) == 2
    assert read_pair_table(folder / "pairs.csv", most=2).more == 3
    assert read_pair_table(folder / "out.jsonl", most=2).more == 3
    broken = tmp_path / "broken.jsonl"
    for content in (
        '{"row": 1, "score": "x", "error": null}',
        '{"row": 1, "score": 1, "error": null}\n[1]',
    ):
        broken.write_text(content)
        with pytest.raises(FormatError, match=r"row 1|no object"):
            read_pair_table(broken)
    (tmp_path / "no.csv").write_text("a,b\n1,2\n")
    with pytest.raises(OptionError, match="no columns of texts"):
        read_pair_table(tmp_path / "no.csv")


def test_rows_are_sorted_filtered_and_searched(client, service):
    rows = service.pairs["out.jsonl"].rows
    scores = {row.number: row.score for row in rows if row.score is not None}
    by_score = sorted(scores, key=lambda n: -scores[n])
    assert shown(client) == [1, 2, 3, 4, 5]
    assert shown(client, sort="score") == [*by_score, 3]  # Without a score it comes last.
    assert shown(client, sort="score", direction="up") == [*by_score[::-1], 3]
    assert shown(client, sort="is.label", direction="up") == [2, 3, 5, 1, 4]
    assert shown(client, sort="is.note", direction="up") == [4, 1, 2, 3, 5]
    assert shown(client, show="bad") == [3]
    assert shown(client, show="explained") == [1, 2, 4, 5]
    middle = sorted(scores.values())[2]
    assert shown(client, **{"from": str(middle)}) == [n for n in scores if scores[n] >= middle]
    assert shown(client, to=str(middle)) == [n for n in scores if scores[n] <= middle]
    assert shown(client, find="GLOVES warm") == [1]
    assert shown(client, find="nothing like it") == []
    for fields, says in (
        ({"sort": "is.x"}, "give one of: score, is.label"),
        ({"from": "x"}, "give a number"),
        ({"show": "x"}, "none of"),
    ):
        answer = client.get("/pairs", params=fields)
        assert answer.status_code == 422
        assert says in html.unescape(answer.text)
    assert "not here (any more)" in client.get("/pairs", params={"table": "x"}).text


def test_many_rows_come_in_pages(tmp_path):
    rows = [(f"left {n}", f"right {n}", str(n), "") for n in range(120)]
    table = read_pair_table(write_pairs(tmp_path / "many.csv", rows), name="many")
    service = Service({"letters": open_explainer()}, pairs={"many": table})
    client = TestClient(make_app(service), base_url="http://127.0.0.1:8000")
    seen, link = [], "/pairs"
    while link:
        page = client.get(link).text
        seen += [int(n) for n in re.findall(r'<th scope="row"><a[^>]*>(\d+)', page)]
        found = re.search(r'<a href="([^"]*)">More rows', page)
        link = html.unescape(found[1]) if found else ""
    assert seen == list(range(1, 121))
    service.close()


def test_what_strangers_wrote_is_never_markup(client):
    page = client.get("/pairs").text
    assert "<b>bold</b>" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page


def test_a_row_is_explained_by_its_link(client):
    page = client.get("/pairs/row", params={"row": "1"})
    explainer = open_explainer()
    score = explainer.explain(*PAIRS[0][:2]).similarity
    assert f">{score:.3f}</span>" in page.text
    assert "Next row" in page.text
    assert "Row before" not in page.text
    assert client.get("/pairs/row", params={"row": "99"}).status_code == 404
    assert client.get("/pairs/row", params={"row": "3"}).status_code == 422


def test_the_files_have_the_rows_that_are_shown(client, service):
    rows = {row.number: row for row in service.pairs["out.jsonl"].rows}
    asked = {"sort": "score", "show": "explained"}
    order = shown(client, **asked)
    lines = client.get("/pairs/jsonl", params=asked).text.splitlines()
    told = [json.loads(line) for line in lines]
    assert [one["row"] for one in told] == order
    for one in told:
        row = rows[one["row"]]
        assert (one["left_text"], one["right_text"]) == row.texts
        assert one["score"] == row.score
        assert one["label"] == row.kept["label"]
        assert [(p["left"], p["right"], p["score"]) for p in one["pairs"]] == list(row.pairs)
    found = list(csv.DictReader(io.StringIO(client.get("/pairs/csv", params=asked).text)))
    assert [int(one["row"]) for one in found] == order
    assert [float(one["score"]) for one in found] == [rows[n].score for n in order]
    # What is written can be read again.
    assert client.get("/pairs/json").status_code == 404


def test_a_spreadsheet_runs_nothing_of_a_file(client):
    texts = ["=1+1 gloves", "@home mittens", "-2 hats", "\tcap"]
    content = "=note,left,right\n" + "".join(f"+x,{a},{a} wool\n" for a in texts)
    page = send(client, content.encode(), model="letters", method="random")
    said = client.get("/pairs/csv", params={"table": page.url.params["table"]}).text
    rows = list(csv.reader(io.StringIO(said, newline="")))
    assert len(rows) == 1 + len(texts)
    cells = [cell for row in rows for cell in row]
    assert {f"'{text.strip()}" for text in texts[:3]} <= {cell.strip() for cell in cells}
    assert "'+x" in cells
    assert "'=note" in cells
    # Numbers are none.
    assert not [one for one in cells if one[:1] in "=+@\t-" and one and not _is_number(one)]


def _is_number(said):
    try:
        float(said)
    except ValueError:
        return False
    return True


def send(client, content, name="mine.csv", **fields):
    return client.post("/pairs/upload", data=fields, files={"file": (name, content)})


def test_an_upload_is_explained(client, folder):
    page = send(client, (folder / "pairs.csv").read_bytes(), model="letters", method="random")
    assert page.status_code == 200
    assert "mine.csv" in page.text
    table = page.url.params["table"]
    told = [
        json.loads(one)
        for one in client.get("/pairs/jsonl", params={"table": table}).text.splitlines()
    ]
    explainer = open_explainer()
    for one, (left, right, *_) in zip(told, PAIRS, strict=True):
        if right:
            assert one["score"] == pytest.approx(explainer.explain(left, right).similarity)
        else:
            assert one["error"]
    row = client.get("/pairs/row", params={"table": table, "row": "1"}).text
    assert re.search(r"<dt>Method</dt><dd><bdi>random", row)


def test_results_are_taken_as_they_are(client, folder):
    page = send(client, (folder / "out.jsonl").read_bytes(), name="C:\\a b\\out.jsonl")
    assert page.status_code == 200
    assert "out.jsonl" in page.text
    table = page.url.params["table"]
    assert shown(client, table=table, sort="score") == shown(client, sort="score")


@pytest.mark.parametrize(
    ("content", "name", "fields", "status", "says"),
    [
        (b"", "a.csv", {}, 422, "choose one"),
        (b"a,b\n1,2\n", "a.csv", {}, 422, "a.csv has no columns of texts"),
        (b"left,right\nx,y\n", "a.exe", {}, 422, "a.exe does not say what it is"),
        (b"left,right\n" + b"x,y\n" * 41, "a.csv", {}, 422, "41 pairs; this server explains 40"),
        (b"left,right\nx,y\n", "a.csv", {"model": "none"}, 422, "no model 'none'"),
        (b"left,right\nx,y\n", "a.csv", {"method": "none"}, 422, "none"),
        (b"x" * 9 * 1024 * 1024, "a.csv", {}, 413, ""),
    ],
)
def test_what_can_t_be_taken_is_said(client, content, name, fields, status, says):  # noqa: PLR0917
    page = send(client, content, name=name, **fields)
    assert page.status_code == status
    assert says in html.unescape(page.text)
    assert "/tmp" not in page.text


def test_uploads_come_from_our_own_pages(client):
    answer = client.post(
        "/pairs/upload",
        files={"file": ("a.csv", b"left,right\nx,y\n")},
        headers={"origin": "https://evil.example"},
    )
    assert answer.status_code == 403
    assert client.post("/pairs/upload", data={"a": "b"}).status_code == 422
    broken = client.post(
        "/pairs/upload", content=b"nothing", headers={"content-type": "multipart/form-data"}
    )
    assert broken.status_code == 422


def test_bytes_come_as_they_were_sent():
    import asyncio

    from starlette.requests import Request

    from whyalike.web.explorer.uploads import read_upload

    sent = bytes(random.Random(0).randrange(256) for _ in range(4096)) + b"\r\n\r\r\n--x\n"
    for content in (sent, bytes(range(256)), b"\r\n", b"a\nb\r\n"):
        body = (
            b'--x-y\r\ncontent-disposition: form-data; name="a"\r\n\r\n\xc3\xa4\r\n'
            b'--x-y\r\ncontent-disposition: form-data; name="file"; filename="b.bin"\r\n'
            b"content-type: application/octet-stream\r\n\r\n" + content + b"\r\n--x-y--\r\n"
        )

        async def receive(body=body):
            return {"type": "http.request", "body": body, "more_body": False}

        scope = {
            "type": "http",
            "headers": [(b"content-type", b"multipart/form-data; boundary=x-y")],
        }
        found = asyncio.run(read_upload(Request(scope, receive)))
        assert (found.fields, found.name, found.content) == ({"a": "ä"}, "b.bin", content)


@pytest.fixture
def slow():
    """A server that expects each pair to take a second, so that many take long."""
    made = Service({"letters": open_explainer()}, limits=ServiceLimits(batch=40))
    speeds = made.models["letters"].speeds
    speeds.seconds = speeds.least = lambda method, cost: 1.0
    yield made
    made.close()


def fields_of(page):
    """What the button that begins sends."""
    form = re.search(r'<form id="ask".*?</form>', page.text, re.DOTALL)[0]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)) | {"sure": "1"}


def as_form(fields):
    return {name: (None, value) for name, value in fields.items()}


def test_many_pairs_are_asked_about_and_kept_until_they_are_meant(slow):
    client = TestClient(make_app(slow), base_url="http://127.0.0.1:8000")
    content = b"left,right\n" + b"".join(b"hat %d,cap %d\n" % (n, n) for n in range(7))
    page = send(client, content, method="random")
    assert page.status_code == 200
    assert f"This takes about {said(7.0)}<" in page.text
    assert "mine.csv is read: 7 pairs" in page.text
    assert counted(slow, "explanations_total") == 0
    again = fields_of(page)
    # Without being sure it is asked again; with that, the pairs need not be sent.
    unsure = client.post("/pairs/upload", files=as_form({**again, "sure": ""}))
    assert fields_of(unsure) == again
    table = client.post("/pairs/upload", files=as_form(again))
    assert counted(slow, "explanations_total") == 7
    assert shown(client, table=table.url.params["table"]) == [*range(1, 8)]
    row = client.get("/pairs/row", params={"table": again["table"], "row": "1"}).text
    assert re.search(r"<dt>Method</dt><dd><bdi>random", row)
    # Who presses it twice gets the same table, and nothing is explained again.
    assert client.post("/pairs/upload", files=as_form(again)).url == table.url
    assert counted(slow, "explanations_total") == 7
    # What was kept needs no time, and few pairs take little.
    assert "This takes" not in send(client, content, method="random").text
    assert "This takes" not in send(client, b"left,right\na hat,a cap\n").text
    gone = client.post("/pairs/upload", files=as_form({"table": "x", "sure": "1"}))
    assert gone.status_code == 422
    assert "Send the file again" in gone.text


@pytest.mark.parametrize("script", [True, False])
def test_many_pairs_begin_once_they_are_meant(browser, slow, tmp_path, script):
    file = write_pairs(tmp_path / "many.csv", [(f"hat {n}", "a cap", "", "") for n in range(8)])
    with serving(make_app(slow)) as url, Pages(browser, url) as pages:
        page = pages.open("/pairs", width=360, java_script_enabled=script, bypass_csp=True)
        page.get_by_label("CSV, TSV").set_input_files(file)
        page.get_by_role("button", name="Explain all").click()
        page.get_by_role("heading", name="This takes about").wait_for()
        assert counted(slow, "explanations_total") == 0
        if script:
            assert axe_of(page) == []
        page.get_by_role("button", name="Begin").click()
        page.get_by_role("heading", name="many.csv").wait_for()
        assert counted(slow, "explanations_total") == 8


def test_the_longest_unused_upload_is_forgotten():
    kept = KeptUploads(most=2)
    first, second = kept.put(1), kept.put(2)
    assert kept.get(first) == 1
    third = kept.put(3)
    assert [kept.get(key) for key in (first, second, third)] == [1, None, 3]
    assert len(first) >= 20
    assert kept.put(4, first) == first
    assert [kept.get(key) for key in (third, first)] == [3, 4]


def test_a_table_is_used_as_one_types(open_page, folder):
    page = open_page("/pairs")
    page.get_by_label("Search texts").fill("gloves")
    page.wait_for_function("() => document.querySelectorAll('.ex-pairs tbody tr').length === 1")
    page.get_by_role("link", name="Explain row 1").focus()
    page.keyboard.press("Enter")
    page.locator(".ex-below article[data-ready] a.wa-word").first.hover()
    assert "score" in page.locator(".ex-below .wa-readout").inner_text()
    page.get_by_role("link", name="Explain row 1").click()
    assert page.locator(".ex-below").count() == 0
    page.get_by_label("Search texts").fill("")
    page.wait_for_function("() => document.querySelectorAll('.ex-pairs tbody tr').length === 5")
    page.get_by_role("link", name="Score").click()
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Score")
    page.locator("summary", has_text="Take another file").click()
    page.get_by_label("CSV, TSV").set_input_files(folder / "pairs.csv")
    page.get_by_role("button", name="Explain all").click()
    page.get_by_role("heading", name="pairs.csv").wait_for()


def test_without_scripts(open_page):
    page = open_page("/pairs?sort=score", java_script_enabled=False)
    page.get_by_role("link", name="Explain row 1").click()
    assert page.locator("article.whyalike").count() == 1
    page.get_by_role("link", name="Next row").click()
    page.get_by_role("link", name="The table").click()
    page.get_by_label("Score from").fill("2")
    page.get_by_role("button", name="Show").click()
    page.get_by_text("No row fits").wait_for()


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_sound(open_page, width, scheme):
    for path in ("/pairs", "/pairs?sort=score&show=explained", "/pairs?from=x", "/pairs/row?row=2"):
        page = open_page(path, width=width, color_scheme=scheme)
        for summary in page.locator("main details > summary").all():
            if summary.is_visible() and not summary.evaluate("one => one.parentElement.open"):
                summary.click()
        assert axe_of(page) == [], path
    page = open_page("/pairs", width=width, color_scheme=scheme)
    page.locator("a[data-row]").first.click()
    page.locator(".ex-below article[data-ready]").wait_for()
    assert axe_of(page) == []
