"""``hub-agent decode`` on every published vector."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from hub_agent.decoding import answer, format_names

_VECTORS: Final[list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "vectors" / "vectors.json").read_text(encoding="utf-8"), parse_float=Decimal
)
NOT_YET: Final[Mapping[str, str]] = {}
"""Formats that no decoder of ours answers yet, each with the reason."""


def _name(vector: Mapping[str, Any]) -> str:
    return f"{vector['format']}-{vector['kind']}-{vector['hex'] or 'empty'}"


def _exact(value: object) -> object:
    """Spell numbers as decimals, at any depth."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, Mapping):
        return {name: _exact(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(inner) for inner in value]
    return value


@pytest.mark.parametrize("vector", _VECTORS, ids=_name)
def test_is_answered_as_expected(vector: dict[str, Any]) -> None:
    if vector["format"] in NOT_YET:
        assert "no format is called" in answer(vector)["error"]
        return
    answered, expected = answer(vector), vector["expected"]
    if "error" in expected:
        assert answered.keys() == {"error"}
    elif "must" in expected:
        assert expected["must"] == "reject_or_flag_implausible"
        assert answered.keys() == {"error"} or answered["implausible"] is True
    else:
        assert _exact(answered["fields"]) == _exact(expected)


def test_only_formats_without_a_decoder_are_passed_over() -> None:
    assert NOT_YET.keys() == {vector["format"] for vector in _VECTORS} - set(format_names())
