from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_agent.errors import ConfigError
from hub_agent.noc.counters import NAME, next_counter

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@settings(max_examples=20, deadline=None)
@given(
    draws=st.lists(
        st.tuples(st.sets(st.sampled_from("abc"), min_size=1), st.integers(-5000, 5000)), min_size=1, max_size=10
    )
)
def test_every_key_only_rises_whatever_the_clock_does(
    draws: list[tuple[set[str], int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("keys")
    last = dict.fromkeys("abc", 0)
    for kids, offset_ms in draws:
        value = next_counter(directory, sorted(kids), NOW + timedelta(milliseconds=offset_ms))
        assert all(value > last[kid] for kid in kids)
        last |= dict.fromkeys(kids, value)


def test_a_lost_file_does_not_fall_behind(tmp_path: Path) -> None:
    before = next_counter(tmp_path, ["a"], NOW)
    (tmp_path / NAME).unlink()
    assert next_counter(tmp_path, ["a"], NOW + timedelta(milliseconds=1)) > before


def test_two_at_once_never_draw_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda _: next_counter(tmp_path, ["a"], NOW), range(40)))
    assert len(set(values)) == 40


@pytest.mark.parametrize("content", ["", "[]", '{"a":1,"a":2}', '{"a":1.5}'])
def test_a_spoilt_file_is_an_error_with_the_remedy(content: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(content)
    with pytest.raises(ConfigError, match="remove it"):
        next_counter(tmp_path, ["a"], NOW)


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        next_counter(tmp_path / "nowhere", ["a"], NOW)
