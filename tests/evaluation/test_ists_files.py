"""Files of interpretable STS, written by hand in the published format."""

import pytest

from raising import raises
from whyalike.errors import FormatError
from whyalike.evaluation.ists import read_ists

GOLD = """<sentence id="7" status="">
// A cat sleeps .
// The cat is asleep
<source>
1 A :
2 cat:
3 sleeps :
4 . :
</source>
<translation>
1 The :
2 cat :
3 is :
4 asleep :
</translation>
<alignment>
4 <==> 0 // NOALI // NIL // . <==> -not aligned-
1 2 <==> 1 2 // EQUI // 5 // A cat <==> The cat
3 <==> 3 4 // SIMI_FACT // 4 // sleeps <==> is asleep // really
</alignment>
</sentence>


<sentence id="8" status="">
// in a closed path
// open paths
<source>
</source>
<alignment>
1 2 3 4 <==> 0 // NOALI // NIL // x <==> y
0 <==> 1 2 // NOALI // NIL // x <==> y
</alignment>
</sentence>
"""
LEFT = "[ A cat ] [ sleeps ] [ . ] \n[ in [ a closed path ] \n"
RIGHT = "[ The cat ] [ is asleep ] \n[ open paths ] [ ]\n"


def written(folder, gold=GOLD, left=LEFT, right=RIGHT):
    path = folder / "some.input.cats.wa"
    path.write_text(gold, encoding="utf-8", errors="surrogateescape")
    (folder / "some.input.cats.sent1.chunk.txt").write_text(left, encoding="utf-8")
    (folder / "some.input.cats.sent2.chunk.txt").write_text(right, encoding="utf-8")
    return path


def test_texts_links_and_the_chunks_beside_them(tmp_path):
    first, second = read_ists(written(tmp_path))
    assert (first.name, first.left, first.right) == ("7", "A cat sleeps .", "The cat is asleep")
    assert first.left_chunks == ((0, 1), (2,), (3,))
    assert first.right_chunks == ((0, 1), (2, 3))
    assert first.links == (((0, 1), (0, 1)), ((2,), (2, 3)))
    # A bracket that is not closed, as in one published line, ends where the next opens.
    assert second.left_chunks == ((0,), (1, 2, 3))
    assert second.right_chunks == ((0, 1),)
    assert second.links == ()


def test_chunks_of_other_files(tmp_path):
    path = written(tmp_path, right="nothing\n")
    other = tmp_path / "other.txt"
    other.write_text("[ The ] [ cat is asleep ]\n[ open ] [ paths ]")
    first, _ = read_ists(path, chunks=(tmp_path / "some.input.cats.sent1.chunk.txt", other))
    assert first.right_chunks == ((0,), (1, 2, 3))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("3 <==> 3 4 //", "3 <==> 3 5 //", "line 19 | '3 5' | chunk | 4 words"),
        ("3 <==> 3 4 //", "three <==> 3 //", "line 19 | 'three' | chunk"),
        ("3 <==> 3 4 //", "<==> 3 //", "line 19 | '' | chunk"),
        ("// The cat is asleep\n", "", "line 3 | two texts"),
        ('id="8"', 'id="7"', "id '7'"),
        ("// The cat", "// The c\udce9t", "line | UTF-8"),
    ],
)
def test_a_damaged_pair_is_left_out_and_its_line_named(tmp_path, old, new, problem):
    path = written(tmp_path, gold=GOLD.replace(old, new))
    left_out = "7" if old != 'id="8"' else "8"
    with pytest.warns(UserWarning, match="1 damaged pair is left out of 2") as caught:
        (kept,) = read_ists(path)
    assert all(part in str(caught[0].message) for part in problem.split(" | "))
    whole = {pair.name: pair for pair in read_ists(written(tmp_path))}
    del whole[left_out]
    assert [kept] == list(whole.values())
    # Who must have all of them says so.
    with raises(FormatError, *problem.split(" | ")):
        read_ists(written(tmp_path, gold=GOLD.replace(old, new)), strict=True)


def test_two_damaged_lines_in_the_middle_cost_two_pairs(tmp_path):
    parts = [GOLD[: GOLD.index('<sentence id="8"')].replace('id="7"', f'id="{n}"') for n in "12345"]
    parts[1] = parts[1].replace("3 <==> 3 4 //", "3 <==> 3 9 //")
    lefts, rights = [LEFT.split("\n", maxsplit=1)[0]] * 5, [RIGHT.split("\n", maxsplit=1)[0]] * 5
    rights[3] = "[ The cat ] is [ asleep ]"
    path = written(tmp_path, "".join(parts), "\n".join(lefts), "\n".join(rights))
    with pytest.warns(UserWarning, match="2 damaged pairs are left out of 5") as caught:
        found = read_ists(path)
    assert [pair.name for pair in found] == ["1", "3", "5"]
    said = str(caught[0].message)
    assert "'3 9'" in said
    assert "sent2.chunk.txt, line 4: 'is'" in said


def test_a_file_without_a_whole_pair_is_refused(tmp_path):
    with raises(FormatError, "<sentence"):
        read_ists(written(tmp_path, gold=GOLD.replace("<sentence", "<nothing")))
    with raises(FormatError, "line 2", "two texts"):
        read_ists(written(tmp_path, gold=GOLD.replace("// ", "")))


@pytest.mark.parametrize(
    ("left", "problem"),
    [
        (LEFT.replace("[ A cat", "[ A dog"), "line 1 | words | text"),
        (LEFT.replace("[ sleeps", "sleeps"), "line 1 | 'sleeps' | chunk"),
        (LEFT.replace("[ in", "in"), "line 2 | 'in' | chunk"),
        (LEFT.replace("[ . ]", "[ . ] ]"), "line 1 | ']' | chunk"),
    ],
)
def test_damaged_chunks_leave_their_pair_out_and_name_the_line(tmp_path, left, problem):
    with pytest.warns(UserWarning, match="1 damaged pair is left out of 2") as caught:
        (kept,) = read_ists(written(tmp_path, left=left))
    assert all(part in str(caught[0].message) for part in problem.split(" | "))
    assert kept.name == ("8" if "line 1" in problem else "7")
    with raises(FormatError, *problem.split(" | ")):
        read_ists(written(tmp_path, left=left), strict=True)


def test_chunks_of_another_number_of_pairs_are_refused(tmp_path):
    with raises(FormatError, "1 lines", "2 pairs"):
        read_ists(written(tmp_path, left="[ A cat ] [ sleeps ] [ . ]\n"))


def test_missing_files(tmp_path):
    with raises(FormatError, "chunk alignments"):
        read_ists(tmp_path / "none.wa")
    path = written(tmp_path)
    (tmp_path / "some.input.cats.sent2.chunk.txt").unlink()
    with raises(FormatError, "chunks", "sent2.chunk.txt"):
        read_ists(path)
