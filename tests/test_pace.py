"""The room for backlog: a slow link keeps a place free for alarms, a fast one is filled."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from hub_agent.pace import FIRST_BYTES, MOST_BYTES, SPREAD_SHARE, TARGET_S, Pace


class _Link:
    """A link of so many bytes a second and so long a way, on which backlog of one size is sent as pace lets it."""

    def __init__(self, bytes_s: float, way_s: float, pace: Pace | None = None) -> None:
        self.bytes_s, self.way_s = bytes_s, way_s
        self.pace = pace or Pace()
        self.pace.connected(0.0, 0.0, 0.0)
        self.now_s = 0.0
        self.free_s = 0.0
        self.under_way: deque[tuple[float, float, int]] = deque()

    def _send(self, size: int) -> float:
        """Put a message into the link's queue; give when its PUBACK is back."""
        self.free_s = max(self.free_s, self.now_s) + size / self.bytes_s
        return self.free_s + self.way_s

    def drain(self, size: int, for_s: float) -> int:
        """Send backlog for a while, a small reading each second beside it; give how many batches went over."""
        until_s, done, reading_s = self.now_s + for_s, 0, self.now_s
        while self.now_s < until_s:
            while self.pace.may_go(size, self.now_s) and len(self.under_way) < 1000:
                self.pace.sent(size, self.now_s)
                self.under_way.append((self._send(size), self.now_s, size))
            if self.now_s >= reading_s:
                reading_s += 1.0
                self.pace.timed(300, self._send(300) - self.now_s, self.now_s, backlog=False)
            dues = [reading_s, until_s, *(back_s for back_s, _, _ in list(self.under_way)[:1])]
            self.now_s = min(due_s for due_s in (*dues, self.pace.next_s()) if due_s > self.now_s)
            while self.under_way and self.under_way[0][0] <= self.now_s:
                back_s, since_s, bytes_ = self.under_way.popleft()
                self.pace.returned(bytes_)
                self.pace.timed(bytes_, back_s - since_s, self.now_s, backlog=True)
                done += 1
        return done

    def alarm_s(self) -> float:
        """Say how long an alarm takes that goes now, its own transmission and the way not counted."""
        return max(self.free_s - self.now_s, 0.0)


def test_on_64_kbit_an_alarm_waits_for_one_batch_at_the_most() -> None:
    link = _Link(bytes_s=8000, way_s=0.05)
    link.drain(8000, 60)
    waits = []
    for _ in range(50):
        link.drain(8000, 1.7)
        waits.append(link.alarm_s())
    assert max(waits) <= 1.05


def test_a_slow_link_is_used_to_the_full_all_the_same() -> None:
    link = _Link(bytes_s=8000, way_s=0.05)
    assert link.drain(2000, 120) * 2000 > 0.85 * 8000 * 120


def test_a_fast_link_is_filled() -> None:
    link = _Link(bytes_s=10e6, way_s=0.02)
    link.drain(8000, 5)
    assert link.drain(8000, 10) * 8000 > 0.8 * 10e6 * 10


def test_a_long_way_is_not_taken_for_a_queue() -> None:
    satellite = _Link(bytes_s=125_000, way_s=0.7)
    satellite.drain(8000, 30)
    assert satellite.drain(8000, 30) * 8000 > 0.6 * 125_000 * 30


def test_a_link_that_becomes_slow_is_given_room_within_seconds() -> None:
    link = _Link(bytes_s=1e6, way_s=0.02)
    link.drain(4000, 20)
    link.bytes_s = 8000
    link.drain(4000, 120)
    waits = []
    for _ in range(20):
        link.drain(4000, 1.3)
        waits.append(link.alarm_s())
    assert max(waits) <= TARGET_S + 4000 / 8000


def test_a_busy_noc_is_given_half_a_second_of_work_and_never_idles() -> None:
    """A fast link, and a NOC that does 120 batches of 1,500 bytes a second, in turns of a tenth."""
    pace, size, per_s = Pace(), 1500, 120
    pace.connected(0.0, 0.0, 0.0)
    waiting: deque[float] = deque()
    lengths = []
    for turn in range(300):
        now_s = turn / 10
        pace.confirmed(300, 0.005, now_s, backlog=False)
        for _ in range(min(len(waiting), per_s // 10)):
            pace.confirmed(size, now_s - waiting.popleft(), now_s, backlog=True)
        while pace.noc_takes(size, len(waiting) * size):
            waiting.append(now_s)
        lengths.append(len(waiting))
    assert per_s // 10 <= min(lengths[20:])
    assert max(lengths[20:]) <= per_s * (TARGET_S + 0.2)


def test_a_noc_that_has_nothing_to_do_always_gets_a_batch() -> None:
    pace = Pace()
    pace.connected(0.0, 0.0, 0.0)
    for at_s in range(100):
        pace.confirmed(1500, 60.0 * at_s, 1000.0 * at_s, backlog=True)
    assert pace.noc_takes(10**9, 0)
    assert not pace.noc_takes(1500, 1500)


def test_a_cap_is_kept() -> None:
    link = _Link(bytes_s=1e6, way_s=0.02, pace=Pace(rate_bytes_s=10_000))
    assert 0.9 * 10_000 * 60 <= link.drain(1000, 60) * 1000 <= 10_000 * 60 + 1000


def test_a_fleet_s_drains_begin_one_after_another() -> None:
    pace = Pace(spread_s=30.0)
    pace.connected(1000.0, 100.0, 0.5)
    assert not pace.may_go(1, 1000.0 + 0.49 * 100 * SPREAD_SHARE)
    assert pace.may_go(1, 1000.0 + 0.5 * 100 * SPREAD_SHARE)
    pace.connected(1000.0, 1e6, 1.0)
    assert pace.next_s() == 1030.0  # however long the outage was
    pace.connected(1000.0, 0.0, 1.0)
    assert pace.may_go(1, 1000.0)  # the first link of a life had no outage


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.integers(1, 100_000), st.just(0.0)),
            st.tuples(st.just("back"), st.integers(1, 100_000), st.floats(0, 100)),
        )
    )
)
def test_one_batch_alone_may_always_go_and_the_room_stays_bounded(turns: list[tuple[str, int, float]]) -> None:
    pace, out = Pace(), deque[int]()
    pace.connected(0.0, 0.0, 0.0)
    for now_s, (what, size, took_s) in enumerate(turns):
        if what == "send" and pace.may_go(size, now_s):
            pace.sent(size, now_s)
            out.append(size)
            assert len(out) == 1 or sum(out) <= max(MOST_BYTES, FIRST_BYTES)
        elif what == "back" and out:
            bytes_ = out.popleft()
            pace.returned(bytes_)
            pace.timed(bytes_, took_s, now_s, backlog=True)
    while out:
        pace.returned(out.popleft())
    assert pace.may_go(10**9, len(turns))
