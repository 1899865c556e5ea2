"""Every published vector of the serial and vendor formats, and their totality."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.errors import DecodeError
from hub_drivers.formats import FORMATS

VECTORS_DIR: Final = Path(__file__).parents[1] / "vectors"
OTHERS: Final = ("ble.2a", "ieee11073", "sig.")
VECTORS: Final = [
    vector
    for vector in json.loads((VECTORS_DIR / "vectors.json").read_text(encoding="utf-8"), parse_float=Decimal)
    if not vector["format"].startswith(OTHERS)
]
FIELDS: Final[dict[str, dict[str, str]]] = {
    name: fields
    for name, fields in json.loads((VECTORS_DIR / "fields.json").read_text(encoding="utf-8")).items()
    if not name.startswith(OTHERS)
}


def test_every_format_has_a_decoder() -> None:
    assert FIELDS.keys() <= FORMATS.keys()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['format']}-{vector['hex'][:24]}")
def test_vector(vector: dict[str, Any]) -> None:
    decode, data, expected = FORMATS[vector["format"]], bytes.fromhex(vector["hex"]), vector["expected"]
    if "error" in expected:
        with pytest.raises(DecodeError):
            decode(data)
    else:
        assert decode(data) == expected


def kind(value: Any) -> str:  # noqa: ANN401 - whatever a decoder gives
    """Name a value's type as fields.json does."""
    if value is None:
        return "null"
    names = {bool: "bool", int: "number", Decimal: "number", str: "text", list: "list", tuple: "list"}
    return names[type(value)]


@pytest.mark.parametrize("name", sorted(FIELDS))
@given(st.data())
def test_any_bytes_decode_or_are_refused(name: str, data: st.DataObject) -> None:
    starts = [bytes.fromhex(vector["hex"]) for vector in VECTORS if vector["format"] == name]
    whole = data.draw(st.binary(max_size=160) | st.sampled_from([*starts, b""]))
    at = data.draw(st.integers(0, len(whole)))
    changed = whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + data.draw(st.integers(0, 3)) :]
    try:
        fields = FORMATS[name](changed)
    except DecodeError:
        return
    known = FIELDS[name].keys() | {"implausible"}
    assert {field for field in fields if kind(fields[field])} <= known | EXTRA.get(name, set())


EXTRA: Final[dict[str, set[str]]] = {}
"""Fields beyond those listed, which other kinds of a format's frames carry."""
