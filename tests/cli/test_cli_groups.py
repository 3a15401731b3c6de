from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from whyalike.cli.app import app
from whyalike.cli.groups import OptionGroup, with_groups
from whyalike.cli.options import LoadingOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Size(OptionGroup):
    width: Annotated[int, typer.Option(min=1, help="How wide.")] = 3
    height: Annotated[int, typer.Option("--high", help="How high.")] = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Square(Size):
    height: Annotated[int, typer.Option("--tall", help="How tall.")] = 3


def small(command):
    one = typer.Typer()
    one.command()(with_groups(command))
    return one


def test_a_command_gets_its_groups_and_its_own_options():
    given = []

    def draw(*, name: str, size: Size, colour: str = "red") -> None:
        given.append((name, size, colour))

    commands = small(draw)
    assert CliRunner().invoke(commands, ["tree", "--high", "9", "--colour", "blue"]).exit_code == 0
    assert CliRunner().invoke(commands, ["bush"]).exit_code == 0
    assert given == [("tree", Size(width=3, height=9), "blue"), ("bush", Size(), "red")]
    assert given[0][1].keywords() == {"width": 3, "height": 9}


def test_options_stand_where_their_group_stands_and_keep_their_limits():
    def draw(*, first: int = 1, size: Size, last: int = 2) -> None: ...

    order = [one.name for one in get_command(small(draw)).params]
    assert [one for one in order if "completion" not in one] == ["first", "width", "height", "last"]
    refused = CliRunner().invoke(small(draw), ["--width", "0"])
    assert refused.exit_code == 2
    assert "--width" in refused.output


def test_a_group_may_say_an_option_of_another_differently():
    given = []

    def draw(*, size: Square) -> None:
        given.append(size)

    assert CliRunner().invoke(small(draw), ["--tall", "5"]).exit_code == 0
    assert given == [Square(width=3, height=5)]


def test_an_option_that_is_there_twice_is_refused():
    def draw(*, width: int = 1, size: Size) -> None: ...

    with pytest.raises(TypeError, match="two options 'width'"):
        with_groups(draw)


def commands_of(group):
    for command in getattr(group, "commands", {}).values():
        yield command
        yield from commands_of(command)


def test_every_command_that_loads_a_model_takes_the_options_of_loading_together():
    loading = set(LoadingOptions.names())
    with_any = [
        (one.name, loading & {option.name for option in one.params})
        for one in commands_of(get_command(app))
        if one.callback is not None
    ]
    assert {name for name, found in with_any if found} >= {"explain", "trace", "build", "create"}
    assert [name for name, found in with_any if found and found != loading] == []
