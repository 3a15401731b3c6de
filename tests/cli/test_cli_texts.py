"""Where the two texts come from: arguments, files, standard input."""

import json

import pytest

from raising import assert_says

LEFT, RIGHT = "knit gloves", "smart phone"


@pytest.fixture
def texts_of(run, model):
    """Run ``explain`` and return the two texts that it explained."""

    def texts_of(*arguments, **settings):
        result = run("explain", "--model", model, "--json", *arguments, **settings)
        assert result.exit_code == 0, result.output
        content = json.loads(result.stdout)
        return content["left"]["text"], content["right"]["text"]

    return texts_of


@pytest.fixture
def refused(run, model):
    """Run ``explain`` and return the sentence with which it refuses to."""

    def refused(*arguments, **settings):
        result = run("explain", "--model", model, *arguments, **settings)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.startswith("whyalike: ")
        assert result.stderr.count("\n") == 1
        return result.stderr

    return refused


@pytest.fixture
def files(tmp_path):
    left, right = tmp_path / "left.txt", tmp_path / "right.txt"
    left.write_text(f"{LEFT}\n", encoding="utf-8")
    right.write_text(RIGHT, encoding="utf-8")
    return left, right


def test_two_arguments(texts_of):
    assert texts_of(LEFT, RIGHT) == (LEFT, RIGHT)


def test_two_files(texts_of, files):
    assert texts_of("--file-a", files[0], "--file-b", files[1]) == (LEFT, RIGHT)


def test_the_left_text_from_a_file_and_the_right_one_as_the_argument(texts_of, files):
    assert texts_of("--file-a", files[0], RIGHT) == (LEFT, RIGHT)


def test_the_right_text_from_a_file_and_the_left_one_as_the_argument(texts_of, files):
    assert texts_of(LEFT, "--file-b", files[1]) == (LEFT, RIGHT)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-", RIGHT], ("from input", RIGHT)),
        ([LEFT, "-"], (LEFT, "from input")),
        (["--file-a", "-", RIGHT], ("from input", RIGHT)),
        ([LEFT, "--file-b", "-"], (LEFT, "from input")),
    ],
)
def test_one_text_from_standard_input(texts_of, arguments, expected):
    assert texts_of(*arguments, input="from input\n") == expected


def test_a_file_and_standard_input(texts_of, files):
    assert texts_of("--file-a", files[0], "-", input="from input") == (LEFT, "from input")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\xef\xbb\xbfknit gloves", "knit gloves"),
        ("naïve 日本語 👍🏽".encode(), "naïve 日本語 👍🏽"),
        (b"two\nlines\n", "two\nlines"),
        (b"blank line\n\n", "blank line\n"),
        (b"of windows\r\n", "of windows"),
        (b"", ""),
        (b"null \x00 byte", "null \x00 byte"),
    ],
)
def test_a_file_is_read_as_utf_8_without_mark_and_last_line_break(
    texts_of, tmp_path, content, text
):
    (tmp_path / "left.txt").write_bytes(content)
    assert texts_of("--file-a", tmp_path / "left.txt", RIGHT) == (text, RIGHT)


def test_an_empty_argument_is_a_text(texts_of):
    assert texts_of("", RIGHT) == ("", RIGHT)


def test_a_text_that_looks_like_an_option_stands_behind_two_dashes(texts_of):
    assert texts_of("--", "--gloves", "-5 degrees") == ("--gloves", "-5 degrees")


def test_a_missing_text(refused, files):
    assert_says(refused(), "left text", "missing", "two texts")
    assert_says(refused(LEFT), "right text", "missing", "two texts")
    assert_says(refused("--file-a", files[0]), "right text", "missing")
    assert_says(refused("--file-b", files[1]), "left text", "missing")


def test_a_text_that_is_given_twice(refused, files):
    says = refused("--file-a", files[0], LEFT, RIGHT)
    assert "The left text is given twice: as an argument and with --file-a." in says
    says = refused("--file-b", files[1], LEFT, RIGHT)
    assert "The right text is given twice: as an argument and with --file-b." in says


@pytest.mark.parametrize(
    "arguments",
    [
        ["-", "-"],
        ["--file-a", "-", "-"],
        ["-", "--file-b", "-"],
        ["--file-a", "-", "--file-b", "-"],
    ],
)
def test_standard_input_for_both_texts(refused, arguments):
    assert_says(refused(*arguments, input="x"), "Standard input", "-", "one of the two texts")


def test_a_file_that_is_not_there(refused, tmp_path):
    path = tmp_path / "missing.txt"
    says = refused("--file-a", path, RIGHT)
    assert f"Could not read the left text from {path}: No such file or directory." in says


def test_a_folder_instead_of_a_file(refused, tmp_path):
    assert_says(refused(LEFT, "--file-b", tmp_path), "right text", tmp_path, "Is a directory")


def test_a_file_is_read_in_the_encoding_that_is_said(run, model, tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("crème".encode("latin-1"))
    result = run(
        "explain", LEFT, "--file-b", path, "--encoding", "latin-1", "--model", model, "--json"
    )
    assert json.loads(result.stdout)["right"]["text"] == "crème"


def test_a_file_that_is_not_utf_8(refused, tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("crème".encode("latin-1"))
    says = refused(LEFT, "--file-b", path)
    assert (
        f"The right text from {path} is not UTF-8 (byte 2): say its encoding (--encoding)." in says
    )


def test_standard_input_that_is_not_utf_8(refused):
    says = refused("-", RIGHT, input=b"\xff\xfe")
    assert "The left text from standard input is not UTF-8 (byte 0)" in says


def test_a_text_that_may_never_end(refused, tmp_path, monkeypatch):
    monkeypatch.setattr("whyalike.cli.explain.LONGEST_TEXT", 10)
    path = tmp_path / "long.txt"
    path.write_text("x" * 11)
    said = "has more than 10 bytes, which is the most that is read"
    assert f"The left text from {path} {said}" in refused("--file-a", path, RIGHT)
    assert f"The right text from standard input {said}" in refused(LEFT, "-", input=b"x" * 11)
    assert f"The left text from /dev/zero {said}" in refused("--file-a", "/dev/zero", RIGHT)
