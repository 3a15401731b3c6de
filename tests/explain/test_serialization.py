"""Explanations as JSON: what is written is read back bit by bit, and damage is refused."""

import json
import math
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from raising import raises
from whyalike.errors import FormatError
from whyalike.explanation import (
    BackgroundScore,
    Checks,
    Deletion,
    ExplainedText,
    Explanation,
    ScorePart,
    SimilarityFunction,
    StoredVectors,
    Term,
    TextChunk,
    Unit,
    Units,
    Word,
    WordPair,
)
from whyalike.options import BTIOptions, ExtendedOptions

WHERE_KNOWN = {
    "prompts",
    "own",
    "parts",
    "terms",
    "background",
    "checks",
    "verdict",
    "raw_contribution",
    "selection",
    "units",
    "stored",
    "chunk",
    "chunk_size",
    "chunk_overlap",
    "chunk_score",
}
"""What is written only where it is known."""

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "explanation.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
GOLDEN_TEXT = (ROOT / "tests" / "golden" / "explanation.json").read_text(encoding="utf-8")

GOLDEN = Explanation(
    similarity=0.8364,
    similarity_function="cosine",
    method="bti",
    model="all-MiniLM-L6-v2",
    pooling="model",
    left=ExplainedText(
        "Soft 🧤 gloves,\nwarm",
        (
            Word("Soft", 0, 4, 0.1 + 0.2, 0.01),
            Word("🧤", 5, 6, 1.0, 1 / 3),
            Word("gloves", 7, 13, -0.0, -0.0),
        ),
        unread_words=2,
        unmatched=(0,),
    ),
    right=ExplainedText(
        'מיטענע "händschuhe"',
        (
            Word("מיטענע", 0, 6, 1e-7, 0.5),
            Word('"', 7, 8, 0.0, 0.0),
            Word("händschuhe", 8, 18, 1.0, -0.25),
            Word('"', 18, 19, 0.0, 0.0),
        ),
        unmatched=(2, 0),
    ),
    pairs=(WordPair(1, 2, 0.5, 0.5),),
    matches=(WordPair(1, 2, 0.5, 0.5), WordPair(0, 1, -0.125, -0.0)),
    warnings=(
        "The model reads at most 6 tokens: the last 2 words of the left text were not read (the "
        "first 3 were).",
    ),
    completeness_gap=0.0625,
    pair_contributions=((0.1, 0.0, -0.25, 5e-324), (0.0,) * 4, (1.0, 0.5, -0.0, 0.7)),
    remainder=0.125,
    options=BTIOptions(top_k=1, bandwidth=0.25, layer=-2),
    prompts=("Suche: ", ""),
)

