"""Who runs pieces of work: what is refused before anything is loaded."""

import importlib.util
import pickle

import pytest
from typer.testing import CliRunner

from raising import raises
from tiny_models import tiny
from whyalike import CatalogueIndex, Explainer, Item
from whyalike.batch.pieces import Pieces
from whyalike.batch.source import PairSource
from whyalike.cli.app import app
from whyalike.engines.runner import choose_runner, run_here
from whyalike.errors import MissingExtraError, OptionError


def test_this_process_makes_its_function_once_and_keeps_the_order():
    made = []

    def make():
        made.append(True)
        return lambda piece: 2 * piece

    assert list(run_here(range(4), make)) == [0, 2, 4, 6]
    assert len(made) == 1


def test_an_address_needs_ray_and_an_engine_a_name():
    with raises(OptionError, "'10.0.0.1:6379'", "--engine ray"):
        choose_runner("local", "10.0.0.1:6379")
    with raises(OptionError, "'spark'", "local, ray"):
        choose_runner("spark")
    with raises(OptionError, "ray://10.0.0.1:10001", "node of the cluster"):
        choose_runner("ray", "ray://10.0.0.1:10001")


@pytest.mark.parametrize("command", ["explain", "index"])
def test_without_ray_the_error_names_the_extra(command, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "whyalike.engines.ray_data.find_spec", lambda name: None if name == "ray" else find(name)
    )
    with raises(MissingExtraError, "'ray'", "whyalike[ray]"):
        choose_runner("ray")
    file = tmp_path / "goods.csv"
    file.write_text("id,title,description\n1,a,b\n")
    arguments = {
        "explain": ["explain", "--pairs", str(file), "-o", str(tmp_path / "out.parquet")],
        "index": ["index", str(file), "-o", str(tmp_path / "idx")],
    }[command]
    done = CliRunner().invoke(app, [*arguments, "--engine", "ray"])
    assert done.exit_code != 0
    assert "whyalike[ray]" in done.output


def test_the_engine_goes_with_a_file_of_pairs():
    done = CliRunner().invoke(app, ["explain", "a", "b", "--ray-address", "auto"])
    assert done.exit_code != 0
    done = CliRunner().invoke(app, ["explain", "a", "b", "--engine", "ray"])
    assert done.exit_code != 0
    assert "--engine goes with --pairs" in done.output


def test_pieces_are_read_in_another_process_as_here_ids_of_an_index_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    items = [Item(f"i{n}", "", f"warm wool {n}") for n in range(6)]
    index = CatalogueIndex.build(items, "idx", model=Explainer(tiny("bert").parts))
    (tmp_path / "ids.csv").write_text("left_id,right_id\ni0,i1\ni2,nobody\ni4,i5\n,i5\n")
    source = PairSource("ids.csv", ids="both")
    pieces = Pieces(source, source.survey(), skip=1, size=2, index=index)
    packed = pickle.dumps(pieces)
    # A worker stands in another folder.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = list(pickle.loads(packed))
    monkeypatch.chdir(tmp_path)
    assert found == list(pieces)
    assert [len(piece.rows) for piece in found] == [2, 1]
    assert "nobody" in found[0].texts[0]
    assert found[0].texts[1] == ("warm wool 4", "warm wool 5")
