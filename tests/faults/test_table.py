from tests.faults.table import WIDTH, Row, markdown, text

ROWS = [
    Row("ENOSPC at fdatasync", 5, 11, 0, 0),
    Row("a wire " * 20, 1_000, 123_456_789, 99_999, 99_999, 1234.56, "healed → charted"),
]


def test_it_fits_a_terminal_and_gives_totals() -> None:
    lines = text(ROWS, 754.3).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[2].split() == ["ENOSPC", "at", "fdatasync", "5", "11", "0", "0"]
    assert lines[-2].split() == ["total", "1", "005", "123", "456", "800", "99", "999", "99", "999"]
    assert lines[-1] == "in 12 min 34 s"


def test_a_document_gets_the_same_figures() -> None:
    lines = markdown(ROWS, 59.9).splitlines()
    assert lines[2] == "| ENOSPC at fdatasync | 5 | 11 | 0 | 0 |  |  |"
    assert lines[3].endswith("| 1 000 | 123 456 789 | 99 999 | 99 999 | 1234.56 s | healed → charted |")
    assert len({line.count("|") for line in lines[:5]}) == 1
    assert lines[-1] == "in 0 min 59 s"