EMPTY = Explanation(
    similarity=0.0,
    similarity_function="dot",
    method="bti",
    model="",
    pooling="paper",
    left=ExplainedText("", ()),
    right=ExplainedText("", ()),
    pairs=(),
    matches=(),
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
COSINES = st.floats(-1, 1)
STRINGS = st.text(max_size=12)


@st.composite
def texts(draw):
    """A text with words anywhere in it, in order and apart."""
    text = draw(st.text(st.characters(codec="utf-8") | st.sampled_from("𝔘👩🏽a \n"), max_size=20))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    words = tuple(
        Word(text[start:end], start, end, draw(NUMBERS), draw(st.none() | NUMBERS))
        for start, end in spans
    )
    unmatched = draw(st.sets(st.sampled_from(range(len(words))))) if words else ()
    return ExplainedText(text, words, draw(st.integers(0, 10**6)), tuple(unmatched))


PERCENT = st.floats(0, 100)
BACKGROUNDS = st.builds(
    BackgroundScore,
    texts=st.integers(1, 10**6),
    percentile=PERCENT,
    nearest_percentile=st.none() | PERCENT,
    left_mean=st.none() | NUMBERS,
    right_mean=st.none() | NUMBERS,
)


def checks_of(left, right):
    """Checks of any of the words, whatever pairs there are."""
    sides = [
        st.lists(st.sampled_from(range(len(side.words))), max_size=3).map(tuple)
        if side.words
        else st.just(())
        for side in (left, right)
    ]
    deletions = st.builds(Deletion, *sides, NUMBERS, NUMBERS) | st.builds(
        Deletion, *sides, st.none(), st.none()
    )
    several = st.lists(deletions, max_size=3).map(tuple)
    return st.builds(Checks, several, st.none() | deletions)


@st.composite
def explanations(draw):
    left, right = draw(texts()), draw(texts())
    pairs = st.just(())
    if left.words and right.words:
        index = st.integers(0, len(left.words) - 1), st.integers(0, len(right.words) - 1)
        pairs = st.lists(st.builds(WordPair, *index, COSINES, NUMBERS), max_size=4).map(tuple)
    row = st.tuples(*[NUMBERS] * len(right.words))
    matrix = st.tuples(*[row] * len(left.words))
    hints = get_type_hints(BTIOptions)
    choices = {
        name: st.sampled_from(SCHEMA["$defs"]["options"]["properties"][name]["enum"])
        for name in hints
        if _is_choice(name)
    }
    options = st.builds(
        BTIOptions,
        **choices,
        latent_layer=st.integers(-50, 50),
        union=st.booleans(),
        square_scores=st.booleans(),
        top_k=st.integers(1, 100),
        ig_steps=st.integers(1, 500),
        layer=st.none() | st.integers(-50, 50),
        permutations=st.integers(1, 500),
        seed=st.integers(-50, 50),
        top_k_inclusive=st.booleans(),
        quantile=st.floats(0, 1, exclude_min=True),
        bandwidth=st.none() | st.floats(0, allow_nan=False, allow_infinity=False),
    )
    return Explanation(
        similarity=draw(NUMBERS),
        similarity_function=draw(st.sampled_from(get_args(SimilarityFunction))),
        method=draw(STRINGS),
        model=draw(STRINGS),
        pooling=draw(STRINGS),
        left=left,
        right=right,
        pairs=draw(pairs),
        matches=draw(pairs),
        warnings=tuple(draw(st.lists(STRINGS, max_size=3))),
        completeness_gap=draw(st.none() | st.floats(0, 10)),
        pair_contributions=draw(st.none() | matrix),
        remainder=draw(st.none() | NUMBERS),
        options=draw(options),
        prompts=draw(st.none() | st.tuples(STRINGS, STRINGS)),
        background=draw(st.none() | BACKGROUNDS),
        checks=draw(st.none() | checks_of(left, right)),
    )


def _is_choice(name):
    return "enum" in SCHEMA["$defs"]["options"]["properties"][name]


def numbers_in(value):
    """Every float in an explanation, as hexadecimal: -0.0 and 0.0 differ, no bit is lost."""
    if isinstance(value, float):
        return [value.hex()]
    if isinstance(value, tuple):
        return [number for item in value for number in numbers_in(item)]
    if hasattr(value, "__dataclass_fields__"):
        parts = [getattr(value, field.name) for field in fields(value)]
        return [number for part in parts for number in numbers_in(part)]
    return []


def assert_same(again, before):
    assert type(again) is Explanation
    assert again == before
    assert numbers_in(again) == numbers_in(before)


@settings(deadline=None)
@given(explanations())
@example(EMPTY)
@example(GOLDEN)
@example(replace(GOLDEN, similarity=5e-324))
@example(replace(GOLDEN, similarity=-1.7976931348623157e308))
@example(replace(GOLDEN, similarity=-0.0))
def test_every_way_there_and_back_gives_an_equal_explanation(explanation):
    assert_same(Explanation.from_dict(explanation.to_dict()), explanation)
    assert_same(Explanation.from_json(explanation.to_json()), explanation)
    assert_same(Explanation.from_json(explanation.to_json(indent=2)), explanation)
    assert_same(Explanation.from_json(explanation.to_json().encode()), explanation)


@settings(deadline=None)
@given(explanations())
@example(EMPTY)
@example(GOLDEN)
def test_what_is_written_validates_against_the_schema(explanation):
    VALIDATOR.validate(explanation.to_dict())
    VALIDATOR.validate(json.loads(explanation.to_json()))


def test_the_golden_file_is_read_as_what_it_says():
    assert_same(Explanation.from_json(GOLDEN_TEXT), GOLDEN)


def test_the_golden_file_is_what_is_written():
    assert GOLDEN.to_json(indent=2) + "\n" == GOLDEN_TEXT


def test_json_is_one_line_unless_indented_and_holds_characters_as_they_are():
    assert "\n" not in GOLDEN.to_json()
    assert "🧤" in GOLDEN.to_json()


def test_a_number_that_json_has_no_word_for_is_not_written():
    with pytest.raises(ValueError, match="not JSON compliant"):
        replace(GOLDEN, similarity=math.nan).to_json()


def test_repr_is_one_line():
    explanation = replace(GOLDEN, model="odd\nname")
    assert repr(explanation) == (
        "Explanation(similarity=0.8364, method='bti', model='odd\\nname', pairs=1)"
    )


def test_the_schema_is_a_valid_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_is_made_from_the_declarations():
    pytest.importorskip("pydantic", reason="comes with the extra 'serve'")
    from whyalike.schema import explanation_schema

    assert explanation_schema() == SCHEMA, "python tools/write_schema.py writes it anew"
    words = SCHEMA["$defs"]["word"]["properties"]
    (start,) = (one for one in fields(Word) if one.name == "start")
    assert words["start"]["minimum"] == start.metadata["least"] == 0
    assert words["start"]["description"] == start.metadata["meaning"]
    assert SCHEMA["$defs"]["text"]["properties"]["unmatched"]["items"]["minimum"] == 0
    options = SCHEMA["$defs"]["options"]["properties"]
    assert (options["quantile"]["exclusiveMinimum"], options["quantile"]["maximum"]) == (0, 1)


def test_stored_documents_are_what_the_schema_says():
    stored = sorted((ROOT / "tests" / "documents").glob("*/explanation-*.json"))
    assert stored
    for path in stored:
        VALIDATOR.validate(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("schema", "kind", "extra"),
    [
        (SCHEMA, Explanation, {"format", "version", "verdict"}),
        (SCHEMA["$defs"]["text"], ExplainedText, set()),
        (SCHEMA["$defs"]["word"], Word, set()),
        (SCHEMA["$defs"]["pair"], WordPair, set()),
        (SCHEMA["$defs"]["part"], ScorePart, set()),
        (SCHEMA["$defs"]["term"], Term, set()),
        (SCHEMA["$defs"]["chunk"], TextChunk, set()),
        (SCHEMA["$defs"]["background"], BackgroundScore, set()),
        (SCHEMA["$defs"]["options"], ExtendedOptions, set()),
        (SCHEMA["$defs"]["checks"], Checks, set()),
        (SCHEMA["$defs"]["deletion"], Deletion, set()),
        (SCHEMA["$defs"]["units"], Units, set()),
        (SCHEMA["$defs"]["unit"], Unit, set()),
        (SCHEMA["$defs"]["stored"], StoredVectors, set()),
    ],
    ids=[
        "explanation",
        "text",
        "word",
        "pair",
        "part",
        "term",
        "chunk",
        "background",
        "options",
        "checks",
        "deletion",
        "units",
        "unit",
        "stored",
    ],
)
def test_the_schema_names_exactly_the_fields(schema, kind, extra):
    names = {field.name for field in fields(kind)} | extra
    assert set(schema["properties"]) == names
    assert set(schema["required"]) == names - WHERE_KNOWN
    assert len(schema["required"]) == len(names - WHERE_KNOWN)


TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        (SCHEMA, Explanation),
        (SCHEMA["$defs"]["text"], ExplainedText),
        (SCHEMA["$defs"]["word"], Word),
        (SCHEMA["$defs"]["pair"], WordPair),
        (SCHEMA["$defs"]["part"], ScorePart),
        (SCHEMA["$defs"]["term"], Term),
        (SCHEMA["$defs"]["background"], BackgroundScore),
        (SCHEMA["$defs"]["options"], BTIOptions),
        (SCHEMA["$defs"]["stored"], StoredVectors),
    ],
    ids=["explanation", "text", "word", "pair", "part", "term", "background", "options", "stored"],
)
def test_the_schema_has_the_types_and_choices_of_the_fields(schema, kind):
    hints = get_type_hints(kind)
    for name, hint in ((one.name, hints[one.name]) for one in fields(kind)):
        described = schema["properties"][name]
        if hint in TYPES:
            assert described["type"] == TYPES[hint]
        elif get_origin(hint) is Union:
            choices, _ = get_args(hint)
            assert described["enum"] == [*get_args(choices), None]
        elif get_origin(hint) is UnionType:
            kind, _ = get_args(hint)
            if hasattr(kind, "__dataclass_fields__"):
                assert described["anyOf"][0]["$ref"].startswith("#/$defs/")
                assert described["anyOf"][1] == {"type": "null"}
                continue
            assert described["type"] == [TYPES.get(kind, "array"), "null"]
        elif hasattr(hint, "__dataclass_fields__"):
            assert described["$ref"].startswith("#/$defs/")
        elif getattr(hint, "__origin__", None) is tuple:
            assert described["type"] == "array"
        else:
            assert described["enum"] == list(get_args(hint))


