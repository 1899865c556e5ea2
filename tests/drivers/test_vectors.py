"""Every published vector of the formats that the drivers offer."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from hub_agent.driver import DecodeError
from hub_drivers.formats import FORMATS

_FOLDER: Final = Path(__file__).parent.parent / "vectors"
_VECTORS: Final[list[dict[str, Any]]] = json.loads((_FOLDER / "vectors.json").read_text(), parse_float=Decimal)
_FIELDS: Final[dict[str, dict[str, str]]] = json.loads((_FOLDER / "fields.json").read_text())
_OURS: Final = [vector for vector in _VECTORS if vector["format"] in FORMATS]


def _decode(vector: Mapping[str, Any]) -> dict[str, Any]:
    return dict(FORMATS[vector["format"]](bytes.fromhex(vector["hex"])))


def _name(vector: Mapping[str, Any]) -> str:
    return f"{vector['format']}-{vector['hex'] or 'empty'}"


@pytest.mark.parametrize("vector", _OURS, ids=_name)
def test_is_answered_as_expected(vector: dict[str, Any]) -> None:
    expected = vector["expected"]
    if "error" in expected:
        with pytest.raises(DecodeError):
            _decode(vector)
    elif "must" in expected:
        try:
            fields = _decode(vector)
        except DecodeError:
            return
        assert fields.get("implausible") is True
    else:
        fields = _decode(vector)
        fields.pop("implausible", None)
        assert fields == expected
        kinds = _FIELDS[vector["format"]]
        for name, value in _flat(fields):
            assert _kind(value) in kinds[name].split("|"), name


def _flat(fields: Mapping[str, Any]) -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in fields.items():
        if isinstance(value, dict):
            flat += [(f"{name}.{inner}", each) for inner, each in value.items()]
        else:
            flat.append((name, value))
    return flat


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case str():
            return "text"
        case list():
            return "list"
        case int() | Decimal():
            return "number"
        case _:
            return type(value).__name__
