"""Where the sentences of a text are, in many scripts and in Markdown."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whyalike.sentences import split_sentences


def sentences_of(text, **kwargs):
    return [text[start:end] for start, end in split_sentences(text, **kwargs)]


# Every sentence behind the bar is one of its own; a blank stands there where the script has them.
SCRIPTS = {
    "Latin": "Dr. Smith paid $3.50 to J. R. Tolkien, Jr. yesterday. |He left. |“Why?” she asked.",
    "Greek": "Αυτό είναι ένα τεστ. |Τι κάνεις; |Καλά.",
    "Cyrillic": "Он жил в г. Москва. |А вы? |Нет!",
    "Armenian": "Սա նախադասություն է։ |Ինչպե՞ս ես։",
    "Georgian": "ეს არის წიგნი. |როგორ ხარ? |კარგად.",
    "Hebrew": "זה מבחן. |מה שלומך? |טוב.",
    "Arabic": "مرحبا بالعالم. |كيف حالك؟ |أنا بخير!",
    "Urdu": "یہ ایک جملہ ہے۔ |آپ کیسے ہیں؟",
    "Devanagari": "यह एक वाक्य है। |आप कैसे हैं? |मैं ठीक हूँ।",
    "Bengali": "এটি একটি বই। |আপনি কেমন আছেন? |ভালো।",
    "Tamil": "இது ஒரு சோதனை. |நீங்கள் எப்படி இருக்கிறீர்கள்?",
    "Sinhala": "මෙය පොතකි. |ඔබට කොහොමද? |හොඳයි.",
    "Myanmar": "ဒါက စမ်းသပ်မှု ဖြစ်ပါတယ်။ |နေကောင်းလား။",
    "Ethiopic": "ይህ ፈተና ነው። |እንዴት ነህ?",
    "Han": "我喜欢狗。|你呢？|他说：“好。”|我们走吧！",
    "Kana": "これは本です。|猫が好きですか？|はい！",
    "Hangul": "안녕하세요. |오늘 날씨가 좋습니다! |갈까요?",
    "Thai": "สวัสดีครับ วันนี้อากาศดี",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_sentences_of_every_script(script):
    expected = SCRIPTS[script].split("|")
    assert sentences_of("".join(expected)) == [sentence.strip() for sentence in expected]


def test_the_language_brings_its_abbreviations():
    text = "Das ist z. B. ein Satz. Am 3. Mai kam Dr. Müller. Er ging."
    expected = ["Das ist z. B. ein Satz.", "Am 3. Mai kam Dr. Müller.", "Er ging."]
    assert sentences_of(text, language="de") == expected


MARKDOWN = {
    "headings": ("# One. Two\n\nHe ate. She left.\n\nName\n====\n", ["# One. Two", "He ate.", "She left.", "Name\n===="]),
    "items": ("- first one. And more\n- second\n  goes on\n", ["- first one.", "And more", "- second\n  goes on"]),
    "numbered": ("1. Open it. Wait.\n2. Shut it", ["1. Open it.", "Wait.", "2. Shut it"]),
    "nested": ("- a\n  1. b\n     - c", ["- a", "1. b", "- c"]),
    "fence": (
        "Run. This:\n```python\nx = 1. # a. B\n\nprint('a. B')\n```\nAfter. It",
        ["Run.", "This:", "```python\nx = 1. # a. B", "print('a. B')\n```", "After.", "It"],
    ),
    "fence of one line": ("```\na. b\n```", ["```\na. b\n```"]),
    "open fence": ("```\na. b\nc", ["```\na. b", "c"]),
    "indented code": ("See:\n\n    a. b\n    c", ["See:", "a. b", "c"]),
    "table": (
        "| Size | Price |\n|---|---:|\n| S. small | 1. |\n| L | 2 |",
        ["| Size | Price |\n|---|---:|", "| S. small | 1. |", "| L | 2 |"],
    ),
    "quote": ("> One. It goes\n> on. Two.", ["> One.", "It goes\n> on.", "Two."]),
    "emphasis": ("**Bold.** Then _it._ End `x.` y", ["**Bold.**", "Then _it._", "End `x.` y"]),
    "reference": ("A [b].\n\n[b]: http://c.d/e.f", ["A [b].", "[b]: http://c.d/e.f"]),
    "wrapped paragraph": ("It goes\non here. New.\n\nNext", ["It goes\non here.", "New.", "Next"]),
    "all of it indented": ("    It goes\n    on. New.", ["It goes\n    on.", "New."]),
    "windows": ("# A. B\r\n\r\nIt is. So.\r\n- e\r\n", ["# A. B", "It is.", "So.", "- e"]),
}  # fmt: skip


@pytest.mark.parametrize("case", MARKDOWN)
def test_markdown_keeps_its_lines(case):
    text, expected = MARKDOWN[case]
    assert sentences_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\u3000", []),
        ("word", ["word"]),
        ("...", ["..."]),
        ("Wow‼\ufe0f Next. End!\u0301 Foo.", ["Wow‼\ufe0f", "Next.", "End!\u0301", "Foo."]),
        ("I 😀 e\u0301. Ok 👨‍👩‍👧. 🎉 Party!", ["I 😀 e\u0301.", "Ok 👨‍👩‍👧.", "🎉 Party!"]),
        ("First. 🎉", ["First.", "🎉"]),
        ("A. B\ud800. See\u00a0it.\u3000Go", ["A. B\ud800.", "See\u00a0it.", "Go"]),
        ("A.\u2028.\u2029", ["A.\u2028."]),
        (
            "Version 2.0 is out. See https://a.b/c.d?e=f now.",
            ["Version 2.0 is out.", "See https://a.b/c.d?e=f now."],
        ),
    ],
)
def test_offsets_count_characters(text, expected):
    assert sentences_of(text) == expected


PIECES = st.sampled_from(
    [
        *"aB .!?。\"'()“”«»\n\t\r😀\u0301\u200d1:;-*_#>|`؟।\u00a0\u3000\x85\x1c\x1f\u2009\ud800\ufe0f",
        *("\n\n", "Dr. ", "e.g. ", "\u2028", "\u2029", "```", "\n    ", "\n- ", "\n1. "),
        "\n| a | b |\n|--|--|\n",
    ]
)


@settings(deadline=None, max_examples=400)
@given(st.lists(PIECES | st.characters(), max_size=50).map("".join))
@example("\u0301“e.g.  😀!\n\n:.B\u2028.\u200d")
@example("1. 1. 1. a\n1) 1. b")
def test_nothing_is_lost_and_nothing_twice(text):
    spans = split_sentences(text)
    ends = [0, *(end for _, end in spans)]
    assert all(before <= start < end for before, (start, end) in zip(ends, spans, strict=False))
    assert all(piece == piece.strip() for piece in sentences_of(text))
    outside = "".join(text[a:b] for a, (b, _) in zip(ends, [*spans, (len(text), 0)], strict=True))
    assert not outside.strip()
