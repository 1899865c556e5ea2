"""The body of a batch: readings in columns and events, as CBOR (RFC 8949). Pure.

Owns: the layout that ``docs/wire.md`` describes, in both directions.
Never: seals, compresses, stores or sends; judges a value.

Readings of one device with the same measurements, units, decimal exponents and flags form a *group*; within a group
each number is written as the difference to the one before. A live pulse-oximeter reading costs some five bytes, and
exact decimals survive, since a column holds integers and its group holds their exponent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

import cbor2

from hub_agent.errors import DecodeError
from hub_agent.model import (
    Absent,
    ClockState,
    Code,
    DeviceTime,
    Measurement,
    Quality,
    Reading,
    ReadingClass,
    ReceivedReading,
    Samples,
    Stamp,
)

_MS: Final = 1_000_000
SHAPE_MAX: Final = 256
"""Measurements in one reading: more is no device's, and would let a few bytes unfold into gigabytes."""
ITEMS_MAX: Final = 65_536
"""Items in one batch: a minute of everything that a hub can hear is far less."""
_BOOT_BYTES: Final = 8
_NAME_BYTES: Final = 16
_EXACT: Final = 1 << 53
"""Whole numbers beyond are not the same in every JSON reader, nor do they fit everywhere."""
_WIDEST: Final = 1 << 128
"""Of a column's differences: more digits than any device's decimal has."""
_RARE: Final = frozenset("iwsx")
"""Keys of what a live continuous reading does not have."""
_OFFSET_SLACK_MS: Final = 2
"""Wall minus monotonic may wander so much within one clock entry: rounding, and slewing by NTP."""


class Event(NamedTuple):
    """Something that is not a reading: an alarm transition, a gap, a command's result, a time record.

    Attributes:
        kind: ``alarm``, ``gap``, ``time``, ``result``, ``security``, ``technical``, ``rejected``, ``start``,
            ``salvaged``.
        stamp: when.
        fields: JSON-like values (text, whole numbers, booleans, None, bytes, lists, maps).
    """

    kind: str
    stamp: Stamp
    fields: Mapping[str, Any]


Item = ReceivedReading | Event
_Clock = tuple[str, int, int, ClockState]
"""Boot, monotonic and wall milliseconds, discipline."""


_Column = tuple[int, str, int | str]
_Row = tuple[int, ReceivedReading, list[int]]
"""Milliseconds after the clock entry, the reading, and the numbers of its columns that have one."""


class _Clocks:
    """The clock entries of one batch: (boot, monotonic, wall, synced) that its stamps refer to."""

    def __init__(self) -> None:
        self.entries: list[list[Any]] = []
        self._boot = ""
        self._state: ClockState | None = None
        self._offset_ms = self._began_ms = 0

    def place(self, stamp: Stamp) -> tuple[int, int]:
        """Give (index of the entry, milliseconds after it), adding an entry when the clock has changed."""
        boot, monotonic_ns, wall_ns, state = stamp
        monotonic_ms = monotonic_ns // _MS
        drift_ms = wall_ns // _MS - monotonic_ms - self._offset_ms
        if state is not self._state or boot != self._boot or not -_OFFSET_SLACK_MS <= drift_ms <= _OFFSET_SLACK_MS:
            wall_ms = wall_ns // _MS
            self.entries.append([bytes.fromhex(boot), monotonic_ms, wall_ms, state is ClockState.SYNCED])
            self._boot, self._state, self._offset_ms, self._began_ms = boot, state, wall_ms - monotonic_ms, monotonic_ms
        return len(self.entries) - 1, monotonic_ms - self._began_ms


def encode(items: Iterable[Item]) -> bytes:
    """Encode items into the body of one batch; readings come before events, each kind in the order given."""
    clocks = _Clocks()
    spelled: dict[
        int, tuple[_Column, int | None]
    ] = {}  # by identity: drivers give the same measurement again and again
    groups: dict[tuple[Any, ...], list[_Row]] = {}
    events: list[list[Any]] = []
    for item in items:
        index, at_ms = clocks.place(item.stamp)
        if isinstance(item, Event):
            events.append([item.kind, index, at_ms, item.fields])
            continue
        cls, measurements, quality, _, _, stored, user, _ = item.reading
        shape: list[_Column] = []
        numbers: list[int] = []
        for measurement in measurements:
            known = spelled.get(id(measurement))
            if known is None:
                known = spelled[id(measurement)] = _spell(measurement)
            column, number = known
            shape.append(column)
            if number is not None:
                numbers.append(number)
        key = (item.device, index, int(cls), int(quality), stored, user, *shape)
        groups.setdefault(key, []).append((at_ms, item, numbers))
    body: dict[str, Any] = {"c": clocks.entries}
    if groups:
        body["r"] = [_encode_group(key, rows) for key, rows in groups.items()]
    if events:
        body["e"] = events
    return cbor2.dumps(body)


