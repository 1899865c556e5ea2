"""The signal: the most urgent thing, honestly, on every output that works."""

from decimal import Decimal

import pytest

from hub_agent.alarms.annunciator import Annunciator, Shown, Signal
from hub_agent.alarms.book import AlarmBook
from hub_agent.alarms.device_watch import Cadence
from hub_agent.alarms.limits import Limit, Priority
from hub_agent.model import ClockState, Measurement, Reading, ReadingClass, ReceivedReading, Stamp
from hub_agent.nomenclature import SPO2

S = 10**9
LOW = Limit(SPO2, "%", Decimal(90), None, priority=Priority.HIGH, latching=True)


def at(second: float) -> Stamp:
    return Stamp("ab" * 8, round(second * S), 0, ClockState.SYNCED)


def spo2(second: float, value: int) -> ReceivedReading:
    measured = Measurement(SPO2, "%", Decimal(value))
    return ReceivedReading("oximeter", Reading(ReadingClass.CONTINUOUS, (measured,)), at(second))


class Scene:
    """A book, an annunciator and one output that remembers."""

    def __init__(self, cadence_s: float | None = None) -> None:
        self.book = AlarmBook([LOW], {"oximeter": Cadence(cadence_s)}, at(0), escalate_s=30)
        self.told: list[tuple[Signal, bool]] = []
        self.annunciator = Annunciator(
            [lambda signal, same: self.told.append((signal, same))], unmonitored_after_s=60, at_ns=0
        )

    def show(self, second: float) -> Signal:
        assert self.annunciator.show(self.book, round(second * S)) == ()
        return self.annunciator.signal


def test_calm_is_shown_from_the_start_and_again_and_again() -> None:
    scene = Scene()
    assert scene.show(0) == Signal(Shown.CALM)
    scene.show(4.9)
    assert scene.told == [(Signal(Shown.CALM), False)]
    scene.show(5)
    assert scene.told[1:] == [(Signal(Shown.CALM), True)]


def test_an_alarm_sounds_escalates_and_falls_silent_when_acknowledged() -> None:
    scene = Scene()
    (event,) = scene.book.reading(spo2(1, 80))
    assert scene.show(1) == Signal(Shown.HIGH, audible=True)
    scene.book.tick(at(31))
    assert scene.show(31) == Signal(Shown.HIGH, audible=True, escalated=True)
    scene.book.acknowledge(event.alarm_id, at(32))
    assert scene.show(32) == Signal(Shown.HIGH)
    scene.book.reading(spo2(33, 95))
    assert scene.show(33) == Signal(Shown.CALM)


def test_what_has_latched_goes_on_sounding() -> None:
    scene = Scene()
    scene.book.reading(spo2(1, 80))
    scene.book.reading(spo2(2, 95))
    assert scene.show(2) == Signal(Shown.HIGH, audible=True)


def test_a_new_alarm_sounds_through_a_pause_and_is_shown_before_a_graver_silent_one() -> None:
    scene = Scene()
    scene.book.reading(spo2(1, 80))
    scene.book.pause_audio(300, at(2))
    assert scene.show(2) == Signal(Shown.HIGH)
    scene.book.technical("storage_95", "", at(3), active=True)
    assert scene.show(3) == Signal(Shown.MEDIUM, audible=True)


def test_it_sounds_again_and_again() -> None:
    scene = Scene()
    scene.book.reading(spo2(1, 80))
    for second in range(1, 12):
        scene.show(second)
    high = Signal(Shown.HIGH, audible=True)
    assert scene.told == [(high, False), (high, True), (high, True)]


def test_nobody_watches_when_the_noc_is_out_of_reach() -> None:
    scene = Scene()
    scene.annunciator.noc_reached(10 * S)
    scene.annunciator.noc_reached(5 * S)
    assert scene.show(69.9) == Signal(Shown.CALM)
    assert scene.show(70) == Signal(Shown.UNMONITORED, audible=True)
    scene.annunciator.noc_reached(71 * S)
    assert scene.show(71) == Signal(Shown.CALM)


def test_nobody_watches_when_no_device_delivers() -> None:
    scene = Scene(1.0)
    (event,) = scene.book.tick(at(10))
    assert scene.show(10) == Signal(Shown.MEDIUM, audible=True)
    scene.book.acknowledge(event.alarm_id, at(11))
    assert scene.show(11) == Signal(Shown.UNMONITORED, audible=True)
    scene.book.reading(spo2(12, 97))
    assert scene.show(12) == Signal(Shown.CALM)


def test_nobody_watching_ranks_above_low_priority() -> None:
    scene = Scene()
    scene.book.technical("storage_80", "", at(1), active=True)
    assert scene.show(1) == Signal(Shown.LOW, audible=True)
    assert scene.show(60) == Signal(Shown.UNMONITORED, audible=True)


def test_a_broken_output_keeps_no_other_from_being_told() -> None:
    told: list[Signal] = []

    def broken(signal: Signal, same: bool) -> None:  # noqa: FBT001 - the shape of an Output
        raise OSError(f"no LED for {signal} {same}")

    def good(signal: Signal, same: bool) -> None:  # noqa: FBT001 - the shape of an Output
        assert not same
        told.append(signal)

    annunciator = Annunciator([broken, good], unmonitored_after_s=60, at_ns=0)
    (failure,) = annunciator.show(AlarmBook([], {}, at(0)), 0)
    assert "no LED" in str(failure)
    assert told == [Signal(Shown.CALM)]


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        (Signal(Shown.CALM), "calm"),
        (Signal(Shown.HIGH, audible=True), "high audible"),
        (Signal(Shown.MEDIUM, audible=True, escalated=True), "medium audible escalated"),
    ],
)
def test_the_words_that_a_hook_is_given(signal: Signal, text: str) -> None:
    assert str(signal) == text
