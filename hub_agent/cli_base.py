"""What the commands share: options, and how an error ends one.

Owns: the exit codes (0 ok, 1 failed, 2 wrong use). Never: knows a command.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Final, NoReturn, ParamSpec, TypeVar

import typer

from hub_agent.errors import ConfigError, HubError

P = ParamSpec("P")
T = TypeVar("T")

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration file.", show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DEFAULT_CONFIG: Final = Path("/etc/hub-agent/hub-agent.toml")


def fail(message: str, code: int) -> NoReturn:
    """End the command with a message."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def told(function: Callable[P, T]) -> Callable[P, T]:
    """Turn the hub's own errors into a message and an exit code; a bug keeps its traceback."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except ConfigError as error:
            fail(str(error), 2)
        except HubError as error:
            fail(str(error), 1)

    return call
