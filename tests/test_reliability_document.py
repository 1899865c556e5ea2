"""``docs/reliability.md`` names a test or a reason for each of its rows, and no test that is not there."""

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

from tests.faults.test_network import SCENARIOS

_TESTS = Path(__file__).parent
_TEXT = (_TESTS.parent / "docs" / "reliability.md").read_text(encoding="utf-8")
_ROWS = re.findall(r"^\| (\d+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", _TEXT, re.MULTILINE)
_NAMED = re.findall(r"`([\w/.]+\.py)::(\w+)`", _TEXT)


@lru_cache
def _functions(path: str) -> frozenset[str]:
    tree = ast.parse((_TESTS / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_the_list_is_whole() -> None:
    assert [int(number) for number, *_ in _ROWS] == list(range(1, 64))


@pytest.mark.parametrize(("number", "held"), [(row[0], row[3]) for row in _ROWS])
def test_each_row_names_a_test_or_says_why_not(number: str, held: str) -> None:
    assert re.search(r"`[\w/.]+\.py::\w+`", held), f"row {number} names no test"


@pytest.mark.parametrize(("path", "name"), sorted(set(_NAMED)))
def test_each_named_test_exists(path: str, name: str) -> None:
    assert (_TESTS / path).is_file(), path
    assert name in _functions(path)
    assert name.startswith("test_") or name in {scenario.__name__ for scenario in SCENARIOS}
