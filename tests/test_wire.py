"""The body of a batch: what goes in comes out, and nothing else does."""

import contextlib
from decimal import Decimal

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_agent.errors import DecodeError
from hub_agent.model import (
    Absent,
    ClockState,
    Code,
    Measurement,
    Quality,
    Reading,
    ReadingClass,
    ReceivedReading,
    Stamp,
)
from hub_agent.wire import Event, Item, decode, encode
from tests.items import ITEMS, MS

WALL_SLACK_MS = 2


def key(item: Item) -> str:
    """Spell everything but the wall clock, which may move by rounding."""
    return repr(
        item._replace(stamp=item.stamp._replace(wall_ns=0))
        if isinstance(item, Event)
        else (item.device, item.reading, item.name, item.stamp._replace(wall_ns=0))
    )


def live(second: int, spo2: str = "97", wall_ns: int | None = None) -> ReceivedReading:
    measurements = (Measurement(Code(150456), "%", Decimal(spo2)), Measurement(Code(149530), "/min", Decimal(61)))
    right_ns = (1_767_225_600_000 + second * 1000) * MS
    at = Stamp("00" * 8, second * 1000 * MS, right_ns if wall_ns is None else wall_ns, ClockState.SYNCED)
    return ReceivedReading("oximeter", Reading(ReadingClass.CONTINUOUS, measurements), at)


@given(ITEMS)
def test_items_come_back_as_they_were(items: list[Item]) -> None:
    decoded = decode(encode(items))
    assert sorted(map(key, decoded)) == sorted(map(key, items))
    walls = {key(item): item.stamp.wall_ns for item in items}
    for item in decoded:
        assert item.stamp.wall_ns % MS == 0
    if len(walls) == len(items):
        assert all(abs(walls[key(i)] - i.stamp.wall_ns) <= WALL_SLACK_MS * MS for i in decoded)


@given(ITEMS)
def test_readings_come_before_events_and_each_kind_of_event_in_its_order(items: list[Item]) -> None:
    decoded = decode(encode(items))
    readings = sum(not isinstance(item, Event) for item in items)
    assert all(isinstance(item, Event) == (place >= readings) for place, item in enumerate(decoded))
    assert [key(i) for i in decoded[readings:]] == [key(i) for i in items if isinstance(i, Event)]


@given(st.lists(st.integers(0, 99), max_size=30))
def test_readings_of_one_shape_keep_their_order(values: list[int]) -> None:
    items: list[Item] = [live(second, str(value)) for second, value in enumerate(values)]
    assert list(decode(encode(items))) == items


@pytest.mark.parametrize("text", ["36.40", "36.4", "0.00", "100", "1E+2", "-0.5", "12345678901234567890.1"])
def test_exact_decimals_survive(text: str) -> None:
    (item,) = decode(encode([live(0, text)]))
    assert isinstance(item, ReceivedReading)
    assert str(item.reading.measurements[0].value) == text


def test_a_live_reading_costs_some_five_bytes() -> None:
    spo2 = ["97", "96", "97", "98"]
    hundred = [live(second, spo2[second % 4]) for second in range(100)]
    assert len(encode(hundred)) - len(encode(hundred[:1])) <= 100 * 5


def test_a_clock_that_steps_begins_a_new_entry_and_one_that_is_slewed_does_not() -> None:
    slewed = [live(0), live(1, wall_ns=(1_767_225_601_002) * MS)]
    assert len(cbor2.loads(encode(slewed))["c"]) == 1
    stepped = [live(0), live(1, wall_ns=(1_767_225_601_003) * MS)]
    assert len(cbor2.loads(encode(stepped))["c"]) == 2
    assert [item.stamp for item in decode(encode(stepped))] == [item.stamp for item in stepped]


def test_a_good_reading_carries_no_key_that_it_does_not_need() -> None:
    (group,) = cbor2.loads(encode([live(0)]))["r"]
    assert set(group) == {"d", "k", "c", "m", "t", "v"}


def test_an_absent_value_has_no_column() -> None:
    searching = Reading(
        ReadingClass.CONTINUOUS,
        (Measurement(Code(150456), "%", None, Absent.NOT_A_NUMBER), Measurement(Code(149530), "/min", Decimal(0))),
        Quality.SEARCHING,
    )
    item = ReceivedReading("oximeter", searching, live(0).stamp)
    body = cbor2.loads(encode([item]))
    assert (body["r"][0]["v"], body["r"][0]["q"]) == ([[0]], 256)
    assert decode(encode([item])) == (item,)


def test_nothing_is_a_body_too() -> None:
    assert decode(encode([])) == ()


def test_a_few_bytes_do_not_unfold_into_millions_of_readings() -> None:
    group = {"d": "cuff", "k": 1, "c": 0, "m": [[1, "%", "error"]], "t": [0] * 3, "v": []}
    body = {"c": [[bytes(8), 0, 0, True]], "r": [group], "e": [["alarm", 0, 0, {}]]}
    assert len(decode(cbor2.dumps(body), 4)) == 4
    for count in (0, 2, 3, 5):
        with pytest.raises(DecodeError):
            decode(cbor2.dumps(body), count)
    many = body | {"r": [group | {"t": [0] * 60_000}] * 2}
    with pytest.raises(DecodeError, match="more than 65536"):
        decode(cbor2.dumps(many), 120_001)


@pytest.mark.parametrize("more", [{}, {"x": [[[1, "%", "1", "1", [0]]], []]}])
def test_a_reading_of_nothing_is_none(more: dict[str, list[object]]) -> None:
    group = {"d": "cuff", "k": 1, "c": 0, "m": [], "t": [0, 0], "v": []}
    with pytest.raises(DecodeError, match="nothing"):
        decode(cbor2.dumps({"c": [[bytes(8), 0, 0, True]], "r": [group | more]}), 2)


NONSENSE = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.binary(max_size=9) | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("credkmtvqbuiwsx"), inner),
)


@settings(max_examples=200)
@given(st.binary(max_size=64) | NONSENSE.map(cbor2.dumps))
def test_whatever_is_no_body_is_said_to_be_none(body: bytes) -> None:
    with contextlib.suppress(DecodeError):
        decode(body)


@settings(max_examples=100)
@given(ITEMS.filter(bool), st.data())
def test_a_damaged_body_decodes_or_is_said_to_be_none(items: list[Item], data: st.DataObject) -> None:
    body = bytearray(encode(items))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(DecodeError):
        decode(bytes(body))


def test_a_value_that_is_no_number_is_absent() -> None:
    odd = Measurement(Code(150456), "%", Decimal("NaN"))
    stamp = Stamp("b007" * 4, 10**9, 10**18, ClockState.SYNCED)
    (item,) = decode(encode([ReceivedReading("oximeter", Reading(ReadingClass.CONTINUOUS, (odd,)), stamp)]))
    assert isinstance(item, ReceivedReading)
    assert item.reading.measurements == (Measurement(Code(150456), "%", None, Absent.NOT_A_NUMBER),)
