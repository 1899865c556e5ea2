"""The walk over the text finds every key, where it stands."""

import re
import tomllib
from pathlib import Path as File
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.config.places import Path, line_of, places

DOCUMENT = '''\
# a comment with [a.header] and key = 1
top = 1

[a]
"quoted key" = "x # no comment"
b.c = [1,
  2, # two
  [3],
]
d = { e = 1, f = { g = "}" } }
long = """
[not.a.header]
k = 2
"""
raw = \'\'\'
it's
\'\'\'
after = 1979-05-27

[[list]]
x = 1
[list.sub]
y = 2
[[list]]
x = 1
[[list.inner]]
z = 1
[[list.inner]]
z = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("a",), 4),
        (("a", "quoted key"), 5),
        (("a", "b", "c"), 6),
        (("a", "b", "c", 1), 7),
        (("a", "b", "c", 2, 0), 8),
        (("a", "d", "f", "g"), 10),
        (("a", "long"), 11),
        (("a", "after"), 18),
        (("list", 0), 20),
        (("list", 0, "sub", "y"), 23),
        (("list", 1), 24),
        (("list", 1, "inner", 0, "z"), 27),
        (("list", 1, "inner", 1, "z"), 29),
    ],
)
def test_lines(path: Path, line: int) -> None:
    assert places(DOCUMENT)[path] == line


def test_what_does_not_stand_there_is_where_the_nearest_thing_round_it_is() -> None:
    found = places(DOCUMENT)
    assert line_of(found, ("list", 1, "missing")) == 24
    assert line_of(found, ("nowhere", "at all")) == 1


def test_windows_line_ends() -> None:
    assert places(DOCUMENT.replace("\n", "\r\n")) == places(DOCUMENT)


def paths(value: Any, path: Path = ()) -> set[Path]:  # noqa: ANN401 - any TOML value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path}.union(*(paths(inner, (*path, key)) for key, inner in items))


def test_the_reference_file_is_found_whole() -> None:
    text = (File(__file__).parents[2] / "config" / "hub-agent.toml").read_text(encoding="utf-8")
    assert set(places(text)) == paths(tomllib.loads(text)) - {()}


KEYS = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True) | st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=5
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.just("\n"), max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.integers(-9, 9) | st.booleans() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
SECTIONS = st.dictionaries(KEYS, VALUES, max_size=4)
DOCUMENTS = st.dictionaries(
    KEYS, SECTIONS | st.lists(st.dictionaries(KEYS, VALUES, max_size=3), min_size=1, max_size=3), max_size=4
)


def quoted(text: str) -> str:
    escaped = re.sub(r'["\\]', lambda match: "\\" + match[0], text)
    return '"' + escaped.replace("\n", "\\n") + '"'


def key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else quoted(text)


class Writer:
    """Writes TOML in all the ways a person might, and notes where each key came to stand."""

    def __init__(self, data: st.DataObject) -> None:
        self.text, self.lines, self._data = "", dict[Path, int](), data

    def note(self, path: Path) -> None:
        self.lines[path] = self.text.count("\n") + 1

    def pick(self, *choices: str) -> None:
        self.text += self._data.draw(st.sampled_from(choices))

    def value(self, value: Any, path: Path) -> None:  # noqa: ANN401 - any TOML value
        if isinstance(value, dict):
            self.text += "{"
            for place, (name, inner) in enumerate(value.items()):
                self.text += "," * bool(place) + " "
                self.note((*path, name))
                self.text += f"{key(name)} = "
                self.value(inner, (*path, name))
            self.text += " }"
        elif isinstance(value, list):
            self.text += "["
            for place, inner in enumerate(value):
                self.pick("", "\n", " # ] }\n", " ")
                self.note((*path, place))
                self.value(inner, (*path, place))
                self.text += ","
            self.pick("", "\n")
            self.text += "]"
        elif isinstance(value, str):
            if "'" not in value and self._data.draw(st.booleans()):
                self.text += f"'''{value}'''"
            else:
                self.text += quoted(value)
        else:
            self.text += str(value).lower()

    def table(self, header: str, table: dict[str, Any], path: Path) -> None:
        self.pick("", "\n", "# [comment]\n", " ")
        self.note(path)
        self.text += f"{header}\n"
        for name, inner in table.items():
            self.pick("", "\n", "  ")
            self.note((*path, name))
            self.text += f"{key(name)} = "
            self.value(inner, (*path, name))
            self.pick("\n", " # k = 1\n", "\n\n")

    def document(self, document: dict[str, Any]) -> None:
        for name, section in document.items():
            if isinstance(section, dict):
                self.table(f"[{key(name)}]", section, (name,))
                continue
            for place, table in enumerate(section):
                self.table(f"[[ {key(name)} ]]", table, (name, place))
            self.lines[(name,)] = self.lines[name, 0]


@given(DOCUMENTS, st.data())
def test_every_key_of_every_document_is_found_on_its_line(document: dict[str, Any], data: st.DataObject) -> None:
    writer = Writer(data)
    writer.document(document)
    assert tomllib.loads(writer.text) == document
    assert places(writer.text) == writer.lines