def _spell(measurement: Measurement) -> tuple[_Column, int | None]:
    """Give a measurement's column, and its number in it where it has a value; a value that is no number is absent."""
    code, unit, value, absent = measurement
    exponent = None if value is None else value.as_tuple().exponent
    if value is None or not isinstance(exponent, int):
        return (code, unit, absent or Absent.NOT_A_NUMBER), None
    return (code, unit, exponent), int(value.scaleb(-exponent))


def _encode_group(key: tuple[Any, ...], rows: Sequence[_Row]) -> dict[str, Any]:
    device, index, cls, quality, stored, user, *shape = key
    group: dict[str, Any] = {"d": device, "k": cls, "c": index, "m": [list(column) for column in shape]}
    if quality:
        group["q"] = quality
    if stored:
        group["b"] = True
    if user is not None:
        group["u"] = user
    group["t"] = _differences([at_ms for at_ms, _, _ in rows])
    group["v"] = [_differences(column) for column in zip(*(numbers for _, _, numbers in rows), strict=True)]
    if any(item.name for _, item, _ in rows):
        group["i"] = [bytes.fromhex(item.name) or None for _, item, _ in rows]
    readings = [item.reading for _, item, _ in rows]
    if any(reading.measured for reading in readings):
        group["w"] = [_encode_time(reading.measured) for reading in readings]
    if any(reading.record is not None for reading in readings):
        group["s"] = [reading.record for reading in readings]
    if any(reading.samples for reading in readings):
        group["x"] = [[_encode_samples(block) for block in reading.samples] for reading in readings]
    return group


def _differences(numbers: Sequence[int]) -> list[int]:
    return [*numbers[:1], *(b - a for a, b in pairwise(numbers))]


def _encode_time(measured: DeviceTime | None) -> list[Any] | None:
    return None if measured is None else [measured.local.isoformat(), measured.offset_min]


def _encode_samples(block: Samples) -> list[Any]:
    return [block.code, block.unit, str(block.period_s), str(block.scale), list(block.data)]


def decode(body: bytes, count: int | None = None) -> tuple[Item, ...]:
    """Decode the body of a batch: its readings, group by group, then its events.

    Args:
        body: CBOR.
        count: how many items its header promises; None where there is no header.

    Raises:
        DecodeError: this is not a body of this version, or holds more or fewer items.
    """
    most = ITEMS_MAX if count is None else min(count, ITEMS_MAX)
    try:
        content = cbor2.loads(body)
        clocks = [
            (
                _bytes(boot, _BOOT_BYTES).hex(),
                whole(at_ms),
                whole(wall_ms),
                ClockState.SYNCED if synced else ClockState.UNSYNCED,
            )
            for boot, at_ms, wall_ms, synced in content["c"]
        ]
        items: list[Item] = []
        for group in content.get("r", ()):
            _fit(len(items) + len(group["t"]), most)  # before a few bytes unfold into millions of readings
            items.extend(_decode_group(group, clocks))
        events = content.get("e", ())
        _fit(len(items) + len(events), most)
        items.extend(
            Event(kind, _stamp(_of(clocks, index), whole(at_ms)), fields) for kind, index, at_ms, fields in events
        )
    except DecodeError:
        raise
    except (
        cbor2.CBORDecodeError,
        LookupError,
        TypeError,
        ValueError,
        ArithmeticError,
        AttributeError,
        RecursionError,
    ) as error:
        raise DecodeError(f"batch body: {type(error).__name__}: {error}") from error
    if count is not None and len(items) != count:
        raise DecodeError("batch body: fewer items than its header promises")
    return tuple(items)


def _fit(items: int, most: int) -> None:
    if items > most:
        raise DecodeError(f"batch body: more than {most} items")


def whole(value: object, lowest: int = 1 - _EXACT, beyond: int = _EXACT) -> int:
    """Give a whole number of ``lowest`` … ``beyond`` - 1, which a boolean is not.

    Raises:
        DecodeError: it is none.
    """
    if type(value) is not int or not lowest <= value < beyond:
        raise DecodeError("batch body: a whole number is none, or is out of its range")
    return value


