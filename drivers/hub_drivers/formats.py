"""Every wire format by name, for ``hub-agent decode --jsonl``.

Owns: the merged table. Never: decodes; each family brings its own ``FORMATS``.
"""

from collections.abc import Mapping
from typing import Final

from hub_agent.registry import FormatDecoder

FORMATS: Final[Mapping[str, FormatDecoder]] = {}
