"""What may appear in a log."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from hub_agent import logs

_CANARY = "SpO2 83, patient Q7, F0:0D:CA:FE:00:01"


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def _logged(capsys: pytest.CaptureFixture[str]) -> tuple[str, list[dict[str, Any]]]:
    text = capsys.readouterr().err
    return text, [json.loads(line) for line in text.splitlines()]


def test_a_field_that_is_not_on_the_list_is_dropped_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    logs.get_logger("runner").info("reading_taken", device="oximeter", value=83, address=_CANARY, patient=_CANARY)
    text, (line,) = _logged(capsys)
    assert _CANARY not in text
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "reading_taken",
        "device": "oximeter",
        "task": "runner",
        "level": "info",
        "fields_dropped": 3,
    }


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_bug_is_logged_by_its_place_and_not_by_its_values(
    capsys: pytest.CaptureFixture[str],
    form: Any,  # noqa: ANN401 - a literal
) -> None:
    logs.configure("info", form)

    def decode(value: str) -> None:
        raise ValueError(f"cannot decode {value}")

    try:
        decode(_CANARY)
    except ValueError as error:
        logs.get_logger("runner").exception("task_failed", error="ValueError")
        logs.get_logger("daemon").critical("hub_failed", exc_info=error)
    text = capsys.readouterr().err
    assert _CANARY not in text
    assert "Traceback" not in text
    assert text.count("test_logs.py") == 4  # two frames each
    assert text.index(" decode") < text.index("test_a_bug_is_logged")


def test_a_lower_level_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "json")
    logs.get_logger("x").info("quiet")
    logs.get_logger("x").warning("loud")
    _, lines = _logged(capsys)
    assert [line["event"] for line in lines] == ["loud"]


def test_no_name_of_a_value_is_on_the_list() -> None:
    assert not logs.SAFE_FIELDS & {"value", "address", "serial", "name", "patient", "hex", "data", "payload", "message"}


def _fields_of(source: str) -> set[str]:
    """Name the fields that a module gives to a logger: the keywords of calls such as ``_log.info(…)``."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return {
        keyword.arg
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in {"log", "_log"}
        for keyword in call.keywords
        if keyword.arg
    }


def test_the_list_holds_the_fields_that_are_logged_and_no_others() -> None:
    modules = Path(logs.__file__).parent.rglob("*.py")
    logged = set[str]().union(*(_fields_of(module.read_text(encoding="utf-8")) for module in modules))
    assert "why" in logged
    by_the_logger_itself = {"event", "level", "timestamp", "task", "where"}
    assert (logged - {"exc_info"}) | by_the_logger_itself == logs.SAFE_FIELDS
