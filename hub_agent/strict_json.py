"""JSON from strangers: one way to read it, or none.

Owns: the reading of JSON that crosses a border of trust (commands, key bundles).
Never: repairs, guesses or reads on after a fault.

The rules are those of I-JSON (RFC 7493): UTF-8, no member name twice, no lone surrogate, integers that every reader
holds exactly. Two rules are stricter: no number with a fraction or an exponent (exact decimals travel as strings, so
``1e400`` and ``NaN`` have no meaning to argue about), and a bound on the nesting, checked before the parser runs so
that no input can reach its recursion.
"""

import json
from typing import Final, NoReturn, TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

EXACT: Final = 2**53 - 1
"""The largest integer that an IEEE 754 double holds together with its neighbours (RFC 7493 §2.2)."""

_EXACT_DIGITS: Final = len(str(-EXACT))


class NestingError(ValueError):
    """Brackets within brackets, deeper than asked for."""


def loads(text: bytes, *, depth: int) -> Json:
    """Read one JSON value.

    Args:
        text: UTF-8 without a byte order mark.
        depth: how many arrays and objects may be open at once; a scalar needs 0.

    Raises:
        NestingError: deeper than ``depth``.
        ValueError: anything else that the rules above forbid. The message never holds a piece of ``text``.
    """
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    _check_depth(decoded, depth)
    try:
        value: Json = json.loads(
            decoded,
            object_pairs_hook=_unique,
            parse_int=_exact,
            parse_float=_no_fraction,
            parse_constant=_no_fraction,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at character {error.pos}") from None
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate in a string") from None
    return value


def _check_depth(text: str, bound: int) -> None:
    depth, in_string, escaped = 0, False, False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > bound:
                raise NestingError(f"nested deeper than {bound}")
        elif character in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name appears twice in one object")
    return members


def _exact(digits: str) -> int:
    # The length first: int() of a long run of digits takes quadratic time.
    if len(digits) > _EXACT_DIGITS or abs(int(digits)) > EXACT:
        raise ValueError("an integer beyond 2^53 - 1")
    return int(digits)


def _no_fraction(_: str) -> NoReturn:
    raise ValueError("a number that is no integer; decimals travel as strings")
