"""The bell, the LED and the hook, on real files and a real process."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_agent.alarms.annunciator import Shown, Signal
from hub_agent.alarms.outputs import BURSTS, Bell, Hook, Led

HIGH = Signal(Shown.HIGH, Shown.HIGH)
CALM = Signal(Shown.CALM)
APPEND = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"


def test_the_bell_rings_a_burst_for_what_is_audible_and_nothing_else() -> None:
    stream = io.StringIO()
    bell = Bell(stream)
    bell(CALM, False)
    bell(Signal(Shown.HIGH), False)
    assert stream.getvalue() == ""
    bell(HIGH, True)
    assert stream.getvalue() == "\a" * BURSTS[Shown.HIGH]


@pytest.fixture
def led(tmp_path: Path) -> Path:
    for name in ("trigger", "brightness", "delay_on", "delay_off", "shot"):
        (tmp_path / name).write_text("", encoding="ascii")
    (tmp_path / "max_brightness").write_text("255\n", encoding="ascii")
    return tmp_path


def state(led: Path) -> tuple[str, str, str]:
    return tuple((led / name).read_text(encoding="ascii") for name in ("trigger", "delay_on", "delay_off"))  # type: ignore[return-value]


def test_urgent_signals_flash_by_the_kernel_each_in_its_own_way(led: Path) -> None:
    output, seen = Led(led), set()
    for shown in (Shown.HIGH, Shown.MEDIUM, Shown.UNMONITORED):
        output(Signal(shown), False)
        trigger, on, off = state(led)
        assert trigger == "timer"
        seen.add((on, off))
    assert len(seen) == 3


def test_low_is_steady_at_full_brightness(led: Path) -> None:
    Led(led)(Signal(Shown.LOW), False)
    assert (led / "trigger").read_text(encoding="ascii") == "none"
    assert (led / "brightness").read_text(encoding="ascii") == "255"


def test_calm_blinks_only_while_it_is_told_so(led: Path) -> None:
    output = Led(led)
    output(CALM, False)
    assert state(led)[0] == "oneshot"
    (led / "shot").write_text("", encoding="ascii")
    output(CALM, True)
    assert (led / "shot").read_text(encoding="ascii") == "1"


def test_the_same_again_leaves_the_kernel_alone(led: Path) -> None:
    output = Led(led)
    output(HIGH, False)
    (led / "trigger").write_text("untouched", encoding="ascii")
    output(HIGH, True)
    assert (led / "trigger").read_text(encoding="ascii") == "untouched"


def test_a_led_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="trigger"):
        Led(tmp_path / "none")(HIGH, False)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[tuple[Hook, Path]]:
    hook = Hook((sys.executable, "-c", APPEND, str(tmp_path / "log")))
    yield hook, tmp_path / "log"
    hook.close()


def ended(hook: Hook) -> None:
    assert hook._running is not None
    hook._running.wait(timeout=100)


def test_the_hook_is_given_the_signal_at_each_change_and_while_audible(log: tuple[Hook, Path]) -> None:
    hook, path = log
    for signal, same in ((CALM, False), (HIGH, False), (HIGH, True), (CALM, False)):
        hook(signal, same)
        ended(hook)
    hook(CALM, True)
    assert hook._running is None
    assert path.read_text(encoding="utf-8").splitlines() == ["calm", "high audible", "high audible", "calm"]


def test_a_change_while_the_command_runs_is_made_up_for(tmp_path: Path) -> None:
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    wait = "import sys; open(sys.argv[1]).read() if sys.argv[3] == 'high audible' else None; " + APPEND.replace(
        "sys.argv[1]", "sys.argv[2]"
    ).replace("sys.argv[2] +", "sys.argv[3] +")
    hook = Hook((sys.executable, "-c", wait, str(fifo), str(tmp_path / "log")))
    hook(HIGH, False)
    hook(CALM, False)  # the command still waits: passed over
    fifo.write_text("", encoding="ascii")
    ended(hook)
    hook(CALM, True)
    ended(hook)
    hook.close()
    assert (tmp_path / "log").read_text(encoding="utf-8").splitlines() == ["high audible", "calm"]


def test_a_command_that_fails_or_cannot_start_is_an_os_error() -> None:
    hook = Hook((sys.executable, "-c", "raise SystemExit(3)"))
    hook(HIGH, False)
    ended(hook)
    with pytest.raises(OSError, match="ended with 3"):
        hook(CALM, False)
    hook.close()
    with pytest.raises(OSError, match="no-such-command"):
        Hook(("/no-such-command",))(HIGH, False)


def test_a_command_that_never_ends_is_ended() -> None:
    hook = Hook((sys.executable, "-c", "import signal; signal.pause()"), patience_s=0.1)
    hook(HIGH, False)
    hook.close()
    assert hook._running is not None
    assert hook._running.returncode == -9
