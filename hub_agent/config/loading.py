"""Reads the configuration file and names every mistake in it, each with its line and the way out.

Owns: the order of reading (text, TOML, sections, checks between sections) and the wording of mistakes.
Never: follows a reference, opens a device, or repeats a value that could be a secret or an identity.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from hub_agent.config import places
from hub_agent.config.checks import Finding, Parts, findings
from hub_agent.config.models import Config
from hub_agent.config.values import BY_REFERENCE, looks_secret
from hub_agent.driver import Driver
from hub_agent.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that must change.

    Attributes:
        file: the configuration file.
        line: counted from 1: of the key, or of the nearest thing round a missing one.
        key: the way to it, such as ``devices[1].driver``; empty for the file as a whole.
        reason: what is wrong.
        remedy: what to do about it; empty when the reason says it.
    """

    file: Path
    line: int
    key: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: {self.key}".rstrip(": ")
        return f"{where}: {self.reason}" + (f" ({self.remedy})" if self.remedy else "")


class MistakesError(ConfigError):
    """Everything that is wrong with one file, in the order of its lines."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


_SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing": "is missing",
        "string_type": "must be text in quotes",
        "int_type": "must be a whole number",
        "int_from_float": "must be a whole number",
        "bool_type": "must be true or false",
        "tuple_type": "must be a list",
        "dict_type": "must be a table",
        "model_type": "must be a table",
        "greater_than": "must be more than {gt}",
        "greater_than_equal": "must be at least {ge}",
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be at most {le}",
        "literal_error": "must be {expected}",
        "string_too_short": "must not be empty",
        "string_too_long": "must be at most {max_length} characters",
        "string_pattern_mismatch": "is not written as it must be",
        "hub": "{reason}",
    }
)


def load(path: Path, drivers: Mapping[str, Driver] | None = None) -> Config:
    """Read and judge a configuration.

    Args:
        path: the TOML file; relative paths in it start at its directory.
        drivers: the drivers there are. None leaves them unjudged, which suits the daemon: there an unknown driver
            parks its own device and nobody else's.

    Raises:
        MistakesError: names every mistake with file, line, key, reason and remedy.
        ConfigError: the file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}", hint="give the right path with --config"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text at byte {error.start}") from error
    return parse(text, path, drivers)


def parse(text: str, path: Path, drivers: Mapping[str, Driver] | None = None) -> Config:
    """Judge the text of a configuration as ``load`` does; ``path`` is where it is said to stand."""
    try:
        raw = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        number = int(line[1]) if line else text.count("\n") + 1
        raise MistakesError((Mistake(path, number, "", f"is not TOML: {error}", ""),)) from error
    found = [*_inline_secrets(raw), *_sections(raw, path.parent, drivers)]
    refuse(found, text, path)
    return Config.model_validate(raw, context={"base": path.parent})


def refuse(found: Sequence[Finding], text: str, path: Path) -> None:
    """Name what was found wrong with a configuration, each with its line; nothing where nothing was.

    Raises:
        MistakesError: something was.
    """
    if found:
        lines = places.places(text)
        mistakes = {  # a dict: the same mistake found twice is one, and their order is kept
            Mistake(path, places.line_of(lines, one.path), _spell(one.path), one.reason, one.remedy): None
            for one in found
        }
        raise MistakesError(tuple(sorted(mistakes, key=lambda mistake: mistake.line)))


def _spell(path: places.Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _inline_secrets(raw: object, path: places.Path = ()) -> Iterator[Finding]:
    """Find texts that are a key or a token, wherever they stand; they are never shown."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from _inline_secrets(value, (*path, key))
    elif isinstance(raw, list):
        for position, value in enumerate(raw):
            yield from _inline_secrets(value, (*path, position))
    elif isinstance(raw, str) and looks_secret(raw):
        yield Finding(path, "holds a secret", BY_REFERENCE)


def _sections(raw: dict[str, Any], base: Path, drivers: Mapping[str, Driver] | None) -> Iterator[Finding]:
    """Judge each section and each table of a list by itself, so that one mistake hides no other."""
    parts = Parts()
    for name in raw.keys() - Config.model_fields.keys():
        yield Finding((name,), *_unknown(name, list(Config.model_fields)))
    for name, field in Config.model_fields.items():
        model = _inner_model(field)
        if model is None:  # every field of Config is a section
            continue
        if name not in raw:
            if field.is_required():
                yield Finding((name,), "the section is missing", _needed(model))
        elif name in parts.tables:
            yield from _tables(name, model, raw[name], base, parts)
        else:
            parts.sections[name], wrong = _validated(model, raw[name], (name,), base)
            yield from wrong
    yield from findings(parts, drivers)


def _tables(name: str, model: type[BaseModel], tables: object, base: Path, parts: Parts) -> Iterator[Finding]:
    if not isinstance(tables, list):
        yield Finding((name,), "must be a list of tables", f"write its header as [[{name}]]")
        return
    parts.raw[name] = tables
    for position, table in enumerate(tables):
        parts.tables[name][position], wrong = _validated(model, table, (name, position), base)
        yield from wrong


def _validated(
    model: type[BaseModel], value: object, at: places.Path, base: Path
) -> tuple[BaseModel | None, list[Finding]]:
    try:
        return model.model_validate(value, context={"base": base}), []
    except ValidationError as error:
        return None, [_finding(model, detail, at) for detail in error.errors(include_url=False, include_input=False)]


def _finding(model: type[BaseModel], detail: ErrorDetails, at: places.Path) -> Finding:
    inner, field = _field(model, detail["loc"][:-1]), _field(model, detail["loc"])
    path = (*at, *detail["loc"])
    if detail["type"] == "extra_forbidden":
        owner = inner if isinstance(inner, type) else model
        return Finding(path, *_unknown(str(detail["loc"][-1]), list(owner.model_fields)))
    ctx = detail.get("ctx", {})
    reason = _SENTENCES.get(detail["type"], detail["msg"]).format(**ctx)
    remedy = ctx.get("remedy", "")
    if isinstance(field, type) and detail["type"] == "missing":
        remedy = _needed(field)
    elif isinstance(field, FieldInfo) and detail["type"] != "hub":
        remedy = field.description or ""
    return Finding(path, reason, remedy)


def _field(model: type[BaseModel], loc: tuple[int | str, ...]) -> FieldInfo | type[BaseModel] | None:
    """Find what a location names: a field, or the model of a table."""
    here: type[BaseModel] = model
    for number, part in enumerate(loc, start=1):
        field = here.model_fields.get(str(part))
        if field is None:
            return None
        inner = _inner_model(field)
        if number == len(loc):
            return inner or field
        if inner is None:
            return None
        here = inner
    return here


def _inner_model(field: FieldInfo) -> type[BaseModel] | None:
    """Give the model of a field that is a table, a table or nothing, or a list of tables."""
    for one in (field.annotation, *get_args(field.annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def _unknown(key: str, known: list[str]) -> tuple[str, str]:
    close = difflib.get_close_matches(key, known, n=1)
    return "unknown key", f'did you mean "{close[0]}"?' if close else f"there are: {', '.join(known)}"


def _needed(model: type[BaseModel]) -> str:
    return f"it needs {', '.join(name for name, field in model.model_fields.items() if field.is_required())}"
