import errno
from pathlib import Path

import pytest

from hub_agent.outbox.ballast import STEP, Ballast, has_room


def test_it_grows_by_steps_and_holds_its_bytes(tmp_path: Path) -> None:
    held = Ballast(tmp_path)
    sizes = []
    for _ in range(4):
        held.grow(2 * STEP + 100)
        sizes.append(held.size())
    assert sizes == [STEP, 2 * STEP, 2 * STEP + 100, 2 * STEP + 100]
    assert held.path.stat().st_blocks * 512 >= 2 * STEP  # no holes


def test_it_is_given_up_at_once_and_twice_is_no_mistake(tmp_path: Path) -> None:
    held = Ballast(tmp_path)
    held.grow(100)
    held.release()
    held.release()
    assert (held.size(), [*tmp_path.iterdir()]) == (0, [])


def test_a_disk_that_fills_up_meanwhile_gets_its_step_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Ballast(tmp_path)
    held.grow(100)

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("os.fsync", full)
    held.grow(5000)
    assert held.size() == 100


def test_asking_for_room_leaves_nothing_behind(tmp_path: Path) -> None:
    assert has_room(tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_no_directory_is_not_a_full_disk(tmp_path: Path) -> None:
    assert has_room(tmp_path / "nowhere")
