"""What an unfinished run noted of itself."""

import pytest

from whyalike.errors import FormatError, OptionError
from whyalike.training.checkpoints import begin_run


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b"[" * 100_000, b""])
def test_a_damaged_description_of_a_run_is_told(tmp_path, content):
    begin_run(tmp_path / "run", {"seed": 1}, resume=False)
    with pytest.raises(OptionError, match="seed: 1 then, 2 now"):
        begin_run(tmp_path / "run", {"seed": 2}, resume=True)
    (tmp_path / "run" / "run.json").write_bytes(content)
    with pytest.raises(FormatError, match=r"run\.json is damaged .*delete the folder"):
        begin_run(tmp_path / "run", {"seed": 1}, resume=True)
