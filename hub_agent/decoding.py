"""Answers questions about bytes: the back of ``hub-agent decode``.

Owns: the shape of questions and answers. Never: decodes; formats and drivers do.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from hub_agent.captures import plain
from hub_agent.driver import SERIAL, Chunk, Emit, Moment, Rejected, sig_uuid
from hub_agent.errors import DecodeError, DriverError, HubError
from hub_agent.registry import FormatDecoder, Registry, load_drivers, load_formats

_SHORT_UUID = 4


@cache
def _formats() -> Mapping[str, FormatDecoder]:
    return load_formats()


@cache
def _registry() -> Registry:
    return load_drivers()


def format_names() -> Iterable[str]:
    """Name every wire format."""
    return _formats().keys()


def answer_line(line: str) -> dict[str, Any]:
    """Answer one line of JSON; whatever is wrong with it becomes the answer's ``error``."""
    try:
        question = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {"error": f"not JSON: {error}"}
    if not isinstance(question, dict):
        return {"error": "not an object"}
    return answer(question)


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Answer ``{"format", "hex"}`` or ``{"driver", "channel", "hex"}``."""
    if "hex" not in question:
        return {"error": "hex is missing"}
    try:
        data = bytes.fromhex(str(question["hex"]))
    except ValueError:
        return {"error": "hex is not hexadecimal: two digits a byte"}
    try:
        if "format" in question:
            return _by_format(str(question["format"]), data)
        if "driver" in question:
            return _by_driver(str(question["driver"]), str(question.get("channel", SERIAL)), data, question)
    except (ValueError, HubError) as error:
        return {"error": str(error)}
    return {"error": "give format, or driver and channel"}


def _by_format(name: str, data: bytes) -> dict[str, Any]:
    decoder = _formats().get(name)
    if decoder is None:
        return {"error": f"no format is called {name!r}; `hub-agent decode --list` names them"}
    try:
        fields = dict(decoder(data))
    except DecodeError as error:
        return {"error": str(error)}
    implausible = fields.pop("implausible", False)
    return {"fields": fields, "implausible": True} if implausible else {"fields": fields}


def _by_driver(name: str, channel: str, data: bytes, question: Mapping[str, Any]) -> dict[str, Any]:
    driver = _registry().driver(name)
    if len(channel) == _SHORT_UUID:
        channel = sig_uuid(int(channel, 16))
    options = question.get("options", {})
    if not isinstance(options, dict):
        return {"error": "options is not an object"}
    moment = Moment(0.0, None)
    try:
        session = driver.session(options)
        actions = [*session.opened(moment), *session.received(Chunk(channel, data, moment))]
    except HubError:
        raise
    except Exception as error:
        raise DriverError(f"driver {name!r} raised {type(error).__name__}: {error}") from error
    readings = [plain(action.reading) for action in actions if isinstance(action, Emit)]
    rejected = [action.reason for action in actions if isinstance(action, Rejected)]
    if rejected and not readings:
        return {"error": rejected[0]}
    return {"readings": readings}
