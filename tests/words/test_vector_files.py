"""Files of word vectors, read as gensim reads them, and refused by name where they are damaged."""

import gzip
import math
import struct

import numpy as np
import pytest

from raising import raises
from whyalike import WordVectors
from whyalike.errors import FormatError, OptionError, UnsafeModelError

WORDS = ["the", "gloves", "naïve", "日本語", "👍🏽", "don't", "3.5", "1,000"]


def numbers(count, width):
    """Small numbers of both signs and many sizes, from a formula."""
    return np.array(
        [
            [math.sin(1 + i * width + k) * 10 ** (k % 5 - 2) for k in range(width)]
            for i in range(count)
        ],
        dtype=np.float32,
    )


@pytest.fixture(scope="module")
def keyed():
    models = pytest.importorskip("gensim.models")
    vectors = models.KeyedVectors(7)
    vectors.add_vectors(WORDS, numbers(len(WORDS), 7))
    return vectors


@pytest.fixture
def written(tmp_path):
    def write(content, name="vectors.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def same(ours, theirs):
    assert list(ours.index) == theirs.index_to_key
    assert list(ours.index.values()) == list(range(len(theirs.index_to_key)))
    assert ours.table.dtype == np.float32
    np.testing.assert_array_equal(ours.table, theirs.vectors)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_word2vec_files_as_gensim_reads_them(keyed, tmp_path, binary, packed):
    path = tmp_path / ("vectors.gz" if packed else "vectors")
    keyed.save_word2vec_format(str(path), binary=binary)
    theirs = type(keyed).load_word2vec_format(str(path), binary=binary)
    same(WordVectors.read(path), theirs)
    np.testing.assert_array_equal(theirs.vectors, keyed.vectors)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # gensim's own
def test_glove_files_as_gensim_reads_them(keyed, tmp_path):
    path = tmp_path / "glove.txt"
    keyed.save_word2vec_format(str(path), write_header=False)
    same(WordVectors.read(str(path)), type(keyed).load_word2vec_format(str(path), no_header=True))


def test_gensims_own_file_and_object(keyed, tmp_path):
    path = tmp_path / "vectors.kv"
    keyed.save(str(path))
    with pytest.raises(UnsafeModelError, match="allow_pickle=True"):
        WordVectors.read(path)
    same(WordVectors.read(path, allow_pickle=True), keyed)
    same(WordVectors.from_gensim(keyed), keyed)
    path.write_bytes(b"no pickle")
    with pytest.raises(FormatError, match=r"vectors\.kv"):
        WordVectors.read(path, allow_pickle=True)


def test_what_is_no_keyed_vectors(keyed):
    for other in ({"a": [1.0]}, None, np.zeros((2, 2))):
        with raises(OptionError, "KeyedVectors", ".wv"):
            WordVectors.from_gensim(other)
    damaged = type(keyed)(2)
    damaged.add_vectors(["good", "bad"], np.array([[1, 2], [3, np.nan]], dtype=np.float32))
    with raises(FormatError, "'bad'", "finite"):
        WordVectors.from_gensim(damaged)


def test_words_that_hold_what_breaks_lines_elsewhere(written):
    words = ["a\u00a0b", "\u0085", "x\u2028y", ". . .", "at name@domain.com", "5", "\u200b"]
    lines = [f"{word} {i}.5 -1e-3 2" for i, word in enumerate(words)]
    read = WordVectors.read(written("\r\n".join(lines) + " \r\n\r\n"))
    assert list(read.index) == words
    expected = [[i + 0.5, -1e-3, 2] for i in range(len(words))]
    np.testing.assert_array_equal(read.table, np.array(expected, dtype=np.float32))


def test_a_binary_file_without_line_feeds_between_words(written):
    vectors = numbers(3, 5)
    content = b"3 5\n"
    for word, row in zip(["a", "b\n", "c"], vectors, strict=True):
        content += word.strip().encode() + b" " + struct.pack("<5f", *row)
    read = WordVectors.read(written(content))
    assert list(read.index) == ["a", "b", "c"]
    np.testing.assert_array_equal(read.table, vectors)


def test_more_lines_than_a_block(written):
    lines = [f"w{i} {i} {i}.5" for i in range(9000)]
    read = WordVectors.read(written("\n".join(lines)))
    assert read.table.shape == (9000, 2)
    assert read.find("w8999").tolist() == [8999.0, 8999.5]
    lines[8190] = "w8190 0 0.5.5"
    with raises(FormatError, "line 8191", "'0.5.5'"):
        WordVectors.read(written("\n".join(lines)))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no word vectors"),
        (b"\n\n", "holds no word vectors"),
        (b"3 2\n", "holds no word vectors"),
        (b"only words here\n", "line 1 | word | numbers"),
        (b"a 1 2\nb 1\n", "line 2 | word | 2 numbers"),
        (b"a 1 2\n1 2\n", "line 2 | word | 2 numbers"),
        (b"a 1 2\nb 1 x\n", "line 2 | 'x' | number"),
        (b"a 1 2\nb 1 nan\n", "line 2 | 'nan' | finite"),
        (b"a 1 2\nb 1 1e99\n", "line 2 | '1e99' | finite"),
        (b"2 2\na 1 2\n", "2 words | 1"),
        (b"1 2\na 1 2\nb 1 2\n", "1 words | 2"),
        (b"1 2\na 1 2 3\nb 1\n", "line 3 | word | 2 numbers"),
        (b"1 9\na 1 2\n", "line 2 | word | 9 numbers"),
        (b"a 1 2\nna\xefve 1 2\n", r"line 2 | \xefve | UTF-8"),
        (b"\x1f\x8bnothing packed", "Could not read"),
        (gzip.compress(b"a 1 2\n" * 99, mtime=0)[:-9], "Could not read"),
        (b"2 1\na \0\0\x80\x3f\n", "was cut"),
        (b"99999999999 300\n\0", "was cut"),
        (b"1 1\na \0\0\xc0\x7f\n", "word 1 | NaN | infinity"),
        (b"1 1\n\xff \0\0\x80\x3f\n", "word 1 | UTF-8"),
        (b"1 1\n \0\0\x80\x3f\n", "word 1"),
    ],
)
def test_damaged_files_are_refused_by_line(written, content, says):
    path = written(content)
    with raises(FormatError, *says.split(" | ")) as refusal:
        WordVectors.read(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [
        b"a 1\nb 3\na 5\nc 7\n",
        b"4 1\na 1\nb 3\na 5\nc 7\n",
        b"4 1\na \0\0\x80\x3f\nb \0\0\x40\x40\na \0\0\xa0\x40\nc \0\0\xe0\x40\n",
    ],
)
def test_of_a_word_that_stands_twice_the_first_counts_and_it_is_said(written, content):
    with pytest.warns(UserWarning, match="1 more rows than words"):
        vectors = WordVectors.read(written(content))
    assert [float(vectors.find(word)[0]) for word in "abc"] == [1.0, 3.0, 7.0]


def test_a_binary_file_cut_anywhere_is_refused(keyed, tmp_path, written):
    path = tmp_path / "vectors.bin"
    keyed.save_word2vec_format(str(path), binary=True)
    whole = path.read_bytes()
    for end in range(whole.index(b"\n") + 1, len(whole)):
        with pytest.raises(FormatError):
            WordVectors.read(written(whole[:end]))


def test_files_that_are_not_there(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with raises(FormatError, "word vectors", path):
            WordVectors.read(path)
