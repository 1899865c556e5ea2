"""Virtual devices, played against a hub that knows them only by their documents: no driver, no encoder is asked."""

import asyncio
import binascii
import os
import termios
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from hub_agent.errors import ConfigError
from hub_agent.simulate.pace import VirtualPace
from hub_agent.simulate.physiology import Patient
from hub_agent.simulate.script import VERBS, Step
from hub_agent.simulate.serial_devices import MODELS, TICK_S, VirtualSerial

BEGAN = datetime(2026, 11, 20, 9, 0)  # noqa: DTZ001 - devices know no zone


class Scene:
    """A device and the hub's end of its line, in virtual time."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.pace = VirtualPace()
        self.patient = Patient(1)
        self.device: VirtualSerial
        self.port: int | None = None

    def start(self, model: str) -> None:
        self.device = VirtualSerial(model, self.link, self.patient, BEGAN, self.pace)

    def open(self) -> None:
        self.port = os.open(self.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        termios.tcflush(self.port, termios.TCIOFLUSH)

    def close(self) -> None:
        if self.port is not None:
            os.close(self.port)
            self.port = None

    def write(self, command: str) -> None:
        assert self.port is not None
        os.write(self.port, bytes.fromhex(command))

    async def run(self, seconds: float) -> bytes:
        """Let time pass; give what came."""
        got = b""
        for _ in range(round(seconds / TICK_S)):
            await self.pace.advance(TICK_S)
            self.device.tick()
            got += self.read()
        return got

    def read(self) -> bytes:
        if self.port is None:
            return b""
        got = b""
        while True:
            try:
                piece = os.read(self.port, 65_536)
            except BlockingIOError:
                return got
            if not piece:  # hung up
                return got
            got += piece

    def act(self, verb: str, *, on: bool = True, **args: float) -> None:
        named = tuple((word.strip("_"), value) for word, value in args.items())
        self.device.act(Step(self.pace.now_s(), "device", verb, on, named))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "tty")
    yield made
    made.close()
    made.device.close()


async def started(scene: Scene, model: str) -> Scene:
    scene.start(model)
    scene.open()
    await scene.run(TICK_S)
    return scene


def df2_packets(data: bytes) -> list[list[bytes]]:
    """Cut a stream of format 2 that begins anywhere into whole packets, by the sync bit of each first frame."""
    start = next(
        at
        for at in range(len(data) - 10)
        if data[at] == 1 and data[at + 1] & 0x81 == 0x81 and sum(data[at : at + 4]) & 0xFF == data[at + 4]
    )
    frames = [data[at : at + 5] for at in range(start, len(data) - 4, 5)]
    assert all(frame[0] == 1 and sum(frame[:4]) & 0xFF == frame[4] for frame in frames)
    firsts = [at for at, frame in enumerate(frames) if frame[1] & 1]
    return [frames[at : at + 25] for at in firsts if at + 25 <= len(frames)]


def df2_values(packet: list[bytes]) -> tuple[int, int]:
    return packet[2][3], packet[0][3] << 7 | packet[1][3]


async def test_nonin_format_2_streams_75_frames_a_second_with_the_patients_values(scene: Scene) -> None:
    await started(scene, "nonin")
    packets = df2_packets(await scene.run(10))

    assert 29 <= len(packets) <= 30
    assert all(len(packet) == 25 and not any(frame[1] & 1 for frame in packet[1:]) for packet in packets)
    spo2, rate = df2_values(packets[-1])
    vitals = scene.patient.vitals(10)
    assert abs(spo2 - vitals.spo2) <= 1
    assert abs(rate - vitals.pulse) <= 3
    wave = [frame[2] for packet in packets for frame in packet]
    assert max(wave) > 200
    assert min(wave) < 20
    timers = [packet[5][3] << 7 | packet[6][3] for packet in packets]
    assert timers == list(range(timers[0], timers[0] + len(packets)))
    assert len(packets) <= scene.device.emitted <= len(packets) + 1


async def test_nonin_obeys_select_format_and_refuses_what_it_does_not_have(scene: Scene) -> None:
    await started(scene, "nonin")
    for number, size in ((8, 4), (7, 375), (2, 375)):
        scene.write(f"02700202{number:02x}03")
        answer = await scene.run(TICK_S)
        assert answer[0] == 0x06
        rest = answer[1:] + await scene.run(4)
        assert abs(len(rest) - 4 * size) <= size
    for bad in ("027002020903", "027002010803", "027002020804", "029900" + "03"):
        scene.write(bad)
        assert 0x15 in (await scene.run(TICK_S))[:1]


async def test_nonin_hears_a_command_in_pieces_and_after_noise(scene: Scene) -> None:
    await started(scene, "nonin-df8")
    await scene.run(1.5)
    scene.write("ffff0270")
    assert b"\x06" not in await scene.run(TICK_S)
    scene.write("02020803")
    assert (await scene.run(TICK_S))[:1] == b"\x06"


async def test_nonin_holds_its_display_for_ten_seconds_after_the_finger_is_gone(scene: Scene) -> None:
    await started(scene, "nonin-df8")
    before = (await scene.run(2))[-4:]
    scene.act("nan")
    held = (await scene.run(5))[-4:]
    gone = (await scene.run(8))[-4:]
    scene.act("nan", on=False)
    back = (await scene.run(3))[-4:]

    assert before[3] & 0x08 == 0
    assert (held[3] & 0x08, held[2]) == (0x08, before[2])
    assert gone[:3] == bytes((0x80 | 0x20 | 3, 0x7F, 0x7F))
    assert back[2] < 101
    assert back[3] & 0x08 == 0


async def test_nonin_measures_live_values_as_missing_at_once(scene: Scene) -> None:
    await started(scene, "nonin")
    await scene.run(2)
    scene.act("nan")
    packets = df2_packets(await scene.run(2))

    assert df2_values(packets[-1]) == (127, 511)
    assert packets[-1][8][3] < 101  # SpO2 for display
    assert all(frame[1] & 0x08 for frame in packets[-1])


async def test_nonin_spot_checks_have_the_devices_time_and_wait_for_the_hub(scene: Scene) -> None:
    await started(scene, "nonin-df13")
    scene.act("measure")
    live = await scene.run(1)
    scene.close()
    await scene.run(1)
    scene.act("wrong-clock", by=-7200.0)
    scene.act("measure")
    await scene.run(1)
    scene.open()
    stored = await scene.run(1)

    assert len(live) == len(stored) == 22
    assert live[:14].hex() == "0002000d000e" + "2026112009000005"
    assert live[14:16] == b"\x02\x00"
    assert (stored[14:16], stored[10:12].hex()) == (b"\x02\x10", "0700")
    assert scene.device.emitted == 2


async def test_nonin_clock_can_be_set_and_nonsense_is_refused(scene: Scene) -> None:
    await started(scene, "nonin-df13")
    scene.write("0272061b0102030405" + "03")
    assert await scene.run(TICK_S) == b"\x06"
    scene.act("measure")
    assert (await scene.run(1))[6:12].hex() == "202701020304"
    scene.write("0272061b0d02030405" + "03")
    assert await scene.run(TICK_S) == b"\x15"


async def test_contec_is_silent_until_told_and_again_without_keep_alive(scene: Scene) -> None:
    await started(scene, "contec-v7")
    assert await scene.run(2) == b""
    scene.write("7d81a1808080808080")
    live = await scene.run(5)
    assert abs(len(live) - 5 * 60 * 9) <= 9 * 4
    frames = [live[at : at + 9] for at in range(0, len(live), 9)]
    assert all(frame[0] == 1 and all(byte & 0x80 for byte in frame[1:]) for frame in frames)
    spo2 = frames[-1][6] & 0x7F
    assert abs(spo2 - scene.patient.vitals(7).spo2) <= 1
    assert scene.device.emitted == len(frames)

    scene.write("7d81af808080808080")
    assert len(await scene.run(9)) > 8.9 * 60 * 9
    await scene.run(2)
    assert await scene.run(2) == b""
    scene.write("7d81af808080808080")  # a keep-alive wakes nobody
    assert await scene.run(2) == b""


async def test_contec_stops_when_told_and_acknowledges_date_and_time(scene: Scene) -> None:
    await started(scene, "contec-v7")
    scene.write("7d81a1808080808080")
    assert await scene.run(1) != b""
    scene.write("7d81a2808080808080" + "7d81b1808080808080")
    answer = await scene.run(2)
    assert (len(answer), answer[0]) == (4, 0x0B)


async def test_contec_says_probe_error_and_no_value_without_finger(scene: Scene) -> None:
    await started(scene, "contec-v7")
    scene.write("7d81a1808080808080")
    await scene.run(1)
    scene.act("nan")
    frame = (await scene.run(1))[-9:]

    assert frame[1] & 0x01  # bit 7 of the first payload byte: probe error
    assert (frame[5] & 0x7F | (frame[1] & 0x08) << 4, frame[6] & 0x7F) == (255, 127)


async def test_bci5_streams_unasked_with_bit_7_only_in_front(scene: Scene) -> None:
    await started(scene, "bci5")
    before = scene.device.emitted
    data = await scene.run(5)
    frames = [data[at : at + 5] for at in range(0, len(data), 5)]

    assert abs(len(frames) - 300) <= 4
    assert all([byte >> 7 for byte in frame] == [1, 0, 0, 0, 0] for frame in frames)
    rate = (frames[-1][2] & 0x40) << 1 | frames[-1][3]
    assert abs(rate - scene.patient.vitals(5).pulse) <= 3
    assert scene.device.emitted - before == len(frames)


async def test_masimo_prints_a_line_a_second(scene: Scene) -> None:
    await started(scene, "masimo")
    scene.act("nan")
    out = await scene.run(1)
    scene.act("nan", on=False)
    lines = (out + await scene.run(3)).split(b"\r\n")

    assert len(lines) == 5
    assert lines[0].startswith(b"11/20/26 09:00:01 ")
    assert b"SPO2=---%" in lines[0]
    assert b"EXC=0000020" in lines[0]
    assert f"SPO2={round(scene.patient.vitals(4).spo2):03d}%".encode() in lines[3]


async def test_pc60_sends_values_each_second_and_waves_between(scene: Scene) -> None:
    await started(scene, "pc60")
    data = await scene.run(3)

    assert data.count(b"\xaa\x55\x0f\x08\x01") == 3
    assert data.count(b"\xaa\x55\x0f\x07\x02") == 30
    assert scene.device.emitted == 3


async def test_suntech_pumps_and_gives_a_result_when_asked(scene: Scene) -> None:
    await started(scene, "suntech")
    scene.write("3a7903004a")
    assert (await scene.run(TICK_S)).hex() == "3e044e70"  # N: there is none yet
    scene.write("3a20a6")
    assert (await scene.run(TICK_S)).hex() == "3e044f6f"  # O
    await scene.run(10)
    scene.write("3a7905" + "0048")
    pressure = await scene.run(TICK_S)
    assert 140 <= int.from_bytes(pressure[2:4], "little") <= 160
    scene.write("3a20a6" + "3a7903004a")
    assert (await scene.run(TICK_S)).hex() == "3e04427c" * 2  # B, B
    assert (await scene.run(30)).hex() == "3e044b73"  # K
    scene.write("3a7903004a" + "3a7903004a")
    result = await scene.run(TICK_S)

    assert result[:24] == result[24:]
    assert sum(result[:24]) & 0xFF == 0
    vitals = scene.patient.vitals(35.5)
    assert abs(int.from_bytes(result[2:4], "little") - vitals.systolic) <= 1
    assert abs(int.from_bytes(result[18:20], "little") - vitals.mean) <= 1
    assert scene.device.emitted == 1


async def test_suntech_can_be_stopped(scene: Scene) -> None:
    await started(scene, "suntech")
    scene.write("3a20a6")
    await scene.run(5)
    scene.write("3a7901004c")
    assert (await scene.run(TICK_S)).hex() == "3e04417d"  # A
    assert await scene.run(60) == b""


async def test_suntech_with_a_loose_cuff_gives_an_error_and_no_pressure(scene: Scene) -> None:
    await started(scene, "suntech")
    scene.act("nan")
    scene.write("3a20a6")
    await scene.run(40)
    scene.write("3a7903004a")
    result = await scene.run(TICK_S)

    assert result[2:6] == bytes(4)
    assert result[20] == 1


async def test_suntech_says_no_to_what_is_no_command(scene: Scene) -> None:
    await started(scene, "suntech")
    scene.write("ff3a1122334455667788")
    assert (await scene.run(TICK_S)).hex() == "3e044e70"


def taidoc(command: str, message: str = "00000000") -> str:
    body = bytes.fromhex(f"51{command}{message}a3")
    return (body + bytes((sum(body) & 0xFF,))).hex()


async def test_taidoc_gives_its_memory_newest_first(scene: Scene) -> None:
    await started(scene, "taidoc")
    scene.act("measure")
    await scene.run(120)
    scene.act("measure")
    scene.write(taidoc("2b"))
    count = await scene.run(TICK_S)
    assert count[:4].hex() == "512b0200"
    values = []
    for index in (0, 1, 1):
        scene.write(taidoc("25", f"{index:02x}000000") + taidoc("26", f"{index:02x}000000"))
        answer = await scene.run(TICK_S)
        assert all(sum(half[:7]) & 0xFF == half[7] and half[6] == 0xA5 for half in (answer[:8], answer[8:]))
        values.append((answer[4:6].hex(), int.from_bytes(answer[10:12], "little")))

    assert [when for when, _ in values] == ["0209", "0009", "0009"]
    assert abs(values[0][1] - scene.patient.vitals(120).glucose) <= 1
    assert scene.device.emitted == 2  # what is asked twice counts once


async def test_taidoc_clock_is_set_and_memory_cleared(scene: Scene) -> None:
    await started(scene, "taidoc")
    scene.write(taidoc("33", "0427250d"))
    assert (await scene.run(TICK_S))[2:6].hex() == "0427250d"
    scene.write(taidoc("23"))
    assert (await scene.run(TICK_S))[2:6].hex() == "0427250d"
    scene.act("measure")
    scene.write(taidoc("52") + taidoc("2b"))
    assert (await scene.run(TICK_S))[10:14].hex() == "0000ffff"
    scene.write(taidoc("22") + taidoc("24"))
    assert (await scene.run(TICK_S))[10:12] == b"\x72\x42"


async def test_taidoc_does_not_answer_nonsense(scene: Scene) -> None:
    await started(scene, "taidoc")
    scene.write("512b00000000a300" + taidoc("99") + taidoc("26") + taidoc("33", "ffffffff"))
    assert await scene.run(1) == b""


OPEN_767, START_767 = "02435043" + "30353b", "02435043" + "313037"


async def test_ua767_must_be_woken_before_it_answers_and_tells_measurements(scene: Scene) -> None:
    await started(scene, "ua767")
    scene.act("measure")  # nobody has opened its line
    await scene.run(150)
    await scene.run(5)
    scene.write(OPEN_767)
    assert await scene.run(1) == b""  # only woken
    scene.write(OPEN_767)
    assert (await scene.run(1)).hex() == "013730504306"
    scene.act("measure")
    result = await scene.run(31)
    code, difference, diastolic, rate, mean = bytes.fromhex(result.decode())
    vitals = scene.patient.vitals(scene.pace.now_s() - 1)
    assert code == 0x80
    assert abs(diastolic + difference - vitals.systolic) <= 1
    assert abs(diastolic - vitals.diastolic) <= 1
    assert abs(rate - vitals.pulse) <= 2
    assert abs(mean - vitals.mean) <= 1
    assert scene.device.emitted == 1


async def test_ua767_measures_when_told_and_says_error_with_a_loose_cuff(scene: Scene) -> None:
    await started(scene, "ua767")
    scene.write(OPEN_767)
    await scene.run(1)
    scene.write(OPEN_767 + START_767 + "02435043" + "303500")
    assert (await scene.run(1)).hex() == "013730504306" * 2 + "013730504315"
    scene.act("nan")
    assert await scene.run(31) == b"8100000000"


def lifescan(link: int, message: str) -> str:
    body = bytes((2, len(message) // 2 + 6, link)) + bytes.fromhex(message) + b"\x03"
    return (body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "little")).hex()


async def test_ultra_easy_acknowledges_and_answers_each_request(scene: Scene) -> None:
    await started(scene, "ultra-easy")
    scene.act("measure")
    scene.write(lifescan(0x08, ""))
    assert (await scene.run(TICK_S)).hex() == lifescan(0x0C, "")
    answers, sent, got = [], 0, 0
    for message in ("051ff501", "051f0000", "051f0000", "051f0100", "05200200000000", "050d02"):
        scene.write(lifescan(sent | got << 1, message))
        answer = await scene.run(TICK_S)
        sent ^= 1
        assert answer[:6].hex() == lifescan(0x04 | sent << 1 | got, "")  # acknowledged
        assert answer[8] == got | sent << 1
        assert binascii.crc_hqx(answer[6:-2], 0xFFFF) == int.from_bytes(answer[-2:], "little")
        answers.append(answer[9:-3])
        got ^= 1
        scene.write(lifescan(0x04 | got << 1, ""))
        assert await scene.run(TICK_S) == b""

    assert answers[0].hex() == "050f0100"
    taken = int((BEGAN - datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001 - a meter knows no zone
    assert int.from_bytes(answers[1][2:6], "little") == taken
    assert abs(int.from_bytes(answers[1][6:], "little") - scene.patient.vitals(0).glucose) <= 1
    assert answers[2] == answers[1]
    assert answers[3].hex() == "0509"
    assert abs(int.from_bytes(answers[4][2:], "little") - taken) <= 1
    assert answers[5].startswith(b"\x05\x06")
    assert scene.device.emitted == 1


async def test_ultra_easy_sets_its_clock_forgets_when_told_and_ignores_a_wrong_crc(scene: Scene) -> None:
    await started(scene, "ultra-easy")
    scene.act("measure")
    scene.write(lifescan(0x00, "05200100000050"))
    assert b"\x05\x06\x00\x00\x00\x50" in await scene.run(TICK_S)
    scene.write(lifescan(0x00, "05200200000000"))
    assert b"\x05\x06\x00\x00\x00\x50" in await scene.run(TICK_S)
    scene.write(lifescan(0x00, "051a") + lifescan(0x00, "051ff501"))
    assert b"\x05\x0f\x00\x00" in await scene.run(TICK_S)
    scene.write("020900050d02030000" + "ff" + lifescan(0x08, ""))
    assert (await scene.run(TICK_S)).hex() == lifescan(0x0C, "")


@pytest.mark.parametrize("model", sorted(MODELS))
async def test_every_model_stays_silent_when_it_is_silent_and_lives_on_after(scene: Scene, model: str) -> None:
    await started(scene, model)
    scene.act("silent")
    scene.write("7d81a1808080808080")
    scene.write("3a20a6")
    scene.write(taidoc("22") + lifescan(0x08, "") + OPEN_767)
    assert await scene.run(3) == b""
    emitted = scene.device.emitted
    scene.act("silent", on=False)
    scene.act("measure")
    scene.write("7d81a1808080808080")
    scene.write(taidoc("22") + lifescan(0x08, "") + OPEN_767)
    scene.write(OPEN_767 + "3a20a6")
    assert await scene.run(3) != b""
    assert scene.device.emitted >= emitted
    assert scene.device.counts
    assert MODELS[model].title


async def test_garbage_is_the_size_asked_for_and_counts_for_nothing(scene: Scene) -> None:
    await started(scene, "suntech")
    scene.act("garbage", _=64.0)
    noise = await scene.run(TICK_S)

    assert len(noise) == 64
    assert scene.device.emitted == 0


async def test_unplug_hangs_up_and_replug_brings_it_back(scene: Scene) -> None:
    await started(scene, "masimo")
    await scene.run(2)
    scene.act("unplug")
    assert await scene.run(2) == b""
    assert not scene.link.exists()
    scene.close()
    scene.act("unplug", on=False)
    scene.open()
    assert (await scene.run(2)).count(b"\r\n") == 2
    assert scene.device.emitted == 4


async def test_a_low_battery_is_told(scene: Scene) -> None:
    await started(scene, "nonin-df8")
    scene.act("low-battery")
    assert (await scene.run(2))[-1] & 0x01
    scene.act("low-battery", on=False)
    assert not (await scene.run(2))[-1] & 0x01


async def test_a_desaturation_reaches_the_display(scene: Scene) -> None:
    await started(scene, "nonin-df8")
    scene.act("desaturate", to=82.0, over=2.0, for_=5.0)
    assert (await scene.run(5))[-2] == 82


async def test_a_device_lives_by_itself(scene: Scene) -> None:
    scene.start("masimo")
    scene.open()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(scene.device.run())
        await scene.pace.advance(3.05)
        task.cancel()
    assert scene.read().count(b"\r\n") == 3


def test_every_verb_of_a_cable_is_known_to_the_language() -> None:
    assert set(VERBS) - {"lose-bond", "out-of-range"} == VirtualSerial.verbs


async def test_what_a_cable_cannot_do_is_refused(scene: Scene) -> None:
    await started(scene, "masimo")
    with pytest.raises(ConfigError, match="cannot lose-bond"):
        scene.act("lose-bond")


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    make: Callable[[], object] = lambda: VirtualSerial("x", tmp_path / "t", Patient(0), BEGAN, VirtualPace())  # noqa: E731
    with pytest.raises(ConfigError, match=r"no virtual serial device is called 'x' \(there are nonin, "):
        make()
