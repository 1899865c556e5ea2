"""Every wire format, with bytes that nobody published."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.driver import DecodeError
from hub_agent.registry import Format, load_formats
from hub_drivers.formats import FORMATS

_VECTORS: Final[list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "vectors.json").read_text()
)
_GOOD: Final = [
    (vector["format"], bytes.fromhex(vector["hex"]))
    for vector in _VECTORS
    if vector["format"] in FORMATS and not {"error", "must"} & vector["expected"].keys()
]
_OF_ANY_LENGTH: Final = {"sig.e2e_crc16", "ble.2a52"}
_FLAGGED: Final = (0x2A18, 0x2A1C, 0x2A1E, 0x2A34, 0x2A35, 0x2A36, 0x2A37, 0x2A5E, 0x2A5F, 0x2A60, 0x2A9C, 0x2A9D)
_GROWING: Final = {f"ble.{uuid:x}" for uuid in _FLAGGED}
"""Flags name their fields: a later version of their service may add some."""
_SIG: Final = sorted(name for name in FORMATS if name.startswith(("ble.2a", "ieee", "sig")))


def test_the_entry_point_offers_them() -> None:
    assert load_formats() == FORMATS


def _tuples(value: object) -> Iterator[tuple[object, ...]]:
    if isinstance(value, tuple):
        yield value
        for each in value:
            yield from _tuples(each)


@pytest.mark.parametrize(("name", "data"), [pytest.param(*one, id=f"{one[0]}-{one[1].hex()[:24]}") for one in _GOOD])
def test_frames_have_all_their_fields(name: str, data: bytes) -> None:
    """Frames are made without their constructor, which would count."""
    decoder = FORMATS[name]
    frame = decoder.decode(data) if isinstance(decoder, Format) else None
    assert all(len(each) == len(getattr(each, "_fields", each)) for each in _tuples(frame))


@pytest.mark.parametrize("name", _SIG)
@given(data=st.binary(max_size=40))
def test_any_bytes_are_decoded_or_refused(name: str, data: bytes) -> None:
    try:
        fields = FORMATS[name](data)
    except DecodeError:
        return
    assert json.dumps(fields, default=_decimal)


def _decimal(value: object) -> str:
    assert isinstance(value, Decimal)
    assert value.is_finite()
    return str(value)


@pytest.mark.parametrize(
    ("name", "data"),
    [pytest.param(name, data, id=f"{name}-{data.hex()}") for name, data in _GOOD if name in set(_SIG) - _OF_ANY_LENGTH],
)
def test_a_byte_less_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(DecodeError):
        FORMATS[name](data[:-1])


@pytest.mark.parametrize(
    ("name", "data"),
    [pytest.param(name, data, id=f"{name}-{data.hex()}") for name, data in _GOOD if name in set(_SIG) - _OF_ANY_LENGTH],
)
def test_a_byte_more_is_passed_over_where_flags_name_the_fields_and_refused_elsewhere(name: str, data: bytes) -> None:
    if name in _GROWING and not (name == "ble.2a37" and data[0] & 0x10):
        assert FORMATS[name](data + b"\xff") == FORMATS[name](data)
    else:
        with pytest.raises(DecodeError):
            FORMATS[name](data + b"\xff")
