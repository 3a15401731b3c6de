"""A study's report as HTML, LaTeX, Markdown, text and PNG."""

import re
from dataclasses import replace

import pytest

from whyalike.render.study import (
    Range,
    Shares,
    StudyPage,
    StudyRow,
    StudyTable,
    draw,
    draw_study_table,
    render_study,
    render_study_text,
    write_latex,
    write_markdown,
)

HOSTILE = '<b>&"x"</b>|a_b\\{}#$%^~'


def make_page(banner="", name="bti"):
    table = StudyTable(
        name="Table 1",
        caption="Means of 5 judges; 95 % intervals.",
        more="Bootstrap: of both.",
        headings=("Method", "MOS ± SD", "Interval", "Bootstrap"),
        rows=(
            StudyRow(
                (name, "4.05 ± 0.56", "3.36 to 4.74", "3 to 5"),
                True,
                Range(4.05, 3.36, 4.74, (3.2, 4.8)),
            ),
            StudyRow(("vg", "2.00 ± 0.10", "0.90 to 3.10", "1 to 3"), plot=Range(2.0, 0.9, 3.1)),
        ),
        plot_heading="1 to 5",
        marks=(1.0, 3.0, 5.0),
    )
    shares = StudyTable(
        name="Ratings",
        caption="How often.",
        headings=("Method", "1", "2", "3", "4", "5"),
        rows=(StudyRow((name, "0", "1", "2", "3", "4"), plot=Shares((0, 1, 2, 3, 4))),),
    )
    wide = StudyTable("Means", "Of each.", tuple("abcdefghijk"), (StudyRow(tuple("abcdefghijk")),))
    return StudyPage(
        "A study", banner, (("Model", name),), ("Note " + name,), table, (shares, wide)
    )


def test_places_of_marks():
    table = make_page().table_1
    drawn = draw(Range(3.0, 1.0, 5.0, (2.0, 4.0)), table)
    assert (drawn.x, drawn.low, drawn.low + drawn.width) == (100.0, 7.0, 193.0)
    assert drawn.dots == (53.5, 146.5)
    assert drawn.marks == (7.0, 100.0, 193.0)
    # An interval that leaves the scale ends at its edge, and its words say where it really ends.
    beyond = draw(Range(4.5, 3.0, 6.0), table)
    assert beyond.low + beyond.width == 193.0
    assert "3.00 to 6.00" in beyond.said
    assert draw(None, table) is None


def test_shares_fill_the_bar():
    drawn = draw(Shares((1, 0, 2, 0, 1)), make_page().table_1)
    assert drawn.bars == ((0.0, 50.0, 1), (50.0, 100.0, 3), (150.0, 50.0, 5))
    assert drawn.said == "1: 1, 2: 0, 3: 2, 4: 0, 5: 1"
    assert draw(Shares((0, 0)), make_page().table_1).bars == ()


def test_html_is_whole_and_escaped():
    markup = render_study(make_page("SIMULATED RATINGS: all", name=HOSTILE))
    assert "<b>" not in markup
    assert "SIMULATED RATINGS: all" in markup
    assert markup.count("<svg") == 3
    assert not re.search(r"(src|href)=", markup)
    assert "SIMULATED" not in render_study(make_page())


def test_markdown():
    lines = write_markdown(make_page()).splitlines()
    assert lines[:3] == [
        "| Method | MOS ± SD | Interval | Bootstrap |",
        "| --- | ---: | ---: | ---: |",
        "| **bti** | **4.05 ± 0.56** | **3.36 to 4.74** | **3 to 5** |",
    ]
    assert lines[-1] == "Means of 5 judges; 95 % intervals. Bootstrap: of both."
    hostile = write_markdown(make_page("SIMULATED", name="a|b\n*c*"))
    assert hostile.startswith("**SIMULATED**\n\n| Method")
    assert "| **a\\|b \\*c\\*** |" in hostile


def test_latex():
    text = write_latex(make_page())
    assert r"\textbf{bti} & \textbf{4.05 $\pm$ 0.56}" in text
    assert r"vg & 2.00 $\pm$ 0.10 & 0.90 to 3.10 & 1 to 3 \\" in text
    assert r"\begin{tabular}{lrrr}" in text
    assert r"95 \% intervals" in text
    hostile = write_latex(make_page("SIMULATED", name=HOSTILE))
    assert r"\caption{\textbf{SIMULATED.} Means" in hostile
    inside = r"\textless{}b\textgreater{}\&\"x\"".replace(r"\"", '"')
    assert inside in hostile
    assert r"\textbar{}a\_b\textbackslash{}\{\}\#\$\%\textasciicircum{}\textasciitilde{}" in hostile
    # Every brace that is opened is closed.
    bare = re.sub(r"\\[{}]", "", hostile)
    assert bare.count("{") == bare.count("}")


def test_text():
    text = render_study_text(make_page("SIMULATED"))
    assert text.startswith("!! SIMULATED !!")
    assert "Method" in text
    assert "4.05 ± 0.56" in text
    assert "11 columns: see --html or --json" in text
    assert "! Note bti" in text
    many = StudyTable("Judges", "All.", ("Judge",), tuple(StudyRow((str(n),)) for n in range(50)))
    long = render_study_text(replace(make_page(), tables=(many,)))
    assert "and 20 more" in long
    assert "\x1b" not in render_study_text(make_page(name="\x1b[31mred"))


def test_a_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    for path, page in zip(paths, (make_page(), make_page("SIMULATED"), make_page()), strict=True):
        draw_study_table(page, path, dpi=40)
    first, banner, again = (path.read_bytes() for path in paths)
    assert first.startswith(b"\x89PNG")
    assert first == again
    assert first != banner


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1200)])
def test_the_page_fits_and_is_accessible(browser, tmp_path, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    file = tmp_path / "report.html"
    file.write_text(render_study(make_page("SIMULATED RATINGS")), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    problems = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(page).response["violations"]
    page.close()
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found] == []
    assert not problems
