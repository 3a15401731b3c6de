"""A file that is not there is said at once, with the one that may be meant."""

import pytest

from whyalike.cli.refusals import refuse_missing
from whyalike.errors import FormatError


@pytest.mark.parametrize("typed", ["pair.csv", "piars.csv", "pairs.cvs", "Pairs.csv"])
def test_a_typing_error_in_a_name_is_seen(tmp_path, typed):
    (tmp_path / "pairs.csv").touch()
    (tmp_path / "other.jsonl").touch()
    with pytest.raises(FormatError) as caught:
        refuse_missing(None, [tmp_path / "pairs.csv", tmp_path / typed])
    assert str(caught.value).endswith(
        f"Could not read {tmp_path / typed}: No such file or directory. "
        f"Did you mean {tmp_path / 'pairs.csv'}?"
    )


@pytest.mark.parametrize("typed", ["nothing.txt", "no folder/pairs.csv"])
def test_nothing_is_said_where_no_name_is_near(tmp_path, typed):
    (tmp_path / "pairs.csv").touch()
    with pytest.raises(FormatError) as caught:
        refuse_missing(tmp_path / typed)
    assert str(caught.value).endswith("No such file or directory.")
