"""Readings and events as JSON, for programs of clinical integrators: pure.

Owns: the spelling of an item, as ``docs/wire.md`` §9 describes it.
Never: stores, prints, or guesses a time.

Codes of all three systems stand beside each value, decimals are exact, and a time is there only where one is known.
"""

import json
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from hub_agent.model import Measurement, Quality, Reading, ReceivedReading, Samples
from hub_agent.nomenclature import QUANTITIES
from hub_agent.wire import Event

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def spell_reading(received: ReceivedReading, received_ms: int | None, who: str = "", when: str = "") -> str:
    """Spell a reading as a JSON object that is not yet closed, so that its reader's own members can follow.

    Args:
        received: the reading.
        received_ms: when the hub received it, milliseconds since 1970; None while nobody can tell.
        who: members, each with a comma behind it, before the device's name.
        when: the same, behind the times.
    """
    reading = received.reading
    received_at = instant(received_ms)
    head = (
        f'{{"type":"reading",{who}"device":{_quoted(received.device)},'
        f'"class":"{reading.cls.name.lower()}","received_at":{or_null(received_at)},'
        f'"measured_at":{or_null(_measured_at(reading, received_at))},{when}"clock":"{received.stamp.clock}",'
        f'"quality":{_quality(reading.quality)},'
        f'"measurements":[{",".join(map(_measurement, reading.measurements))}]'
    )
    parts = [head]
    if reading.samples:
        parts.append(f',"samples":[{",".join(map(_samples, reading.samples))}]')
    if reading.measured is not None:
        parts.append(f',"device_time":"{reading.measured.local.isoformat()}"')
    if reading.record is not None:
        parts.append(f',"record":{reading.record:d}')
    if reading.user is not None:
        parts.append(f',"user":{reading.user:d}')
    parts.append(f',"stored":{"true" if reading.stored else "false"}')
    return "".join(parts)


def spell_event(event: Event, received_ms: int | None, who: str = "", when: str = "") -> str:
    """Spell an event in the same way; see :func:`spell_reading`.

    Raises:
        TypeError: something in it is not JSON-like.
        ValueError: a number is not finite.
    """
    return (
        f'{{"type":"event",{who}"kind":{_quoted(event.kind)},"at":{or_null(instant(received_ms))},'
        f'{when}"clock":"{event.stamp.clock}","fields":{json_text(event.fields)}'
    )


def instant(ms: int | None) -> str | None:
    """Spell milliseconds since 1970 as an ISO 8601 instant with its offset, which is UTC's; None stays None."""
    if ms is None:
        return None
    try:
        return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")
    except OverflowError:  # a clock that claims a year beyond 9999 knows no time
        return None


def or_null(text: str | None) -> str:
    """Spell text that needs no escaping, or its absence."""
    return "null" if text is None else f'"{text}"'


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


def _measured_at(reading: Reading, received_at: str | None) -> str | None:
    """Say when it was measured: by the device where it knows its offset from UTC, else by the hub, if it was live."""
    measured = reading.measured
    if measured is not None and measured.offset_min is not None and Quality.CLOCK_NOT_SET not in reading.quality:
        try:
            zone = timezone(timedelta(minutes=measured.offset_min))
            return measured.local.replace(tzinfo=zone).astimezone(UTC).isoformat(timespec="milliseconds")
        except (ValueError, OverflowError):  # an offset of days, or a year that is none
            return None
    return None if reading.stored else received_at


def _measurement(measurement: Measurement) -> str:
    code, unit, value, absent = measurement
    return _head(code, unit) + (f'"absent":"{absent}"}}' if value is None else '"value":' + str(value) + "}")


def _samples(block: Samples) -> str:
    code, unit, period_s, scale, data = block
    return f'{_head(code, unit)}"period_s":{period_s},"scale":{scale},"data":{json.dumps(data)}}}'


@lru_cache(4096)
def _head(code: int, unit: str) -> str:
    """Spell the names of a measurement in all code systems; a code of a newer hub has only its number."""
    known = QUANTITIES.get(code)  # type: ignore[call-overload]  # a Code is an int
    names = {
        "mdc": code,
        "refid": known.refid if known else None,
        "loinc": list(known.loinc) if known else [],
        "ucum": unit,
    }
    return json.dumps(names, separators=(",", ":"))[:-1] + ","


@lru_cache(4096)
def _quality(quality: Quality) -> str:
    return json.dumps([flag.name.lower() for flag in quality if flag.name], separators=(",", ":"))


@lru_cache(4096)
def _quoted(text: str) -> str:
    return json.dumps(text)