def _bytes(value: object, length: int) -> bytes:
    if type(value) is not bytes or len(value) != length:
        raise DecodeError(f"batch body: {length} bytes are none")
    return value


def _of(clocks: Sequence[_Clock], index: object) -> _Clock:
    return clocks[whole(index, 0, len(clocks))]


def _stamp(clock: _Clock, at_ms: int) -> Stamp:
    boot, monotonic_ms, wall_ms, state = clock
    return Stamp(boot, (monotonic_ms + at_ms) * _MS, (wall_ms + at_ms) * _MS, state)


def _decode_group(group: Mapping[str, Any], clocks: Sequence[_Clock]) -> Iterator[Item]:
    clock = _of(clocks, group["c"])
    cls = ReadingClass(whole(group["k"]))
    quality = Quality(whole(group.get("q", 0), 0))
    stored = bool(group.get("b"))
    user = None if group.get("u") is None else whole(group["u"])
    times = list(accumulate(map(whole, group["t"])))
    if group.keys().isdisjoint(_RARE):
        device = group["d"]
        for at_ms, measurements in zip(times, _measurements(group, len(times)), strict=True):
            reading = Reading(cls, measurements, quality, None, None, stored, user)
            yield ReceivedReading(device, reading, _stamp(clock, at_ms))
        return
    nothing = [None] * len(times)
    names, measured = group.get("i", nothing), group.get("w", nothing)
    records, samples = group.get("s", nothing), group.get("x", nothing)
    rows = zip(times, _measurements(group, len(times)), names, measured, records, samples, strict=True)
    for at_ms, measurements, name, time, record, blocks in rows:
        reading = Reading(
            cls,
            measurements,
            quality,
            None if time is None else _decode_time(time),
            None if record is None else whole(record),
            stored,
            user,
            tuple(_decode_samples(block) for block in blocks or ()),
        )
        yield ReceivedReading(group["d"], reading, _stamp(clock, at_ms), _decode_name(name))


@lru_cache(65_536)
def _measurement(code: Code, unit: str, number: int, exponent: int) -> Measurement:
    """Make a measurement; few values are ever seen, and the exact decimal is what costs."""
    return Measurement(code, unit, Decimal(number).scaleb(exponent))


def _measurements(group: Mapping[str, Any], count: int) -> Iterable[tuple[Measurement, ...]]:
    """Turn the columns of a group into one tuple of measurements a reading."""
    shape = group["m"]
    if len(shape) > SHAPE_MAX or sum(not isinstance(column[2], str) for column in shape) != len(group["v"]):
        raise DecodeError("batch body: the columns of a group do not fit its shape")
    if any(type(n) is not int or not -_WIDEST < n < _WIDEST for column in group["v"] for n in column):
        raise DecodeError("batch body: a column holds something else than whole numbers")
    if not shape:
        if not all(group.get("x", ("",))):
            raise DecodeError("batch body: a reading of nothing")
        return [()] * count
    values = iter(group["v"])
    columns: list[list[Measurement]] = []
    for code, unit, exponent in shape:
        if isinstance(exponent, str):
            columns.append([Measurement(Code(code), unit, None, Absent(exponent))] * count)
        else:
            columns.append([_measurement(code, unit, number, exponent) for number in accumulate(next(values))])
    return zip(*columns, strict=True)


def _decode_name(name: object) -> str:
    return "" if name is None else _bytes(name, _NAME_BYTES).hex()


def _decode_time(time: Sequence[Any]) -> DeviceTime:
    local, offset_min = time
    return DeviceTime(datetime.fromisoformat(local), None if offset_min is None else whole(offset_min))


def _decode_samples(block: Sequence[Any]) -> Samples:
    code, unit, period, scale, data = block
    return Samples(Code(code), unit, Decimal(period), Decimal(scale), tuple(data))


def distinction(device: str, reading: Reading) -> bytes:
    """Give the bytes that tell one record of a device from another, the same whenever the device sends it again.

    Fixed CBOR, so that no release and no language version changes a name: ``[1, device, record, [local, offset_min] or
    null, user, [[code, unit, value as text or null, reason or null], …]]``. Whether it came live or from memory is no
    part of it: the same measurement, sent again from memory, is the same.
    """
    values = [
        [m.code, m.unit, None if m.value is None else str(m.value), None if m.absent is None else m.absent.value]
        for m in reading.measurements
    ]
    return cbor2.dumps([1, device, reading.record, _encode_time(reading.measured), reading.user, values])
