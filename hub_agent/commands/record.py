"""What the hub remembers of a command, and what it tells of it.

Owns: the values between verification, the ledger, the desk and the NOC.
Never: stores, sends or decides.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from hub_agent.commands.claims import Args, Claims
from hub_agent.trust import Role

Result = Mapping[str, object]
"""What carrying out a command gave, JSON-able."""


class State(StrEnum):
    """How far a recorded command has come: ACCEPTED → RUNNING → DONE or FAILED.

    Before ACCEPTED it is only received: the broker still holds it, for nothing is acknowledged before the record is
    durable. So a row exists from ACCEPTED on.
    """

    ACCEPTED = "accepted"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Signer(NamedTuple):
    """A key whose signature held."""

    kid: str
    role: Role


class Command(NamedTuple):
    """A command that is authentic and for this hub, but not yet allowed.

    Attributes:
        claims: as signed.
        args: the arguments, as the op's own model.
        signers: whose signatures held, each key once.
        digest: SHA-256 of the signed claims, hexadecimal: what the command *is*, whatever its envelope.
    """

    claims: Claims
    args: Args
    signers: tuple[Signer, ...]
    digest: str

    @property
    def kids(self) -> tuple[str, ...]:
        """The signers' names, sorted."""
        return tuple(sorted(signer.kid for signer in self.signers))


class VerifiedCommand(NamedTuple):
    """A command that passed every check.

    Attributes:
        command: what to do.
        repeated: the ledger knows it already: nothing is to be done again.
    """

    command: Command
    repeated: bool


class Row(NamedTuple):
    """A command as the ledger has it.

    Attributes:
        jti: its name.
        op: what it asked for.
        digest: SHA-256 of its claims, hexadecimal.
        state: how far it came.
        result: what it gave; None until it is finished.
    """

    jti: str
    op: str
    digest: str
    state: State
    result: Result | None


class Seen(NamedTuple):
    """What the ledger knows beforehand.

    Attributes:
        row: the command of this ``jti``, None when it is new.
        high_water: the highest ``ctr`` recorded for each signer; a signer without one is absent.
    """

    row: Row | None
    high_water: Mapping[str, int]


class Recorded(NamedTuple):
    """What recording found.

    Attributes:
        new: it was not known; now it is, and the caller must carry it out.
        row: as it stands.
    """

    new: bool
    row: Row


class CommandResult(NamedTuple):
    """The answer to the NOC.

    Attributes:
        jti: which command.
        op: what it asked for.
        outcome: ``done``, ``failed`` or ``refused``.
        result: of the handler; ``{"code": …}`` for a refused one.
    """

    jti: str
    op: str
    outcome: str
    result: Result


class SecurityEvent(NamedTuple):
    """Something that should not have come.

    Only what is proven is told: ``kids`` once the signatures held, ``jti`` and ``op`` once the claims could be read.

    Attributes:
        code: a :class:`hub_agent.commands.refusal.Refusal`.
        kids: the signers.
        jti: the command's name.
        op: what it asked for.
        times: how many such messages this event stands for.
    """

    code: str
    kids: tuple[str, ...] = ()
    jti: str | None = None
    op: str | None = None
    times: int = 1
