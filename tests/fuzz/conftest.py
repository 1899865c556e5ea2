"""Prints what a fuzzing run came to."""

import pytest

from tests.fuzz.measured import FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES.inputs:
        slow_s, slow = FIGURES.slowest
        size, heavy = FIGURES.heaviest
        terminalreporter.write_line(
            f"fuzz: {FIGURES.inputs.total()} inputs to {len(FIGURES.inputs)} targets; "
            f"slowest call {slow_s * 1e3:.1f} ms of CPU ({slow}); heaviest session {size / 1024:.1f} KiB ({heavy})"
        )