def objects_in(schema):
    if isinstance(schema, Mapping):
        if schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects_in(part)


def test_every_object_of_the_schema_is_closed_and_every_field_is_described():
    own = SCHEMA["$defs"]["options"]["properties"]["own"]
    objects = [one for one in objects_in(SCHEMA) if one is not own]
    assert len(objects) == 14
    for schema in objects:
        assert schema["additionalProperties"] is False
        for described in schema["properties"].values():
            target = described.get("$ref", "#/$defs/").removeprefix("#/$defs/")
            assert "description" in described or "description" in SCHEMA["$defs"][target]


@pytest.mark.parametrize("text", ["", "{", "explanation", "{'format': 1}", b"\xff\xfe\x00", "[1,]"])
def test_what_is_not_json_is_refused(text):
    with raises(FormatError, "JSON"):
        Explanation.from_json(text)


@pytest.mark.parametrize(
    "content", [None, 3, "whyalike/explanation", [], {}, {"format": "other"}, {"version": 1}]
)
def test_what_is_no_explanation_is_refused(content):
    with pytest.raises(FormatError, match="This is no explanation"):
        Explanation.from_dict(content)
    with pytest.raises(FormatError, match="This is no explanation"):
        Explanation.from_json(json.dumps(content))


@pytest.mark.parametrize("version", [0, -1, "1", None, 1.5, True])
def test_a_version_that_cannot_be_is_refused(version):
    content = GOLDEN.to_dict() | {"version": version}
    with raises(FormatError, "damaged", "version"):
        Explanation.from_dict(content)


