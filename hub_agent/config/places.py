"""Finds the line on which each key of a TOML document stands, so that a mistake can be shown where it is.

Owns: the walk over the text; tomllib gives values without places.
Never: judges or converts a value. The text must have been accepted by tomllib before: of a valid document this walk
finds every key, of an invalid one nothing is promised.

Grammar: TOML 1.0.0 (toml.io/en/v1.0.0), keys, tables, arrays of tables, inline tables, the four kinds of string.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Final

Path = tuple[str | int, ...]
"""The way to a value: keys, and positions in arrays counted from 0."""

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_PART: Final = re.compile(r'[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_DOT: Final = re.compile(r"[ \t]*\.[ \t]*")
_BARE: Final = re.compile(r"[^,\]}#\n]+")


class _Walk:
    """One pass over a document."""

    def __init__(self, text: str) -> None:
        self.found: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._rows: dict[Path, int] = {}  # arrays of tables → tables seen so far

    def document(self) -> None:
        """Walk over all of it."""
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text.startswith("[[", self._at):
                table = self._header(2)
            elif self._text[self._at] == "[":
                table = self._header(1)
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match.group()

    def _note(self, path: Path) -> None:
        line = self._text.count("\n", 0, self._at) + 1
        for length in range(1, len(path) + 1):
            self.found.setdefault(path[:length], line)

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            part = self._skip(_PART)
            if part[:1] in {'"', "'"}:  # let tomllib undo the quoting
                part = tomllib.loads(f"k = {part}")["k"]
            parts.append(part)
            if not self._skip(_DOT):
                return tuple(parts)

    def _header(self, brackets: int) -> Path:
        self._at += brackets
        self._skip(_BLANK)
        path: Path = ()
        keys = self._key()
        for number, key in enumerate(keys, start=1):
            path = (*path, key)
            if path in self._rows:
                if brackets == 2 and number == len(keys):  # noqa: PLR2004 - two brackets: the next table of an array
                    self._rows[path] += 1
                path = (*path, self._rows[path])
            elif brackets == 2 and number == len(keys):  # noqa: PLR2004 - the first one
                self._rows[path] = 0
                path = (*path, 0)
        self._note(path)
        self._skip(_BLANK)
        self._at += brackets
        return path

    def _pair(self, table: Path) -> None:
        start = self._at
        path = (*table, *self._key())
        end, self._at = self._at, start
        self._note(path)
        self._at = end
        self._skip(_BLANK)
        self._at += 1  # the equals sign
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: Path) -> None:
        opening = self._text[self._at]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        elif not self._skip(_STRING):
            self._skip(_BARE)

    def _array(self, path: Path) -> None:
        self._at += 1
        self._skip(_BLANK)
        position = 0
        while self._text[self._at] != "]":
            self._note((*path, position))
            self._value((*path, position))
            position += 1
            self._separator()
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        self._skip(_BLANK)
        while self._text[self._at] != "}":
            self._pair(path)
            self._separator()
        self._at += 1

    def _separator(self) -> None:
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)


def places(text: str) -> Mapping[Path, int]:
    """Give the line, counted from 1, of every key, table and array element of a valid TOML document."""
    walk = _Walk(text.replace("\r\n", "\n"))
    walk.document()
    return walk.found


def line_of(found: Mapping[Path, int], path: Path) -> int:
    """Give the line of a path, or of the nearest thing round it that stands in the text; 1 when nothing does."""
    while path:
        if path in found:
            return found[path]
        path = path[:-1]
    return 1
