"""Explanations that are the same but for what a processor rounds: batches differ in the last bits."""

from collections.abc import Mapping

import pytest

ROUNDING = 1e-5


def assert_nearly_equal(one, other, where="explanation"):
    """Plain JSON values, or what gives them: all is equal, and numbers are nearly so."""
    one, other = (v.to_dict() if hasattr(v, "to_dict") else v for v in (one, other))
    if isinstance(one, Mapping):
        assert one.keys() == other.keys(), where
        for key, value in one.items():
            assert_nearly_equal(value, other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_nearly_equal(left, right, f"{where}[{number}]")
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=ROUNDING), where
    else:
        assert one == other, where
