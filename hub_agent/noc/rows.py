"""Readings and events as rows of the chart: pure.

Owns: how an opened item is spelled in the database, and the last look at its types.
Never: touches the database, verifies, re-dates.

The body of a batch is CBOR from a hub whose signature holds; that it is well-formed is not thereby proven. What cannot
be a row is found here, before a transaction is at stake.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from hub_agent.errors import DecodeError
from hub_agent.model import ClockState, Measurement, ReceivedReading, Samples, Stamp
from hub_agent.wire import Event, Item, whole

_MS: Final = 1_000_000


class Rows(NamedTuple):
    """What one batch puts into the chart.

    Attributes:
        readings: (row without batch and hub, the item); see ``readings`` of the schema.
        events: the same for ``events``.
    """

    readings: list[tuple[tuple[Any, ...], ReceivedReading]]
    events: list[tuple[tuple[Any, ...], Event]]


def rows_of(items: Sequence[Item]) -> Rows:
    """Spell the items of a batch as rows.

    Raises:
        DecodeError: an item is not of the types that ``docs/wire.md`` says.
    """
    rows = Rows([], [])
    try:
        for item in items:
            if isinstance(item, Event):
                rows.events.append((_event(item), item))
            else:
                rows.readings.append((_reading(item), item))
    except DecodeError:
        raise
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise DecodeError(f"batch body: {type(error).__name__}") from error
    return rows


def _reading(item: ReceivedReading) -> tuple[Any, ...]:
    reading = item.reading
    measured = reading.measured
    return (
        _text(item.device),
        int(reading.cls),
        *_stamp(item.stamp),
        int(reading.quality),
        int(reading.stored),
        None if measured is None else measured.local.isoformat(),
        None if measured is None else _integer(measured.offset_min),
        _integer(reading.record),
        _integer(reading.user),
        f"[{','.join(map(_measurement, reading.measurements))}]",
        f"[{','.join(map(_samples, reading.samples))}]" if reading.samples else None,
    )


def _event(event: Event) -> tuple[Any, ...]:
    if not isinstance(event.fields, dict):
        raise DecodeError("batch body: an event's fields are no map")
    return _text(event.kind), *_stamp(event.stamp), json_text(event.fields)


def _stamp(stamp: Stamp) -> tuple[str, int | None, int | None, int]:
    boot, monotonic_ns, wall_ns, clock = stamp
    return boot, _integer(monotonic_ns // _MS), _integer(wall_ns // _MS), clock is ClockState.SYNCED


def _measurement(measurement: Measurement) -> str:
    code, unit, value, absent = measurement
    if value is None:
        return _head(code, unit) + f'null,"{absent}"]'
    if not value.is_finite():
        raise DecodeError("batch body: a value is no number")
    return _head(code, unit) + str(value) + "]"  # a finite Decimal's text is a JSON number


@lru_cache(4096)
def _head(code: int, unit: str) -> str:
    return f"[{code:d},{json.dumps(_text(unit))},"


def _samples(block: Samples) -> str:
    code, unit, period_s, scale, data = block
    if not (period_s.is_finite() and scale.is_finite()):
        raise DecodeError("batch body: a waveform's scale is no number")
    return f"{_head(code, unit)}{period_s},{scale},{json.dumps([_integer(sample) for sample in data])}]"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise DecodeError("batch body: a text is none")
    return value


def _integer(value: object) -> int | None:
    if value is None:
        return None
    return whole(value)


def json_text(value: object) -> str:
    """Spell an event's fields as JSON; bytes become hexadecimal text.

    Raises:
        TypeError: something in it is not JSON-like.
        ValueError: a number is not finite.
    """
    return json.dumps(value, default=_hexadecimal, allow_nan=False, separators=(",", ":"))


def _hexadecimal(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"a {type(value).__name__} in an event")
