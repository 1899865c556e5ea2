from hypothesis import given
from hypothesis import strategies as st

from hub_agent.model import ClockState, ReadingClass, Stamp
from hub_agent.outbox import timeline
from hub_agent.outbox.timeline import Timeline

CLS = ReadingClass.CONTINUOUS


def at(second: int) -> Stamp:
    return Stamp("b" * 16, second * 10**9, second * 10**9, ClockState.SYNCED)


def test_a_range_is_bounded_by_what_came_before_and_after() -> None:
    known = Timeline()
    for second in range(600):
        known.add(CLS, second + 1, at(second), ["cuff" if second >= 300 else "oximeter"])
    about = known.about(CLS, 100, 200)
    assert (about.since, about.until, about.devices) == (at(60), at(240), ("oximeter",))


def test_what_an_earlier_life_took_is_not_known() -> None:
    known = Timeline()
    known.add(CLS, 50, at(0), ["oximeter"])
    known.add(CLS, 51, at(60), ["cuff"])
    assert known.about(CLS, 1, 10) == (None, at(0), ())
    assert known.about(CLS, 1, 50) == (None, at(60), ("oximeter",))
    assert known.about(ReadingClass.WAVEFORM, 1, 50) == (None, None, ())


@given(st.lists(st.integers(1, 300), min_size=2, max_size=60), st.data())
def test_it_never_claims_too_little(gaps: list[int], data: st.DataObject) -> None:
    known = Timeline()
    seconds = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    for seq, second in enumerate(seconds, start=1):
        known.add(CLS, seq, at(second), [f"device-{seq % 5}"])
    first = data.draw(st.integers(1, len(gaps)))
    last = data.draw(st.integers(first, len(gaps)))
    about = known.about(CLS, first, last)
    assert about.since is not None
    assert about.since.monotonic_ns <= seconds[first - 1] * 10**9
    assert about.until is None or about.until.monotonic_ns >= seconds[last - 1] * 10**9
    assert {f"device-{seq % 5}" for seq in range(first, last + 1)} <= set(about.devices)


def test_its_memory_is_bounded_and_still_true() -> None:
    known = Timeline()
    for minute in range(timeline.ENTRIES_MAX * 3):
        known.add(CLS, minute + 1, at(60 * minute), [f"device-{minute % 2}"])
    assert len(known._entries[CLS]) <= timeline.ENTRIES_MAX
    about = known.about(CLS, 5000, 5000)
    assert about.since is not None
    assert about.since.monotonic_ns <= 60 * 4999 * 10**9
    assert about.until is not None
    assert about.until.monotonic_ns > 60 * 4999 * 10**9
    assert about.devices == ("device-0", "device-1")
