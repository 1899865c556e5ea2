"""Area *decode*: bytes → readings, by driver and wire format, against a bare ``struct`` unpack of the same bytes."""

import json
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Final

from hub_agent.captures import chunk_of, load_folder
from hub_agent.driver import SERIAL, Chunk, Driver, Emit, Moment
from hub_agent.registry import Format, load_drivers, load_formats
from hub_agent.simulate.physiology import Patient
from hub_agent.simulate.serial_devices import MODELS
from scripts.benchlib.area import Effort
from scripts.benchlib.figures import Row, Table, at_most, interleaved

_BEGAN: Final = datetime(2026, 3, 1)  # noqa: DTZ001 - a device's clock
_LINES: Final = {
    "nonin-df7": "nonin-serial",
    "contec-v7": "contec-v7",
    "bci5": "contec-cms50d-serial",
    "masimo": "masimo-ascii",
    "pc60": "pc60-serial",
}
"""Virtual serial devices that talk of their own accord, and their drivers."""
_OPTIONS: Final = {"nonin-serial": {"format": 7}}
_CAPTURES: Final = Path("tests/drivers")
_VECTORS: Final = Path("tests/vectors/vectors.json")


_Calls = Sequence[tuple[Callable[[bytes], object], bytes]]


def _unpack(inputs: Iterable[bytes]) -> _Calls:
    """Make the limit's work: the same bytes as little-endian words, by a ``struct`` that is compiled beforehand."""
    return [(struct.Struct(f"<{len(data) // 2}H{len(data) % 2}B").unpack, data) for data in inputs]


def _time_calls(calls: _Calls, times: int) -> float:
    """Give µs of CPU a call; the limit and what is measured against it are called by this one loop."""
    began = time.thread_time()
    for function, data in islice(cycle(calls), times):
        function(data)
    return (time.thread_time() - began) / times * 1e6


def _time_session(driver: Driver, chunks: Sequence[Chunk], times: int) -> tuple[float, float]:
    """Give µs of CPU a chunk and a reading, of sessions that hear the chunks again and again."""
    readings = 0
    sessions = [driver.session(_OPTIONS.get(driver.name, {})) for _ in range(times)]
    began = time.thread_time()
    for session in sessions:
        session.opened(chunks[0].moment)
        for chunk in chunks:
            for action in session.received(chunk):
                readings += type(action) is Emit
    took = time.thread_time() - began
    return took / times / len(chunks) * 1e6, took / max(readings, 1) * 1e6


def _sources() -> dict[str, list[Chunk]]:
    """Give what each driver hears: captures, and virtual devices on a line."""
    found: dict[str, list[Chunk]] = {}
    for directory in sorted(_CAPTURES.glob("*/captures")):
        heard = [chunk_of(capture, line) for capture in load_folder(directory) for line in capture.lines]
        found[directory.parent.name] = [chunk for chunk in heard if chunk is not None]
    for model, driver in _LINES.items():
        firmware = MODELS[model].make(Patient(1), _BEGAN)
        list(firmware.heard(b"", 0.0))
        ticks = range(1, 400)
        said = [b"".join(sent.data for sent in firmware.due(tick / 20, listening=True)) for tick in ticks]
        found[driver] = [Chunk(SERIAL, data, Moment(tick / 20, _BEGAN)) for tick, data in enumerate(said) if data]
    return {name: chunks for name, chunks in found.items() if chunks}


def _measure_formats(effort: Effort, table: Table) -> None:
    """Measure each format's decoder and the way on to plain fields; the decoders' median is the target."""
    vectors = json.loads(_VECTORS.read_text(encoding="utf-8"))
    plain: list[Row] = []
    decoders: list[Row] = []
    for name, function in sorted(load_formats().items()):
        inputs = [bytes.fromhex(one["hex"]) for one in vectors if one["format"] == name and one["kind"] == "valid"]
        if not inputs:
            continue
        decoder = function.decode if isinstance(function, Format) else function
        works: list[tuple[str, _Calls]] = [
            ("limit", _unpack(inputs)),
            ("decoder", [(decoder, data) for data in inputs]),
            ("plain", [(function, data) for data in inputs]),
        ]
        found = interleaved(
            effort.rounds,
            [(what, lambda calls=calls: _time_calls(calls, effort.times(5000))) for what, calls in works],  # type: ignore[misc]
        )
        decoders.append(Row(f"{name}, decoder", found["decoder"], "µs", found["limit"]))
        plain.append(Row(f"{name}, as plain fields", found["plain"], "µs", found["limit"]))
    for what, rows, target in (
        ("decoder", decoders, at_most(10)),
        ("as plain fields", plain, None),
    ):
        of_struct = median(row.ratio for row in rows if row.ratio is not None)
        table.rows.append(Row(f"median of {len(rows)} formats, {what}", [of_struct], "times struct", target=target))
    table.rows += decoders + plain


def measure(effort: Effort) -> Table:
    """Measure sessions, then the decoders of all formats."""
    table = Table("decode: bytes → readings", "struct")
    registry = load_drivers()
    for name, chunks in _sources().items():
        driver = registry.drivers[name]
        times = effort.times(20_000, 4000) // len(chunks) + 1
        each: list[float] = []

        def session(
            driver: Driver = driver, chunks: list[Chunk] = chunks, times: int = times, each: list[float] = each
        ) -> float:
            a_chunk, a_reading = _time_session(driver, chunks, times)
            each.append(a_reading)
            return a_chunk

        limit = _unpack(chunk.data for chunk in chunks)
        found = interleaved(
            effort.rounds,
            [("limit", lambda limit=limit: _time_calls(limit, 20_000)), ("session", session)],  # type: ignore[misc]
        )
        table.rows.append(Row(f"driver {name}, a notification or chunk", found["session"], "µs", found["limit"]))
        table.rows.append(Row(f"driver {name}, a reading", each, "µs"))
    _measure_formats(effort, table)
    table.notes.append(
        "All is the thread's CPU time: on a busy machine, what takes longer is also interrupted more often. A driver's"
        " figure is its session's: framing, decoding, plausibility, the reading made. A decoder's is what a"
        " session calls with a frame: bytes → checked, named values. Plain fields are what `hub-agent decode` makes of"
        " that: a mapping that can be printed, judged for plausibility; nothing on the hot path is made of it."
    )
    return table
