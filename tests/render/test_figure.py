import io
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest
from PIL import Image
from signed_explanations import make_large, make_signed

from whyalike.errors import MissingExtraError
from whyalike.explanation import ExplainedText, Explanation, Word, WordPair
from whyalike.render import draw_figure
from whyalike.render import figure_page as figure_matrix
from whyalike.render.figure import MARGIN, WIDTH, own_settings
from whyalike.render.figure_page import draw_header
from whyalike.render.figure_sheet import Flow, Sheet, flow_text, format_marks, is_rtl
from whyalike.render.parts import Segment
from whyalike.render.view import view_explanation

GLOVES = "Keep hands warm with these knit gloves featuring touchscreen-compatible fingertips."
MITTENS = "Soft winter mittens with conductive tips.\nStay cosy outdoors."


def make_side(text: str, saliency: float = 0.5) -> ExplainedText:
    words, position = [], 0
    for token in text.split():
        start = text.index(token, position)
        position = start + len(token)
        words.append(Word(token, start, position, saliency))
    return ExplainedText(text, tuple(words))


def make_explanation(
    left: str = GLOVES, right: str = MITTENS, pairs: int = 4, saliency: float = 0.5
) -> Explanation:
    sides = make_side(left, saliency), make_side(right)
    longest = min(pairs, len(sides[0].words), len(sides[1].words))
    linked = tuple(WordPair(i, i, 0.9, 0.4 / (i + 1)) for i in range(longest))
    return Explanation(
        similarity=0.8312,
        similarity_function="cosine",
        method="bti",
        model="all-MiniLM-L6-v2",
        pooling="model",
        left=sides[0],
        right=sides[1],
        pairs=linked,
        matches=linked,
        warnings=("The right text has two lines.",),
    )


def draw_png(explanation: Explanation, dpi: int = 60) -> Image.Image:
    file = io.BytesIO()
    draw_figure(explanation, file, format="png", dpi=dpi)
    image = Image.open(file)
    image.load()
    return image


def draw_svg(explanation: Explanation) -> bytes:
    file = io.BytesIO()
    draw_figure(explanation, file, format="svg")
    return file.getvalue()


def test_png_is_ten_inches_wide_and_not_blank(tmp_path: Path) -> None:
    path = tmp_path / "figure.png"
    draw_figure(make_explanation(), path, format="png")
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width == 2000
        assert 600 < image.height < 2000
        colors = image.convert("RGB").getcolors(maxcolors=1 << 20)
    assert colors is not None
    assert len(colors) > 50


def test_height_follows_the_texts_and_stays_finite() -> None:
    short = draw_png(make_explanation())
    long = draw_png(make_explanation(GLOVES * 8, MITTENS * 4))
    endless = draw_png(make_explanation("warm gloves " * 5000, pairs=0))
    assert short.height < long.height < endless.height < 60 * 60
    # Of a long text with pairs it is what is around these.
    assert draw_png(make_explanation("warm gloves " * 5000)).height < endless.height / 2


def test_svg_is_valid_and_the_same_every_time() -> None:
    first = draw_svg(make_explanation())
    assert first == draw_svg(make_explanation())
    root = ET.fromstring(first)
    assert root.tag.endswith("svg")
    assert b"<dc:date>" not in first
    assert b"<text" not in first


def test_a_users_settings_change_nothing() -> None:
    expected = draw_svg(make_explanation())
    with mpl.rc_context({"path.sketch": (1, 100, 2), "svg.fonttype": "none", "savefig.dpi": 30}):
        assert draw_svg(make_explanation()) == expected


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("", ""),
        ("?!", "   \n\n "),
        ("a", "b"),
        ("\ud800 lone \udfff", "\x00\x07 control \x1b[0m"),
        ("$a^2$ \\frac{1}{2} $", "% & # _ {} ~ \\"),
        ("כפפות חמות (touch screen) לחורף", "قفازات شتوية دافئة 2024"),
        ("暖かいニット手袋です。指先はスマートフォン。", "这双针织手套，保暖舒适 한국어"),
        ("🧤 👩‍👩‍👧 🏳️‍🌈 gloves", "e\u0301 \u202eRLO\u202c \U0010ffff \ufffe"),
        ("x" * 3000, "one\r\ntwo\rthree\u2028four\tfive"),
        ("𐤀𐤁 ᚠᚢ ꙮ", "ไทย हिन्दी বাংলা"),
    ],
)
def test_any_text_can_be_drawn(left: str, right: str) -> None:
    explanation = make_explanation(left, right)
    assert draw_png(explanation).width == 600
    ET.fromstring(draw_svg(explanation))


def test_unusual_explanations_can_be_drawn() -> None:
    plain = make_explanation()
    unread = replace(plain.left, words=plain.left.words[:3], unread_words=9)
    blank = ExplainedText(" \n", (Word(" ", 0, 1, 0.5), Word("", 1, 1, 0.5)))
    for explanation in (
        replace(plain, pairs=(), matches=()),
        replace(plain, pairs=()),
        replace(plain, left=unread, pairs=plain.pairs[:2], matches=plain.pairs[:2]),
        replace(plain, similarity=-1.5, similarity_function="euclidean", model="m" * 300),
        replace(plain, warnings=tuple("a long warning " * 20 for _ in range(5))),
        replace(plain, left=blank, pairs=plain.pairs[:1], matches=plain.pairs[:1]),
        make_explanation(saliency=-0.7),
        make_explanation(GLOVES * 5, GLOVES * 5, pairs=40),
        replace(plain, pairs=(WordPair(0, 0, -0.5, -0.2),), matches=(WordPair(0, 0, -0.5, -0.2),)),
    ):
        assert draw_png(explanation).width == 600


