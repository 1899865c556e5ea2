"""The table at the end of a run."""

import os
from pathlib import Path

import pytest

from tests.faults.table import ROWS, markdown, text

pytest.register_assert_rewrite(*(f"tests.faults.{name}" for name in ("bench", "brokers", "clocks", "trial", "wires")))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was booked; HUB_FAULTS_TABLE names a file that gets it as Markdown."""
    if not ROWS:
        return
    reports = [report for some in terminalreporter.stats.values() for report in some]
    took_s = sum(report.duration for report in reports if isinstance(report, pytest.TestReport))
    terminalreporter.section("faults", sep="─")
    terminalreporter.write_line(text(ROWS, took_s))
    file = os.environ.get("HUB_FAULTS_TABLE")
    if file:
        Path(file).write_text(markdown(ROWS, took_s), encoding="utf-8")
