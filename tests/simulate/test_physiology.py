import itertools
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_agent.errors import ConfigError
from hub_agent.simulate.physiology import Episode, Patient
from hub_agent.simulate.recorded import RecordedPatient, recordings

TIMES = st.floats(-86_400, 30 * 86_400)


@given(seed=st.integers(), at_s=TIMES)
@settings(max_examples=60, deadline=None)
def test_a_patient_is_alive_at_any_time(seed: int, at_s: float) -> None:
    vitals = Patient(seed).vitals(at_s)

    assert 94 <= vitals.spo2 <= 100
    assert 40 <= vitals.pulse <= 110
    assert vitals.diastolic < vitals.mean < vitals.systolic
    assert 90 <= vitals.systolic <= 170
    assert 35.8 <= vitals.temperature <= 37.5
    assert 70 <= vitals.glucose <= 220
    assert 10 <= vitals.respiration <= 20
    assert len(vitals.rr_ms) == 8
    assert all(500 <= interval <= 1500 for interval in vitals.rr_ms)


@given(seed=st.integers(0, 1000), at_s=TIMES)
@settings(max_examples=30, deadline=None)
def test_the_same_seed_and_time_give_the_same_body(seed: int, at_s: float) -> None:
    asked_before = Patient(seed)
    asked_before.vitals(at_s / 2)

    assert asked_before.vitals(at_s) == Patient(seed).vitals(at_s)
    assert asked_before.pleth(at_s) == Patient(seed).pleth(at_s)


def test_two_seeds_are_two_people() -> None:
    assert Patient(1).vitals(0) != Patient(2).vitals(0)


@given(seed=st.integers(0, 1000), at_s=st.floats(0, 86_400))
@settings(max_examples=30, deadline=None)
def test_beats_intervals_and_rate_tell_the_same_story(seed: int, at_s: float) -> None:
    patient = Patient(seed)
    beats = patient.beats(at_s - 20, at_s)
    intervals = [1000 * (later - earlier) for earlier, later in itertools.pairwise(beats)]
    vitals = patient.vitals(at_s)

    assert all(at_s - 20 < beat <= at_s for beat in beats)
    assert vitals.rr_ms == pytest.approx(intervals[-8:], abs=1)
    assert vitals.pulse == pytest.approx(60_000 / statistics.mean(intervals[-8:]), rel=0.005)


def test_two_spans_of_beats_join_without_gap_or_repetition() -> None:
    patient = Patient(3)

    assert patient.beats(0, 30) + patient.beats(30, 60) == pytest.approx(patient.beats(0, 60))


def test_the_heart_varies_as_a_healthy_one_does() -> None:
    for seed in range(5):
        beats = Patient(seed).beats(0, 300)
        intervals = [1000 * (later - earlier) for earlier, later in itertools.pairwise(beats)]
        assert 20 < statistics.stdev(intervals) < 140  # SDNN over five minutes
        successive = [later - earlier for earlier, later in itertools.pairwise(intervals)]
        assert 8 < statistics.fmean(d * d for d in successive) ** 0.5 < 120  # RMSSD


def test_the_heart_goes_with_the_breath() -> None:
    patient = Patient(4)
    breath_s = 60 / patient._breath
    swings = [patient._rate(t * breath_s / 12) for t in range(13)]

    assert max(swings) - min(swings) > 3.0


def test_the_pulse_wave_rises_once_a_beat() -> None:
    patient = Patient(5)
    first, second = patient.beats(100, 104)[:2]
    wave = [patient.pleth(first + step * (second - first) / 100) for step in range(100)]

    assert 15 <= wave.index(max(wave)) <= 30  # systole
    assert max(wave[45:60]) > max(wave[35:42])  # the dicrotic wave
    assert wave[0] < 0.1
    assert wave[-1] < 0.1


@given(seed=st.integers(0, 99), at_s=st.floats(0, 3600))
@settings(max_examples=40, deadline=None)
def test_the_pulse_wave_stays_between_0_and_1(seed: int, at_s: float) -> None:
    assert 0 <= Patient(seed).pleth(at_s) <= 1
    assert 0 <= RecordedPatient("b").pleth(at_s) <= 1


def test_an_episode_falls_stays_and_comes_back_with_a_faster_heart() -> None:
    well, ill = Patient(6), Patient(6, (Episode(100, 82, over_s=10, for_s=30),))

    assert ill.vitals(99) == well.vitals(99)
    assert 82 < ill.vitals(105).spo2 < well.vitals(105).spo2
    assert ill.vitals(111).spo2 == pytest.approx(82)
    assert ill.vitals(139).spo2 == pytest.approx(82)
    assert ill.vitals(135).pulse > well.vitals(135).pulse + 8
    assert ill.vitals(135).respiration > well.vitals(135).respiration + 5
    assert ill.vitals(151).spo2 == pytest.approx(well.vitals(151).spo2)


def test_an_episode_added_later_leaves_the_past_as_it_was() -> None:
    patient = Patient(7)
    before = [patient.vitals(at_s) for at_s in range(0, 60, 7)]
    patient.desaturate(Episode(60, 80, over_s=0, for_s=5))

    assert [patient.vitals(at_s) for at_s in range(0, 60, 7)] == before
    assert patient.vitals(62).spo2 == pytest.approx(80)


def test_the_day_goes_through_the_body() -> None:
    patient = Patient(8, start_hour=0)
    night, afternoon = patient.vitals(4 * 3600), patient.vitals(16 * 3600)

    assert afternoon.temperature - night.temperature > 0.4
    assert afternoon.systolic > night.systolic
    assert patient.vitals(13.25 * 3600).glucose > night.glucose + 20


def test_the_recordings_are_whole() -> None:
    known = recordings()

    assert {name: (len(r.rr_ms), len(r.pleth)) for name, r in known.items()} == {
        "a": (23, 1171),
        "b": (38, 1773),
        "c": (253, 7720),
    }
    for recording in known.values():
        length_s = sum(recording.rr_ms) / 1000
        assert len(recording.pleth) / recording.rate_hz == pytest.approx(length_s, abs=0.05)
        assert all(400 <= interval <= 1500 for interval in recording.rr_ms)


def test_a_recorded_heart_beats_as_recorded_lap_after_lap() -> None:
    patient = RecordedPatient("a")
    rr_ms = recordings()["a"].rr_ms
    eighth_s = sum(rr_ms[:8]) / 1000 + 0.001

    for lap in (0, 1, 7):
        vitals = patient.vitals(lap * patient.length_s + eighth_s)
        assert vitals.rr_ms == rr_ms[:8]
        assert vitals.pulse == pytest.approx(60_000 * 8 / sum(rr_ms[:8]))
    assert patient.vitals(0.0).rr_ms == rr_ms[-8:]


def test_a_recorded_wave_has_its_height_at_its_beats() -> None:
    patient = RecordedPatient("a")
    rr_ms = recordings()["a"].rr_ms
    at_s = 0.0
    for interval in rr_ms[:-1]:
        at_s += interval / 1000
        around = [patient.pleth(at_s + step / 100) for step in range(-20, 21)]
        assert abs(around.index(max(around)) - 20) <= 6


def test_a_recorded_patient_can_desaturate_too() -> None:
    patient = RecordedPatient("b", seed=3)
    patient.desaturate(Episode(10, 85, over_s=1, for_s=5))

    assert patient.vitals(13).spo2 == pytest.approx(85)
    assert patient.vitals(13).rr_ms == RecordedPatient("b").vitals(13).rr_ms


def test_an_unknown_recording_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no recording is called 'z' \(there are a, b, c\)"):
        RecordedPatient("z")