def test_missing_matplotlib_is_said_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"whyalike\[plot\]"):
        draw_figure(make_explanation(), io.BytesIO(), format="png")


def test_pyplot_and_torch_are_not_imported() -> None:
    code = (
        "import sys, io\n"
        "from whyalike.render import draw_figure\n"
        "assert 'matplotlib' not in sys.modules\n"
        "from whyalike.explanation import *\n"
        "side = ExplainedText('warm', (Word('warm', 0, 4, 0.5),))\n"
        "draw_figure(Explanation(similarity=1.0, similarity_function='cosine', method='bti',"
        "model='m', pooling='model', left=side, right=side, pairs=(), matches=()), io.BytesIO(),"
        "format='svg')\n"
        "assert not {'matplotlib.pyplot', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def flow(text: str, width: float = 10, max_lines: int | None = None) -> Flow:
    return flow_text([Segment(text)], width, len, max_lines=max_lines)


def lines_of(flowed: Flow) -> list[str]:
    lines = [""] * flowed.lines
    for piece in sorted(flowed.pieces, key=lambda piece: (piece.line, piece.x)):
        gap = int(piece.x) - len(lines[piece.line])
        lines[piece.line] += " " * gap + piece.text
    return lines


def test_lines_break_at_spaces_and_newlines() -> None:
    assert lines_of(flow("knit gloves, warm\n\nhands")) == ["knit", "gloves,", "warm", "", "hands"]
    assert lines_of(flow("a\r\nb\rc")) == ["a", "b", "c"]
    assert lines_of(flow("ends here\n")) == ["ends here", ""]


def test_a_word_wider_than_the_line_is_broken() -> None:
    assert lines_of(flow("abcdefghijklmno xyz")) == ["abcdefghij", "klmno xyz"]


def test_lines_break_inside_scripts_without_spaces_but_not_before_their_punctuation() -> None:
    segments = [Segment(c, index) for index, c in enumerate("暖手袋着")]
    segments.insert(3, Segment("。"))
    assert lines_of(flow_text(segments, 3, len)) == ["暖手", "袋。着"]


def test_right_to_left_lines_start_at_the_right() -> None:
    assert lines_of(flow("אב גד (ab cd) הו", 16)) == ["הו (ab cd) גד אב"]
    assert lines_of(flow("אב גד")) == ["     גד אב"]
    assert lines_of(flow("ab אב גד cd", 20)) == ["ab גד אב cd"]


def test_too_many_lines_are_cut() -> None:
    flowed = flow("one two three four", 5, max_lines=2)
    assert flowed.cut
    assert lines_of(flowed) == ["one", "two"]


def test_marks_take_room_beside_their_word() -> None:
    segments = [Segment("warm", 0, marks=(1, 2)), Segment(" "), Segment("knit", 1)]
    flowed = flow_text(segments, 20, len)
    assert [(piece.text, piece.x, piece.mark) for piece in flowed.pieces] == [
        ("warm", 0.0, "1,2"),
        ("knit", 8.0, ""),
    ]


def test_directions_and_marks() -> None:
    assert [is_rtl(text) for text in ("a", "1 א", "قف", "12 …", "")] == [
        False, True, True, None, None,
    ]  # fmt: skip
    assert format_marks((1, 2, 3, 4, 5)) == "1,2,3+2"


def test_a_matrix_is_drawn_below_with_its_shades_hatching_and_outlines() -> None:
    signed = replace(make_signed(), similarity_function="dot")  # The greatest has the full shade.
    with_matrix, without = (
        draw_png(one) for one in (signed, replace(signed, pair_contributions=None))
    )
    assert with_matrix.height > without.height + 4 * figure_matrix.CELL * 60 / 72
    strongest = (0x4F, 0x93, 0xF7)
    found = [
        sum(count for count, color in image.convert("RGB").getcolors(1 << 20) if color == strongest)
        for image in (with_matrix, without)
    ]
    assert found[0] > found[1] + 50


def test_reasons_why_not_more_alike_take_lines_of_their_own() -> None:
    signed = make_signed()
    quiet = replace(
        signed,
        left=make_side("warm gloves not cold"),
        right=make_side("cosy mittens but cold"),
    )
    assert draw_png(signed).height > draw_png(quiet).height + 30


def test_a_large_matrix_stays_on_the_page_and_is_the_same_every_time() -> None:
    large = make_large(200, 90)
    image = draw_png(large)
    assert image.width == 600
    drawn = draw_svg(large)
    assert drawn == draw_svg(large)
    assert len(drawn) < 2_000_000


def test_unusual_matrices_can_be_drawn() -> None:
    zeros = replace(make_signed(), pair_contributions=((0.0,) * 4,) * 4)
    long_names = make_signed(
        "x" * 300, "語" * 200, matrix=((-0.2,),), pairs=((0, 0),), unmatched=((0,), ())
    )
    for explanation in (zeros, long_names, make_large(2, 61), make_large(61, 2)):
        assert draw_png(explanation).width == 600


@pytest.mark.parametrize("count", [3, 5, 8])
def test_a_header_is_as_long_as_its_facts(count):
    with own_settings():
        sheet = Sheet(WIDTH)
        view = view_explanation(make_explanation(), id="figure")
        facts = tuple((f"Fact {n}", "said of it") for n in range(count))
        end = draw_header(sheet, replace(view, facts=facts), MARGIN)
    baselines = [text.get_position()[1] for text in sheet.axes.texts]
    assert end >= max(baselines) + 2
