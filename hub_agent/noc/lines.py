"""What the NOC prints: one JSON object a line for each charted reading, event and fault. Pure.

Owns: the spelling of these lines, as ``docs/wire.md`` §9 describes it.
Never: stores, prints, or guesses a time.

The lines are for programs of clinical integrators: codes of all three systems, exact decimals as JSON numbers, and a
time only where one is known.
"""

import json
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final, NamedTuple

from hub_agent.model import Measurement, Quality, Reading, ReceivedReading, Samples
from hub_agent.noc.rows import json_text
from hub_agent.nomenclature import QUANTITIES
from hub_agent.wire import Event, Item

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

LATE_S: Final = 30.0
"""A reading older than this is no news: the promise is 30 seconds."""


class Charted(NamedTuple):
    """An item that is durable now.

    Attributes:
        hub: whose.
        journal: 16 bytes.
        seq: of its batch.
        item: the reading or event.
        received_ms: when the hub received it, UTC, milliseconds since 1970; re-dated where the hub's clock was not
            set; None while nobody can tell.
        noc_ms: when the NOC received it.
    """

    hub: str
    journal: bytes
    seq: int
    item: Item
    received_ms: int | None
    noc_ms: int

    @property
    def latency_s(self) -> float | None:
        """Seconds from the hub's stamp to the NOC; None where the hub's time is not known."""
        return None if self.received_ms is None else (self.noc_ms - self.received_ms) / 1000


class Fault(NamedTuple):
    """Something that is wrong with what came.

    Attributes:
        hub: whose topic it came on.
        kind: ``gap``, ``fork``, ``clone``, ``forged``, ``foreign``, ``stranger``, ``malformed``, or a refusal's code.
        journal: 16 bytes, empty where it is not known.
        seq: batch number, 0 where it is not known.
    """

    hub: str
    kind: str
    journal: bytes = b""
    seq: int = 0


def line(charted: Charted) -> str:
    """Spell one charted item, without the line's end."""
    item = charted.item
    return _event_line(charted, item) if isinstance(item, Event) else _reading_line(charted, item)


def fault_line(fault: Fault, noc_ms: int) -> str:
    """Spell one fault, without the line's end."""
    return json.dumps(
        {
            "type": "fault",
            "hub": fault.hub,
            "kind": fault.kind,
            "at": instant(noc_ms),
            "journal": fault.journal.hex(),
            "seq": fault.seq,
        }
    )


def instant(ms: int | None) -> str | None:
    """Spell milliseconds since 1970 as an ISO 8601 instant with its offset, which is UTC's; None stays None."""
    if ms is None:
        return None
    try:
        return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")
    except OverflowError:  # a clock that claims a year beyond 9999 knows no time
        return None


def _reading_line(charted: Charted, received: ReceivedReading) -> str:
    reading = received.reading
    latency_s = charted.latency_s
    received_at = instant(charted.received_ms)
    late = reading.stored or latency_s is None or latency_s > LATE_S
    head = (
        f'{{"type":"reading","hub":"{charted.hub}","device":{_quoted(received.device)},'
        f'"class":"{reading.cls.name.lower()}","received_at":{_or_null(received_at)},'
        f'"measured_at":{_or_null(_measured_at(reading, received_at))},'
        f'"charted_at":{_or_null(instant(charted.noc_ms))},"clock":"{received.stamp.clock}",'
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
    parts.append(
        f',"stored":{"true" if reading.stored else "false"},"late":{"true" if late else "false"},'
        f'"latency_s":{"null" if latency_s is None else latency_s},'
        f'"journal":"{charted.journal.hex()}","seq":{charted.seq}}}'
    )
    return "".join(parts)


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


def _event_line(charted: Charted, event: Event) -> str:
    return (
        f'{{"type":"event","hub":"{charted.hub}","kind":{_quoted(event.kind)},'
        f'"at":{_or_null(instant(charted.received_ms))},'
        f'"charted_at":{_or_null(instant(charted.noc_ms))},"clock":"{event.stamp.clock}",'
        f'"fields":{json_text(event.fields)},'
        f'"latency_s":{"null" if charted.latency_s is None else charted.latency_s},'
        f'"journal":"{charted.journal.hex()}","seq":{charted.seq}}}'
    )


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


def _or_null(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'
