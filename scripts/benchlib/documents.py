"""Puts what was measured into the documents, so that every figure there is the command's own.

Owns: the marks ``<!-- bench AREA -->`` and ``<!-- end AREA -->``, between which tables stand. Never: touches a word
outside of them.
"""

import re
from pathlib import Path
from typing import Final

DOCUMENTS: Final = (Path("docs/performance.md"), Path("docs/scale.md"))


def insert(area: str, text: str) -> None:
    """Replace what stands between an area's marks, in every document that has them.

    Raises:
        ValueError: no document has them.
    """
    between = re.compile(rf"(?<=<!-- bench {area} -->\n).*?(?=<!-- end {area} -->)", re.DOTALL)
    found = 0
    for path in DOCUMENTS:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after, times = between.subn(lambda _: f"\n{_lowered(text)}\n", before)
        found += times
        if times:
            path.write_text(after, encoding="utf-8")
    if not found:
        raise ValueError(f"no document has the marks of {area}")


def _lowered(text: str) -> str:
    """Leave headings to the document."""
    return "\n".join(line for line in text.strip().splitlines() if not line.startswith("## ")) + "\n"
