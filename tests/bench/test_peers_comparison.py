from scripts.benchlib.figures import Row, Table, at_least
from scripts.benchlib.peers.comparison import Comparison
from scripts.benchlib.peers.trial import Amount

AMOUNT = Amount(home_s=10, busy_s=2, backlog=5000, crash_s=1)


def test_everybody_has_the_same_rows_and_what_was_not_found_is_a_dash() -> None:
    shown = Comparison("Peers", AMOUNT, {"one": {"drain": [900.0, 1000.0, 1100.0]}, "other": {}}).markdown()

    rows = [line for line in shown.splitlines() if line.startswith("|")]
    assert rows[0] == "| figure | one | other |"
    assert "| the same: drained at | 1,000 readings/s | - |" in rows
    assert {row.count("|") for row in rows} == {4}


def test_says_how_many_were_at_stake() -> None:
    shown = Comparison("Peers", AMOUNT, {"one": {"home lost": [3.0], "home twice": [0.0]}}).markdown()

    assert "| the same: lost · twice, of 80 | 3 · 0 |" in shown
    assert "of 200 |" in shown
    assert "of 100 |" in shown


def test_names_loudly_what_is_missing_and_why() -> None:
    shown = Comparison("Peers", AMOUNT, {"one": {}}, missing={"other": "npm is not installed"}).markdown()

    assert "**other is not in this table: npm is not installed**" in shown


def test_judges_ratios_of_the_same_run() -> None:
    targets = Table("", "other", [Row("deliver", [3000.0], "/s", [1000.0], at_least(30, of_limit=True))])

    shown = Comparison("Peers", AMOUNT, {"one": {}}, targets=targets).markdown()

    assert "| deliver | 3,000 /s | 3 \N{MULTIPLICATION SIGN} |" in shown
    assert shown.rstrip().endswith("| **no** |")
