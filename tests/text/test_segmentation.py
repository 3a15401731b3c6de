"""Where the words of a text are (row 14 of the reading of the paper)."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whyalike.texts import find_words, is_mark

# Unassigned code points are left out: whether they are visible depends on the Unicode version.
PLAIN = st.characters(exclude_categories=("Cn",))
TRICKY = st.sampled_from(
    "ab1٣é\u0301\u0308'’‘ʼ-‐‑·־.,_ \n\t\r\x00\x1b\u00a0\u00ad\u200b\u200c\u200d\u200e\ufeff\u2028"
    "日語のカー々क्षिבא👩👍🏽🇩🇪❤\ufe0f\u20e3#\U000e0067\U000e007f\ud800\udc00\u3099"
)
TEXTS = st.text(PLAIN | TRICKY, max_size=40)


def words_of(text):
    return [text[start:end] for start, end in find_words(text)]


def is_visible(character):
    category = unicodedata.category(character)
    return not character.isspace() and category[0] != "Z" and category not in ("Cc", "Cf")


@settings(deadline=None)
@given(TEXTS)
@example("")
@example("\u0301a")
@example("a-")
@example("1.2.")
def test_every_visible_character_is_in_exactly_one_word(text):
    spans = find_words(text)
    for (_, end), (start, _) in pairwise(spans):
        assert end <= start
    covered = [0] * len(text)
    for start, end in spans:
        assert 0 <= start < end <= len(text)
        word = text[start:end]
        assert word == word.strip()
        assert not any(character.isspace() for character in word)
        for place in range(start, end):
            covered[place] += 1
    for character, times in zip(text, covered, strict=True):
        assert times == 1 or (times == 0 and not is_visible(character))


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_a_blank_keeps_two_texts_apart(left, right):
    assert words_of(f"{left} {right}") == words_of(left) + words_of(right)


@settings(deadline=None)
@given(TEXTS)
def test_blanks_around_a_text_only_move_its_words(text):
    moved = tuple((start + 3, end + 3) for start, end in find_words(text))
    assert find_words(f"\n \t{text}\t ") == moved


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("touchscreen-compatible gloves", ["touchscreen-compatible", "gloves"]),
        ("state-of-the-art", ["state-of-the-art"]),
        ("non\u2010breaking\u2011hyphens", ["non\u2010breaking\u2011hyphens"]),
        ("a--b", ["a", "-", "-", "b"]),
        ("-a a-", ["-", "a", "a", "-"]),
        ("this - that", ["this", "-", "that"]),
        ("this – that—other", ["this", "–", "that", "—", "other"]),
        ("light-", ["light", "-"]),
    ],
)
def test_one_hyphen_inside_a_word_joins_and_any_other_stands_alone(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't don’t donʼt", ["don't", "don’t", "donʼt"]),
        ("rock'n'roll L’été O‘Neill", ["rock'n'roll", "L’été", "O‘Neill"]),
        ("l·l בית־ספר", ["l·l", "בית־ספר"]),
        ("'quoted'", ["'", "quoted", "'"]),
        ("‘curly’ “double”", ["‘", "curly", "’", "“", "double", "”"]),
        ("the dogs' bowl", ["the", "dogs", "'", "bowl"]),
        ("it''s", ["it", "'", "'", "s"]),
    ],
)
def test_an_apostrophe_joins_inside_a_word_and_quotes_stand_alone(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3.5 10,5 1,000.25", ["3.5", "10,5", "1,000.25"]),
        ("v1.2.3", ["v1.2.3"]),
        ("1. 2, .5", ["1", ".", "2", ",", ".", "5"]),
        ("3.x x.3", ["3", ".", "x", "x", ".", "3"]),
        ("in 1999.", ["in", "1999", "."]),
        ("1..2", ["1", ".", ".", "2"]),
        ("12.5% -3 $5", ["12.5", "%", "-", "3", "$", "5"]),
        ("२.५ x² ½ Ⅷ", ["२.५", "x²", "½", "Ⅷ"]),
    ],
)
def test_a_point_or_comma_joins_two_digits_only(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gloves, (soft) wow!", ["gloves", ",", "(", "soft", ")", "wow", "!"]),
        ("wait...", ["wait", ".", ".", "."]),
        ("?!", ["?", "!"]),
        ("e.g. this", ["e", ".", "g", ".", "this"]),
        ("a@b.com a/b", ["a", "@", "b", ".", "com", "a", "/", "b"]),
        ("¿qué? «oui»", ["¿", "qué", "?", "«", "oui", "»"]),
        ("snake_case __init__", ["snake_case", "__init__"]),
        ("1+1=2 €5 ™", ["1", "+", "1", "=", "2", "€", "5", "™"]),
    ],
)
def test_each_mark_is_a_word_of_its_own(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    "text", ["café", "cafe\u0301", "naïve", "Straße", "ﬁne", "Việt", "Vie\u0323\u0302t"]
)
def test_accents_stay_in_their_word_composed_or_not(text):
    assert words_of(text) == [text]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("日本語", ["日", "本", "語"]),
        ("人々", ["人", "々"]),
        ("東京タワーです", ["東", "京", "タワー", "です"]),
        ("カーキのコート", ["カーキ", "の", "コート"]),
        ("中文，标点。", ["中", "文", "，", "标", "点", "。"]),
        ("葛\U000e0100城", ["葛\U000e0100", "城"]),
        ("iPhone用", ["iPhone", "用"]),
        ("한국어 문장", ["한국어", "문장"]),
    ],
)
def test_a_han_character_is_a_word_and_so_is_a_run_of_kana(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    "emoji",
    [
        "👍",
        "👍🏽",
        "👩‍👩‍👧",
        "👨🏾‍🚀",
        "🇩🇪",
        "1️⃣",
        "#️⃣",
        "❤️",
        "❤️‍🔥",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    ],
)
def test_an_emoji_with_all_that_modifies_it_is_one_word(emoji):
    assert words_of(f"so {emoji} {emoji}!") == ["so", emoji, emoji, "!"]


def test_emoji_in_a_row_are_words_of_their_own():
    assert words_of("🇩🇪🇫🇷👍🏽👍") == ["🇩🇪", "🇫🇷", "👍🏽", "👍"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("שלום עולם!", ["שלום", "עולם", "!"]),
        ("مَرْحَبًا، بالعالم؟", ["مَرْحَبًا", "،", "بالعالم", "؟"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("हिन्दी क्षत्रिय।", ["हिन्दी", "क्षत्रिय", "।"]),
        ("क्\u200dष நான் বাংলা", ["क्\u200dष", "நான்", "বাংলা"]),
        ("ภาษาไทย", ["ภาษาไทย"]),
    ],
)
def test_marks_and_joiners_of_other_scripts_stay_in_their_word(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("zero\u200bwidth", ["zero", "width"]),
        ("soft\u00adhyphen", ["soft\u00adhyphen"]),
        ("\ufeffword", ["word"]),
        ("\u200eleft\u200f right", ["left", "right"]),
        ("end\u00ad \u200d", ["end"]),
        ("one\ntwo\tthree\r\nfour\u2028five", ["one", "two", "three", "four", "five"]),
        ("no\u00a0break\u3000wide", ["no", "break", "wide"]),
        ("a\x00b", ["a", "b"]),
        ("\x1b[31mred", ["[", "31mred"]),
        ("a\ud800b", ["a", "\ud800", "b"]),
    ],
)
def test_what_cannot_be_seen_is_in_no_word_unless_it_joins(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize("text", ["", " ", "\n\t\r\n", "\u200b\ufeff", "\x00\x1f", "\u2028\u3000"])
def test_a_text_without_anything_visible_has_no_words(text):
    assert find_words(text) == ()


@pytest.mark.parametrize("mark", [",", "...", "–", "👍🏽", "₤", "\u0301", "\ufffd", "__", "#️⃣"])
def test_punctuation_symbols_and_emoji_are_marks(mark):
    assert is_mark(mark)


@pytest.mark.parametrize("word", ["a", "3", "don't", "日", "½", "क्षि", "a,", "1️⃣"])
def test_anything_with_a_letter_or_digit_is_no_mark(word):
    assert not is_mark(word)


@pytest.mark.parametrize("text", ["か\u3099く", "カ\u3099ラス", "ﾊﾞｽ", "コーヒー"])
def test_voicing_and_length_marks_stay_in_their_kana_word(text):
    assert [text[start:end] for start, end in find_words(text)] == [text]


ASCII = st.text(st.characters(max_codepoint=127) | st.sampled_from("a1_'-., \r\n"), max_size=40)


@settings(deadline=None)
@given(ASCII)
@example("it's 12,5 - or 1.2.3, a--b 'c' x_y-1")
@example("a\r\n-b\x1f\x7f")
def test_a_text_of_ascii_has_the_words_that_it_has_beside_other_letters(text):
    assert find_words(text) == find_words(text + "\n\u00e9")[:-1]
