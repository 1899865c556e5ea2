"""Values from other projects' tests and from captures, each with what the specification makes of it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from hub_agent.driver import DecodeError
from hub_drivers.formats import FORMATS

_VECTORS: Final[list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("foreign_vectors.json").read_text(encoding="utf-8"), parse_float=Decimal
)


def _name(vector: dict[str, Any]) -> str:
    return f"{vector['format']}-{vector['hex'][:40] or 'empty'}"


@pytest.mark.parametrize("vector", _VECTORS, ids=_name)
def test_is_answered_as_the_specification_says(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    if "error" in vector["expected"]:
        with pytest.raises(DecodeError):
            FORMATS[vector["format"]](data)
    else:
        fields = dict(FORMATS[vector["format"]](data))
        assert fields.pop("implausible", False) is vector.get("implausible", False)
        assert fields == vector["expected"]
