"""Omron's dialogue against a memory made by an encoder of its records."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import reduce
from operator import xor

import pytest

from hub_agent.driver import Action, Chunk, Emit, Finished, Moment, Session, Wait, Warn, Write
from hub_agent.errors import ConfigError, DecodeError
from hub_agent.model import DeviceTime, Quality
from hub_drivers.formats import FORMATS
from hub_drivers.omron.driver import BONDED, KEYED, RX
from hub_drivers.omron.models import MODELS
from hub_drivers.omron.record import decode_big, decode_big_6232, decode_little
from hub_drivers.omron.session import TX, UNLOCK

NOW = Moment(0.0, None)
TAKEN = datetime(2026, 11, 22, 13, 37, 42)
KEY = "000102030405060708090a0b0c0d0e0f"
ECHO = b"\x91\x00hubs"


def framed(kind: int, address: int = 0, size: int = 0, data: bytes = b"", result: int = 0) -> bytes:
    body = bytes((len(data) + 8,)) + kind.to_bytes(2) + address.to_bytes(2) + bytes((size,)) + data + bytes((result,))
    return body + bytes((reduce(xor, body),))


def words(second: int = 42, flags: int = 0) -> tuple[int, int]:
    return flags << 14 | 11 << 10 | 22 << 5 | 13, 37 << 6 | second


def little(systolic: int = 125, second: int = 42, flags: int = 0, year: int = 26) -> bytes:
    day, time = words(second, flags)
    return bytes((systolic - 25, 80, 72, year)) + day.to_bytes(2, "little") + time.to_bytes(2, "little") + bytes(6)


def big(flags: int = 0) -> bytes:
    day, time = words(flags=flags)
    return bytes((80, 100, 26, 72)) + day.to_bytes(2) + time.to_bytes(2) + bytes(6)


class Cuff:
    """Answers as a cuff does: a memory, and an unlock characteristic."""

    def __init__(self, memory: dict[int, bytes], channels: Iterable[str], unlock: bytes = ECHO) -> None:
        self.memory = memory
        self.channels = tuple(channels)
        self.unlock = unlock

    def answers(self, written: Write) -> list[tuple[str, bytes]]:
        if written.channel == UNLOCK:
            kind = written.data[0]
            return [(UNLOCK, self.unlock if kind == 0x11 else bytes((kind | 0x80, 0)))]
        kind, address, size = written.data[1], int.from_bytes(written.data[3:5]), written.data[5]
        if kind == 0x01:
            data = b"".join(self.memory.get(at, b"\xff") for at in range(address, address + size))
            reply = framed(0x8100, address, size, data)
        else:
            reply = framed(0x8F00 if kind == 0x0F else 0x8000)
        if len(self.channels) == 1:
            return [(self.channels[0], reply)]
        return [(channel, reply[at : at + 16]) for at, channel in zip(range(0, len(reply), 16), self.channels)]  # noqa: B905


def memory_of(*records: tuple[int, bytes]) -> dict[int, bytes]:
    return {start + at: bytes((byte,)) for start, data in records for at, byte in enumerate(data)}


def converse(session: Session, cuff: Cuff, first: Iterable[Action]) -> list[Action]:
    """Let the two talk until nothing is written any more; return all but the writes and waits."""
    said: list[Action] = []
    todo = list(first)
    while todo:
        action = todo.pop(0)
        if isinstance(action, Write):
            for channel, data in cuff.answers(action):
                todo.extend(session.received(Chunk(channel, data, NOW)))
        elif not isinstance(action, Wait):
            said.append(action)
    return said


def test_reads_every_slot_and_finishes() -> None:
    memory = memory_of((0x02E8, little()), (0x02E8 + 13 * 14, little(systolic=135)))
    session = BONDED.session({"model": "HEM-7142T2"})
    said = converse(session, Cuff(memory, RX[:1]), session.opened(NOW))
    readings = [action.reading for action in said if isinstance(action, Emit)]
    assert [[each.value for each in reading.measurements] for reading in readings] == [[125, 80, 72], [135, 80, 72]]
    assert readings[0].measured == DeviceTime(TAKEN)
    assert readings[0].stored
    assert readings[0].user is None
    assert said[-1] == Finished()


def test_two_users_and_slots_of_sixteen_bytes() -> None:
    memory = memory_of((0x02E8, little() + b"xx"), (0x06A8 + 59 * 16, little(systolic=135) + b"xx"))
    session = BONDED.session({"model": "HEM-7155T-K4"})
    said = converse(session, Cuff(memory, RX[:1]), session.opened(NOW))
    assert [action.reading.user for action in said if isinstance(action, Emit)] == [1, 2]


def test_programs_a_key_and_reads_over_four_characteristics() -> None:
    session = KEYED.session({"model": "HEM-7322T", "key": KEY})
    cuff = Cuff(memory_of((0x02AC, big()), (0x02AC + 14, big(flags=3))), RX)
    writes = list(session.command("pair", NOW))
    assert writes[0] == Write(UNLOCK, b"\x02" + bytes(16))
    said = converse(session, cuff, writes)
    readings = [action.reading for action in said if isinstance(action, Emit)]
    assert [reading.quality for reading in readings] == [
        Quality.GOOD,
        Quality.IRREGULAR_PULSE | Quality.BODY_MOVEMENT,
    ]
    assert said[-1] == Finished()


def test_unlocks_with_its_key() -> None:
    session = KEYED.session({"model": "HEM-7600T", "key": KEY})
    assert next(iter(session.opened(NOW))) == Write(UNLOCK, b"\x01" + bytes.fromhex(KEY))


def test_says_it_again_then_gives_up() -> None:
    session = BONDED.session({"model": "HEM-7146T"})
    first = list(session.opened(NOW))
    assert first == [Write(TX, bytes.fromhex("0800000000100018"), response=False), Wait(5.0)]
    assert [list(session.silent(NOW)) for _ in range(3)] == [first] * 3
    assert list(session.silent(NOW)) == [Warn("no_answer"), Finished()]
    assert list(session.silent(NOW)) == []


def test_a_refused_unlock_ends_it() -> None:
    session = BONDED.session({"model": "HEM-7142T2"})
    said = converse(session, Cuff({}, RX[:1], b"\xff\x26"), session.opened(NOW))
    assert said[1:] == [Warn("unlock_refused"), Finished()]


def test_a_late_answer_for_another_address_is_passed_over() -> None:
    session = BONDED.session({"model": "HEM-7146T"})
    list(session.opened(NOW))
    list(session.received(Chunk(RX[0], framed(0x8000), NOW)))
    late = framed(0x8100, 0x9999, 42, bytes(42))
    assert list(session.received(Chunk(RX[0], late, NOW))) == []


def test_a_refused_slot_is_passed_over() -> None:
    session = BONDED.session({"model": "HEM-7146T"})
    list(session.opened(NOW))
    list(session.received(Chunk(RX[0], framed(0x8000), NOW)))
    (write, _) = session.received(Chunk(RX[0], framed(0x8100, 0x02E8, 42, result=5), NOW))
    assert isinstance(write, Write)
    assert write.data[3:5] == (0x02E8 + 42).to_bytes(2)


def test_a_closed_memory_ends_it() -> None:
    session = BONDED.session({"model": "HEM-7146T"})
    list(session.opened(NOW))
    assert list(session.received(Chunk(RX[0], framed(0x8F00, result=4), NOW))) == [
        Warn("memory_refused"),
        Finished(),
    ]


@pytest.mark.parametrize("second", [60, 63])
def test_seconds_beyond_a_minute_are_cut(second: int) -> None:
    record = decode_little(little(second=second))
    assert record is not None
    assert record.taken == TAKEN.replace(second=59)


def test_no_date_keeps_the_values() -> None:
    record = decode_little(bytes((100, 80, 72, 0)) + bytes(10))
    assert record is not None
    assert (record.systolic, record.taken) == (125, None)


def test_layouts() -> None:
    for decode, data in ((decode_little, little(flags=1)), (decode_big, big(flags=1)), (decode_big_6232, big(flags=2))):
        record = decode(data)
        assert record is not None
        assert record[:4] == (125, 80, 72, TAKEN)
        assert (record.irregular, record.movement) == (True, False)


@pytest.mark.parametrize("data", [b"\xff" * 14, bytes(14)])
def test_empty_slots(data: bytes) -> None:
    assert FORMATS["ble.omron_eeprom.record14_le"](data) == {"empty": True}
    assert decode_big(data) is None


def test_wrong_records() -> None:
    with pytest.raises(DecodeError):
        decode_little(bytes(13))


@pytest.mark.parametrize("options", [{}, {"model": "HEM-9999"}, {"model": 7}, {"model": "HEM-7322T"}])
def test_unknown_models_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        BONDED.session(options)


@pytest.mark.parametrize("key", ["", "zz", "00", 7, None])
def test_wrong_keys_are_refused(key: object) -> None:
    with pytest.raises(ConfigError):
        KEYED.session({"model": "HEM-7322T", "key": key})


@pytest.mark.parametrize("name", sorted(MODELS))
def test_requests_stay_within_the_block(name: str, converse_with: Callable[[str], list[Write]]) -> None:
    model = MODELS[name]
    reads = [write.data for write in converse_with(name) if write.channel == TX and write.data[1] == 1]
    assert max(data[5] for data in reads) <= max(model.block_size, model.record_size)
    assert sum(data[5] for data in reads) == sum(count for _, count in model.users) * model.record_size


@pytest.fixture
def converse_with() -> Callable[[str], list[Write]]:
    """Read a whole empty memory of a model; give what was written."""

    def run(name: str) -> list[Write]:
        driver, channels = (KEYED, RX) if MODELS[name].unlock == "key" else (BONDED, RX[:1])
        session = driver.session({"model": name, "key": KEY})
        cuff = Cuff({}, channels)
        todo = list(session.opened(NOW))
        writes: list[Write] = []
        while todo:
            action = todo.pop(0)
            if isinstance(action, Write):
                writes.append(action)
                for channel, data in cuff.answers(action):
                    todo.extend(session.received(Chunk(channel, data, NOW)))
        return writes

    return run