@pytest.mark.parametrize("version", [2, 10**300])
def test_a_newer_version_is_named_as_such(version):
    content = GOLDEN.to_dict() | {"version": version, "more": 1}
    with raises(FormatError, "version 1", "newer", "Update"):
        Explanation.from_dict(content)


def places_in(content, path=()):
    """The path to every value of a document."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places_in(value, (*path, key))


def changed(path, change):
    """The golden document with ``change`` made to what holds the last key of ``path``."""
    content = deepcopy(GOLDEN.to_dict())
    holder = content
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return content


def set_to(value):
    def change(holder, key):
        holder[key] = value

    return change


PLACES = [path for path in places_in(GOLDEN.to_dict()) if path[0] not in ("format", "version")]
KEYS = [path for path in PLACES if isinstance(path[-1], str)]


MAY_BE_NULL = {
    "bandwidth", "completeness_gap", "contribution", "layer", "matching", "pair_contributions",
    "prompts", "remainder",
}  # fmt: skip


def name_of(path):
    return ".".join(map(str, path))


HAS_DEFAULT = {
    "completeness_gap", "contribution", "options", "pair_contributions", "prompts", "remainder",
    "unmatched", "unread_words", "warnings",
}  # fmt: skip


def has_default(path):
    """Whether a document may lack it: it is from before there was such a field."""
    return path[-1] in HAS_DEFAULT or path[0] in ("options", "verdict")


@pytest.mark.parametrize(
    "path", [p for p in KEYS if has_default(p) and p != ("verdict",)], ids=name_of
)
def test_a_missing_key_has_its_default(path):
    content = changed(path, lambda holder, key: holder.pop(key))
    owners = BTIOptions(), Word("", 0, 0, 0.0), ExplainedText("", ()), EMPTY
    owner = next(one for one in owners if path[-1] in {field.name for field in fields(one)})
    default = BTIOptions().to_dict() if path[-1] == "options" else asdict(owner)[path[-1]]
    plain = list(default) if isinstance(default, tuple) else default
    expected = content if path[-1] in WHERE_KNOWN else changed(path, set_to(plain))
    assert Explanation.from_dict(content).to_dict() == expected


def test_a_verdict_is_said_anew():
    content = GOLDEN.to_dict()
    assert content["verdict"] == GOLDEN.verdict
    for said in ({}, {"verdict": "Something else."}):
        without = {name: value for name, value in content.items() if name != "verdict"} | said
        assert Explanation.from_dict(without).to_dict() == content


def test_a_document_without_any_option_has_all_defaults():
    content = GOLDEN.to_dict() | {"options": {}}
    assert Explanation.from_dict(content) == replace(GOLDEN, options=BTIOptions())


def test_a_document_of_before_prompts_were_recorded_is_read():
    before = GOLDEN.to_dict()
    del before["prompts"]
    VALIDATOR.validate(before)
    assert Explanation.from_dict(before) == replace(GOLDEN, prompts=None)
    assert Explanation.from_dict(before).to_dict() == before


@pytest.mark.parametrize(
    "prompts",
    [["a"], ["a", "b", "c"], [], "ab", ["a", 3], ["a", None], {"left": "a", "right": "b"}],
)
def test_prompts_that_are_no_pair_of_texts_are_refused(prompts):
    with pytest.raises(FormatError, match="damaged: prompts"):
        Explanation.from_dict({**GOLDEN.to_dict(), "prompts": prompts})


@pytest.mark.parametrize("path", [p for p in KEYS if not has_default(p)], ids=name_of)
def test_a_missing_key_is_refused(path):
    content = changed(path, lambda holder, key: holder.pop(key))
    with raises(FormatError, "damaged", path[-1], "missing"):
        Explanation.from_dict(content)


@pytest.mark.parametrize(
    "path",
    [(), ("left",), ("right",), ("options",), ("pairs", 0), ("left", "words", 0)],
    ids=name_of,
)
def test_an_unknown_key_is_of_a_newer_release(path):
    content = changed((*path, "more"), lambda holder, key: holder.update(more=1))
    name = name_of((*path, "more")).replace(".0", "[0]")
    with raises(FormatError, name, "newer"):
        Explanation.from_dict(content)


def wrong_values(value):
    """Values of every other type than that of ``value``."""
    others = [None, "3", 3, 3.5, True, [], {}, [3], {"a": 3}, math.nan, -math.inf, 10**400]
    if isinstance(value, bool):
        return [other for other in others if not isinstance(other, bool)]
    if isinstance(value, float):
        return [None, "3", True, [], {}, math.nan, -math.inf, 10**400]
    if isinstance(value, list):
        # An empty list is a list: of no warnings, or of no pairs.
        return [other for other in others if not isinstance(other, list)] + [[None], [99], [[]]]
    return [other for other in others if type(other) is not type(value) or isinstance(other, dict)]


@pytest.mark.parametrize("path", PLACES, ids=name_of)
def test_a_value_of_another_type_is_refused(path):
    seen = []
    changed(path, lambda holder, key: seen.append(holder[key]))
    for wrong in wrong_values(seen[0]):
        if wrong is None and path[-1] in MAY_BE_NULL:
            continue
        if path == ("options",) and wrong == {}:
            continue
        says = "options.a" if (path, wrong) == (("options",), {"a": 3}) else "damaged"
        with raises(FormatError, "explanation", says):
            Explanation.from_dict(changed(path, set_to(wrong)))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("left", "words", 0, "text"), "soft", "'soft', is not at its place"),
        (("left", "words", 0, "end"), 5, "is not at its place"),
        (("left", "words", 0, "start"), -15, "is not at its place"),
        (("left", "words", 0, "start"), 1, "is not at its place"),
        (("right", "words", 3, "end"), 20, "is not at its place"),
        (("left", "text"), "Hard 🧤 gloves", "is not at its place"),
        (("left", "text"), "", "is not at its place"),
        (("right", "unread_words"), -1, "unread_words is -1, below 0"),
        (("left", "unmatched", 0), 3, "left.unmatched[0] is 3, and the text has 3 words"),
        (("right", "unmatched", 1), -1, "right.unmatched[1] is -1, and"),
        (("pair_contributions",), [[0.0] * 4] * 2, "is not a matrix of 3 by 4"),
        (("pair_contributions", 1), [0.0] * 3, "is not a matrix of 3 by 4"),
        (("pairs", 0, "left"), 3, "left is 3, and the left text has 3 words"),
        (("pairs", 0, "right"), 4, "right is 4, and the right text has 4 words"),
        (("matches", 1, "left"), -1, "left is -1, and"),
        (("similarity_function",), "Cosine", "allowed: 'cosine', 'dot'"),
        (("options", "rectifier"), "never", "allowed: 'before_sum'"),
        (("options", "top_k"), 0, "top_k is 0"),
        (("options", "quantile"), 1.5, "quantile is 1.5"),
        (("options", "bandwidth"), -0.5, "bandwidth is -0.5"),
    ],
)
def test_a_value_that_cannot_be_is_refused(path, value, says):
    with pytest.raises(FormatError) as caught:
        Explanation.from_dict(changed(path, set_to(value)))
    message = str(caught.value)
    assert message.startswith("This explanation is damaged: ")
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "words",
    [
        [("Soft", 0, 4), ("Soft", 0, 4)],
        [("gloves", 7, 13), ("Soft", 0, 4)],
        [("Soft ", 0, 5), (" 🧤", 4, 6)],
        [("", 3, 3)],
    ],
    ids=["twice", "out of order", "overlapping", "empty"],
)
def test_words_that_are_not_in_order_and_apart_are_refused(words):
    content = replace(GOLDEN, pairs=(), matches=()).to_dict()
    content["left"]["words"] = [
        {"text": text, "start": start, "end": end, "saliency": 0.5, "contribution": None}
        for text, start, end in words
    ]
    with raises(FormatError, "place"):
        Explanation.from_dict(content)


def test_whole_numbers_pass_for_numbers_as_other_programs_write_them():
    content = changed(("similarity",), set_to(1))
    again = Explanation.from_dict(content)
    assert again.similarity == 1.0
    assert isinstance(again.similarity, float)


def test_a_long_wrong_value_is_shown_short():
    with pytest.raises(FormatError) as caught:
        Explanation.from_dict(changed(("method",), set_to(["x" * 10_000])))
    assert len(str(caught.value)) < 200


def test_not_a_number_in_json_is_refused():
    with raises(FormatError, "similarity", "nan", "finite"):
        Explanation.from_json(GOLDEN.to_json().replace("0.8364", "NaN"))


def test_json_too_deep_to_read():
    with raises(FormatError, "JSON"):
        Explanation.from_json("[" * 200_000)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (True, "pair_contributions[1][2] is True, not a number"),
        ("0.5", "pair_contributions[1][2] is '0.5', not a number"),
        (float("inf"), "pair_contributions[1][2] is inf, not a finite number"),
        (float("nan"), "pair_contributions[1][2] is nan, not a finite number"),
        (10**400, "not a finite number"),
        (None, "pair_contributions[1][2] is None, not a number"),
        ([0.5], "pair_contributions[1][2] is [0.5], not a number"),
    ],
)
def test_a_wrong_number_among_many_is_found_at_its_place(value, says):
    content = GOLDEN.to_dict()
    content["pair_contributions"][1][2] = 7
    found = Explanation.from_dict(content).pair_contributions[1]
    assert found == (0.0, 0.0, 7.0, 0.0)
    assert set(map(type, found)) == {float}
    content["pair_contributions"][1][2] = value
    with pytest.raises(FormatError, match=re.escape(says)):
        Explanation.from_dict(content)
