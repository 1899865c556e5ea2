"""Logs: events with typed fields, for journald and for people.

Owns: structlog's configuration and the list of fields that may appear in a log.
Never: lets a field through that is not on the list, so that no vital sign, patient or device identity can slip in.

Log transitions once (down, up), never a line per reading; and only what no caller can be told.
"""

import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final, Literal, TextIO, cast

# structlog takes rich where it finds it, a third of a second and 2 MiB, to draw what the daemon never draws.
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]  # import's own word for "not there"
import structlog  # noqa: E402

del sys.modules["rich"]
if _rich is not None:
    sys.modules["rich"] = _rich

SAFE_FIELDS: Final = frozenset(
    {
        "active", "clock", "code", "condition", "count", "device", "error", "event", "file", "hint", "journal",
        "level", "reason", "salvaged", "seq", "source", "state", "task", "timestamp", "version", "where", "whole",
        "why",
    }
)  # fmt: skip
"""What a log line may carry: the fields that are logged, and no others. ``device`` is the alias of the configuration,
never an address or a serial number; ``file`` is the name of a damaged outbox, which is a time."""


_FRAMES: Final = 12


def _placed(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Turn an exception into where it came from, the innermost first: its message and its values may be anything."""
    trouble = event.pop("exc_info", None)
    error = trouble if isinstance(trouble, BaseException) else sys.exc_info()[1] if trouble else None
    if error is not None:
        event["where"] = _frames(error.__traceback__)
    return event


def _frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)]


def _allow_listed(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Drop every field that is not on the list, and say how many were."""
    kept = {name: value for name, value in event.items() if name in SAFE_FIELDS}
    if len(kept) < len(event):
        kept["fields_dropped"] = len(event) - len(kept)
    return kept


class _Libraries(logging.Handler):
    """Takes what libraries log: that they did, from where and how loud. Their texts hold addresses and raw bytes."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say that a library had something to say."""
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        log = structlog.get_logger(task="library")
        log.log(record.levelno, "library_said", source=record.name, error=error)


class _StandardError:
    """Standard error as it is at each line: whoever replaces it takes the log along, and a closed one is not kept."""

    def write(self, text: str) -> int:
        """Write to it."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush it."""
        sys.stderr.flush()


def configure(level: str = "info", form: Literal["auto", "json", "console"] = "auto") -> None:
    """Send logs to standard error: JSON for journald, lines for people, coloured on a terminal."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    plain: Any = structlog.processors.JSONRenderer()
    renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if console else plain
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _placed,
            _allow_listed,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


def get_logger(task: str) -> Any:  # noqa: ANN401 - structlog's bound loggers are built at run time
    """Give a logger whose lines say which part of the hub speaks."""
    return structlog.get_logger(task=task)
