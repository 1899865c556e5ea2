"""The house rules that no linter knows: sizes, the tree and its documents in step, the locks and theirs.

Owns: what ``scripts/check`` asks for beside format, lint, types and import contracts.
Never: imports the project, or changes a file.
"""

import ast
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

MODULE_LINES: Final = 300
FUNCTION_LINES: Final = 50
LARGER: Final[Mapping[str, str]] = {
    "hub_agent/alarms/book.py": "the one owner of alarm state; what can be told alone is in register, state and off",
    "hub_agent/wire.py": "the layout of a body in both directions, to be read beside docs/wire.md",
    "hub_agent/driver.py": "the whole plugin contract, to be read in one sitting by driver authors",
}
"""Modules that may be larger, each with its reason."""

SIZED: Final = ("hub_agent/", "drivers/", "scripts/")
LOCKS: Final = ("build", "run", "demo", "test", "check")
_LINK: Final = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
_QUOTED: Final = re.compile(r"`([\w./-]+)`")
_TYPED: Final = re.compile(r"(?:`|^\$ )(hub-agent|hub-noc) ([a-z0-9]+)", re.MULTILINE)
_PROGRAMS: Final = {"hub-agent": "hub_agent/cli.py", "hub-noc": "hub_agent/noc/cli.py"}


def tracked() -> list[str]:
    """List the repository's files, new ones included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603 - constant
    return sorted(path for path in set(listed.splitlines()) if Path(path).exists())


def sizes() -> Iterator[str]:
    """Find modules and functions that have grown too large to hold in mind (docstrings do not count for functions)."""
    for path in tracked():
        if not path.endswith(".py") or not path.startswith(SIZED):
            continue
        source = Path(path).read_text(encoding="utf-8")
        lines = source.count("\n")
        if lines > MODULE_LINES and path not in LARGER:
            yield f"{path}: {lines} lines; the limit is {MODULE_LINES}: one noun a file"
        if lines <= MODULE_LINES and path in LARGER:
            yield f"{path}: {lines} lines; it needs no exception any more"
        for node in ast.walk(ast.parse(source, path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _length(node) > FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {_length(node)} lines; the limit is {FUNCTION_LINES}"


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    docstring = 0
    if ast.get_docstring(node) is not None:
        docstring = (first.end_lineno or first.lineno) - first.lineno + 1
    return (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


def tree() -> Iterator[str]:
    """Find what ``docs/architecture.md`` does not place: each top-level path and each part of ``hub_agent``."""
    text = Path("docs/architecture.md").read_text(encoding="utf-8")
    words = set(re.findall(r"[\w.-]+", text))
    files = tracked()
    for name in sorted({path.split("/")[0] for path in files}):
        if name not in words:
            yield f"docs/architecture.md: does not say what {name} is"
    parts = {path.split("/")[1].removesuffix(".py") for path in files if path.startswith("hub_agent/")}
    for name in sorted(parts - {"__init__", "__main__", "py.typed"}):
        if name not in words and f"{name}.py" not in words:
            yield f"docs/architecture.md: does not place hub_agent/{name}"


def _commands(path: str) -> set[str]:
    """Name the commands that a typer program has: decorated functions and added groups."""
    found = set()
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"), path)):
        if isinstance(node, ast.FunctionDef) and any(".command(" in ast.unparse(made) for made in node.decorator_list):
            found.add(node.name)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".add_typer", ".command")):
            found |= {str(ast.literal_eval(given.value)) for given in node.keywords if given.arg == "name"}
            found |= {str(ast.literal_eval(given)) for given in node.args if isinstance(given, ast.Constant)}
    return found


def documents() -> Iterator[str]:
    """Find links, quoted paths and typed commands in the documents that lead nowhere."""
    files = tracked()
    commands = {program: _commands(path) for program, path in _PROGRAMS.items()}
    tops = {path.split("/")[0] for path in files if "/" in path}
    for path in (path for path in files if path.endswith(".md")):
        text = Path(path).read_text(encoding="utf-8")
        for target in _LINK.findall(text):
            if not (Path(path).parent / target).exists():
                yield f"{path}: the link to {target} leads nowhere"
        for quoted in _QUOTED.findall(text):
            if "/" in quoted and quoted.split("/")[0] in tops and not Path(quoted).exists():
                yield f"{path}: names {quoted}, which does not exist"
        for program, command in _TYPED.findall(text):
            if command not in commands[program]:
                yield f"{path}: {program} has no command {command}"


def fingerprint() -> str:
    """Say in one word what the locks were made from: every declared dependency."""
    declared = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    project = declared["project"]
    inputs = [
        project["requires-python"],
        project["dependencies"],
        project.get("optional-dependencies", {}),
        declared.get("dependency-groups", {}),
    ]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]


def locks() -> Iterator[str]:
    """Find locks that are older than what ``pyproject.toml`` declares, or that say where things are downloaded."""
    wanted = f"# inputs: {fingerprint()}"
    for name in LOCKS:
        text = Path(f"requirements/{name}.lock").read_text(encoding="utf-8")
        if wanted not in text.splitlines()[:3]:
            yield f"requirements/{name}.lock: older than pyproject.toml; run scripts/lock"
        if re.search(r"://|--index-url|--find-links|^/", text, re.MULTILINE):
            yield f"requirements/{name}.lock: names a download address or a path"


CHECKS: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "sizes": sizes,
    "tree": tree,
    "documents": documents,
    "locks": locks,
}


def main(names: list[str]) -> int:
    """Run the named checks; ``fingerprint`` prints the word for the locks instead."""
    if names == ["fingerprint"]:
        print(fingerprint())
        return 0
    faults = [fault for name in names for fault in CHECKS[name]()]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
