from hub_agent.model import ReadingClass
from hub_agent.outbox.recent import ITEMS_MAX, KEEP_S, RUNS_MAX, SPAN_S, Recent
from hub_agent.outbox.rows import Committed, key_of
from tests.outbox.journey import reading
from tests.virtual import HandClock

CLS = ReadingClass.CONTINUOUS


def filled(*at_s: float, step: int = 1) -> Recent:
    recent = Recent()
    for position, second in enumerate(at_s):
        recent.add(Committed(key_of(CLS, 1 + position * step), 1, b""), [], second)
    return recent


def test_nothing_is_rewritten_before_its_minute_is_over() -> None:
    recent = filled(*range(90))
    assert recent.due(SPAN_S - 0.1) == []
    assert [kept.at_s for kept in recent.due(SPAN_S)] == [*range(60)]


def test_what_is_too_old_is_forgotten_and_one_batch_alone_stays_as_it_is() -> None:
    recent = filled(0.0, 100.0)
    assert recent.due(KEEP_S - 1) == []
    assert recent.due(KEEP_S + 1) == []
    assert len(recent) == 1


def test_other_classes_and_what_was_dropped_are_not_kept() -> None:
    recent = filled(0.0, 1.0, 2.0)
    recent.add(Committed(key_of(ReadingClass.EPISODIC, 9), 1, b""), [], 0.0)
    recent.drop(key_of(CLS, 2))
    assert [kept.batch.key for kept in recent.due(SPAN_S)] == [key_of(CLS, 1), key_of(CLS, 3)]


def test_a_group_is_bounded_in_items_and_in_ranges() -> None:
    recent = Recent()
    half = [reading(1, HandClock())] * (ITEMS_MAX // 2)
    for seq in range(1, 5):
        recent.add(Committed(key_of(CLS, seq), len(half), b""), half, 0.0)
    assert len(recent.due(SPAN_S)) == 2
    assert len(filled(*[0.0] * 200, step=2).due(SPAN_S)) == RUNS_MAX
