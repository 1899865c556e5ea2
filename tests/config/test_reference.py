"""The commented reference and the models say the same."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from hub_agent.alarms import bounds
from hub_agent.config import Config, parse
from hub_agent.config.loading import _inner_model

FILE = Path(__file__).parents[2] / "config" / "hub-agent.toml"
TEXT = FILE.read_text(encoding="utf-8")


def sections(model: type[BaseModel], path: str = "") -> list[tuple[str, type[BaseModel]]]:
    found = []
    for name, field in model.model_fields.items():
        inner = _inner_model(field)
        if inner is not None:
            found += [(f"{path}{name}", inner), *sections(inner, f"{path}{name}.")]
    return found


def body(section: str) -> str:
    """Give what stands under all headers of a section, comments included."""
    parts = re.split(r"^(\[\[?[a-z.]+\]\]?)$", TEXT, flags=re.MULTILINE)
    return "".join(text for header, text in zip(parts[1::2], parts[2::2], strict=True) if header.strip("[]") == section)


OPTIONS = [
    (section, name, field)
    for section, model in sections(Config)
    for name, field in model.model_fields.items()
    if _inner_model(field) is None
]


def test_it_is_a_good_configuration_with_limits_within_their_bounds() -> None:
    config = parse(TEXT, FILE)
    assert len(config.devices) == 2
    assert config.alarm_limits() == bounds.checked(config.alarm_limits())


@pytest.mark.parametrize(("section", "name", "field"), OPTIONS, ids=[f"{one[0]}.{one[1]}" for one in OPTIONS])
def test_every_option_stands_there_explained_and_with_its_true_default(section: str, name: str, field: Any) -> None:  # noqa: ANN401 - FieldInfo's type parameters are private
    assert field.description
    if name == "options":
        assert "# [devices.options]" in TEXT
        return
    shown = re.search(rf"^#[^\n]*\n(?:# [^\n]*\n|[a-z_]+ = [^\n]*\n)*?(# )?{name} = (.+)$", body(section), re.MULTILINE)
    assert shown is not None, "not in the reference, or without a comment above"
    if field.default is PydanticUndefined:
        assert shown[1] is None, "needed, so it must be set"
    if shown[1] is not None and field.default is not None:
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        value = tomllib.loads(f"k = {shown[2]}", parse_float=Decimal)["k"]
        assert value == (str(default) if isinstance(default, Path) else default)


def test_nothing_stands_there_that_is_no_option() -> None:
    known = {(section, name) for section, model in sections(Config) for name in model.model_fields}
    for section in {section for section, _ in sections(Config)}:
        for name in re.findall(r"^(?:# )?([a-z_]+) = ", body(section), re.MULTILINE):
            assert (section, name) in known


def test_every_choice_is_named() -> None:
    for section, name, field in OPTIONS:
        for choice in get_args(field.annotation):
            if isinstance(choice, str):
                assert f'"{choice}"' in body(section), f"{section}.{name}"
