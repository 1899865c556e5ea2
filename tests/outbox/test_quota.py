from hypothesis import given
from hypothesis import strategies as st

from hub_agent.model import ReadingClass
from hub_agent.outbox import quota
from hub_agent.outbox.quota import MIB, SHEDDABLE, Limits, Room, plan

SIZES = st.integers(0, 1 << 40)
LIMITS = st.builds(
    lambda ballast, more, free: Limits(2 * ballast + more, ballast, free),
    st.integers(MIB, 1 << 30),
    st.integers(14 * MIB, 1 << 40),
    SIZES,
)
ROOMS = st.builds(
    lambda spare, used, free, ballast: Room(4096 + used + spare, spare, free, ballast), SIZES, SIZES, SIZES, SIZES
)
LIMIT = Limits(512 * MIB, 8 * MIB, 64 * MIB)


@given(ROOMS, LIMITS)
def test_the_file_never_outgrows_quota_or_disk_but_into_the_ballast_s_room(room: Room, limits: Limits) -> None:
    made = plan(room, limits)
    assert 1 <= made.ceiling <= max(1, limits.quota - limits.ballast)
    growth = made.ceiling - room.file
    assert growth <= 0 or made.ceiling <= limits.ballast or room.free - growth >= limits.min_free


@given(ROOMS, LIMITS)
def test_a_full_disk_stops_growth_and_never_shrinks_what_is_there(room: Room, limits: Limits) -> None:
    used = room.file - room.spare
    made = plan(room, limits)
    assert (made.excess > 0) == (used > max(1, limits.quota - limits.ballast))
    assert 0.0 <= made.fill <= 1.0


@given(ROOMS, LIMITS)
def test_the_ballast_grows_only_where_room_stays(room: Room, limits: Limits) -> None:
    if plan(room, limits).grow_ballast:
        assert room.ballast < limits.ballast
        assert room.free - (limits.ballast - room.ballast) >= limits.min_free + MIB


@given(ROOMS, LIMITS)
def test_what_is_shed_at_once_is_a_small_part_of_the_room(room: Room, limits: Limits) -> None:
    piece = plan(room, limits).piece
    assert MIB // 4 <= piece <= 4 * MIB
    assert piece <= (limits.quota - limits.ballast) // 32


def test_what_the_ballast_still_needs_is_not_the_file_s() -> None:
    room = Room(file=100 * MIB, spare=0, free=80 * MIB, ballast=0)
    assert plan(room, LIMIT).ceiling == 108 * MIB
    assert plan(room._replace(ballast=8 * MIB), LIMIT).ceiling == 116 * MIB


def test_a_disk_that_others_filled_is_full_whatever_the_quota_says() -> None:
    made = plan(Room(file=10 * MIB, spare=0, free=MIB, ballast=8 * MIB), LIMIT)
    assert (made.ceiling, made.fill, made.excess) == (10 * MIB, 1.0, 0)


def test_a_small_file_has_the_ballast_s_room_on_a_disk_that_others_filled_and_says_that_it_is_full() -> None:
    made = plan(Room(file=MIB, spare=0, free=0, ballast=0), LIMIT)
    assert (made.ceiling, made.fill, made.excess) == (8 * MIB, 1.0, 0)


def test_a_quota_that_was_lowered_sheds_at_once() -> None:
    made = plan(Room(file=600 * MIB, spare=50 * MIB, free=1 << 40, ballast=8 * MIB), LIMIT)
    assert made.excess == 46 * MIB


def test_alarms_are_raised_and_cleared_with_hysteresis() -> None:
    active: frozenset[str] = frozenset()
    said = []
    for fill in (0.79, 0.80, 0.76, 0.95, 0.91, 0.89, 0.76, 0.74):
        active = quota.alarms(fill, active)
        said.append(sorted(active))
    low, both = ["storage_80"], ["storage_80", "storage_95"]
    assert said == [[], low, low, both, both, low, low, []]


def test_alarms_are_never_shed_and_waveforms_go_first() -> None:
    assert SHEDDABLE == (ReadingClass.WAVEFORM, ReadingClass.CONTINUOUS, ReadingClass.EPISODIC)
