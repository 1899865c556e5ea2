"""The command ``hub-noc``: the other end, for operators, demos and tests.

Owns: arguments, screens and exit codes (0 ok, 1 failed, 2 wrong use).
Never: holds logic that a test would need a terminal for.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn, ParamSpec, TypeVar

import typer

from hub_agent.errors import ConfigError, HubError
from hub_agent.topics import DEFAULT_PREFIX
from hub_agent.trust import BUNDLE_NAME, Role

P = ParamSpec("P")
T = TypeVar("T")

app = typer.Typer(
    name="hub-noc",
    help="The other end: collects from hubs, commands them, watches them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
hub_app = typer.Typer(help="The register of hubs.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(hub_app, name="hub")

KEYS: Final = Path("noc-keys")
STORE: Final = Path("noc.db")

StoreOption = Annotated[Path, typer.Option("--store", metavar="FILE", help="The NOC's database.", show_default=True)]
KeysOption = Annotated[Path, typer.Option("--keys", metavar="DIR", help="The NOC's private keys.", show_default=True)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
HubArgument = Annotated[str, typer.Argument(metavar="HUB_ID", help="The hub.")]


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _told(function: Callable[P, T]) -> Callable[P, T]:
    """Turn the hub's own errors into a message and an exit code; a bug keeps its traceback."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except ConfigError as error:
            _fail(str(error), 2)
        except HubError as error:
            _fail(str(error), 1)

    return call


def _say(as_json: bool, value: dict[str, Any], text: str) -> None:  # noqa: FBT001 - one switch, spelled at each call
    typer.echo(json.dumps(value) if as_json else text)


@app.command()
@_told
def keygen(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Made, or empty; mode 0700.")] = KEYS,
    classic: Annotated[bool, typer.Option("--x25519", help="X25519 alone, without the post-quantum half.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make every key of a NOC, and the public bundle for its hubs.

    Example: hub-noc keygen noc-keys
    """
    from hub_agent.noc.keyring import keygen as make

    ring = make(directory, "X25519" if classic else "MLKEM768_X25519")
    bundle = directory / BUNDLE_NAME
    kids = [*(part.kid for part in ring.trust.recipients), ring.trust.confirm.kid]
    kids += [part.kid for part in ring.trust.commands]
    text = f"Made {len(kids)} keys in {directory}. Copy {bundle} to each hub; keep recovery-*.pem elsewhere."
    _say(as_json, {"directory": str(directory), "bundle": str(bundle), "kids": kids}, text)


@hub_app.command("add")
@_told
def hub_add(
    hub_id: HubArgument,
    public_key: Annotated[Path, typer.Argument(metavar="FILE", help="Its public key, PEM; - for standard input.")],
    store: StoreOption = STORE,
    replace: Annotated[bool, typer.Option("--replace", help="Take another key for a hub that is known.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Register a hub by its public key.

    Example: hub-agent identity identity.pem | hub-noc hub add hub-0001 -
    """
    from hub_agent.clock import SystemClock
    from hub_agent.noc.hubs import load_public_key
    from hub_agent.noc.store import Store

    try:
        pem = sys.stdin.buffer.read() if str(public_key) == "-" else public_key.read_bytes()
    except OSError as error:
        raise ConfigError(f"{public_key}: {error.strerror}") from error
    key = load_public_key(pem, str(public_key))
    with Store(store) as opened, opened.transaction():
        opened.hubs.add(hub_id, key, SystemClock().stamp().wall_ns // 1_000_000, replace=replace)
    _say(as_json, {"hub": hub_id, "public": key.public_bytes_raw().hex()}, f"{hub_id} is registered.")


@hub_app.command("list")
@_told
def hub_list(store: StoreOption = STORE, as_json: JsonOption = False) -> None:
    """List the registered hubs and when each last sent a heartbeat.

    Example: hub-noc hub list
    """
    from hub_agent.noc.store import Store
    from hub_agent.spelling import instant

    with Store(store) as opened, opened.look():
        rows = [{"hub": seen.name, "heartbeat_at": instant(seen.health_ms)} for seen in opened.hubs.seen()]
    if as_json:
        typer.echo(json.dumps({"hubs": rows}))
    else:
        typer.echo("\n".join(f"{row['hub']:32} {row['heartbeat_at'] or 'never'}" for row in rows))


@hub_app.command("acknowledge")
@_told
def hub_acknowledge(hub_id: HubArgument, store: StoreOption = STORE, as_json: JsonOption = False) -> None:
    """Clear a hub's faults, after somebody has looked at it, and give up what is lost.

    Example: hub-noc hub acknowledge hub-0001
    """
    from hub_agent.clock import SystemClock
    from hub_agent.noc.gaps import acknowledge
    from hub_agent.noc.store import Store

    with Store(store) as opened, opened.transaction():
        cleared, given_up = acknowledge(opened, hub_id, SystemClock().stamp().wall_ns // 1_000_000)
    text = f"{hub_id}: {cleared} cleared." + (f" {given_up} lost batch numbers given up." if given_up else "")
    _say(as_json, {"hub": hub_id, "cleared": cleared, "given_up": given_up}, text)


@app.command()
@_told
def collect(
    keys: KeysOption = KEYS,
    store: StoreOption = STORE,
    host: Annotated[str, typer.Option(help="The broker.", show_default=True)] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="The broker's port; 8883 with TLS and 1883 without, unless given.", show_default=False)
    ] = 0,
    ca: Annotated[Path | None, typer.Option(metavar="FILE", help="The broker's authority, PEM.")] = None,
    certificate: Annotated[Path | None, typer.Option("--cert", metavar="FILE", help="Our certificate, PEM.")] = None,
    private_key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Its private key, PEM.")] = None,
    prefix: Annotated[str, typer.Option(help="The topics begin with it.", show_default=True)] = DEFAULT_PREFIX,
    protocol: Annotated[str, typer.Option(help="5 or 3.1.1.", show_default=True)] = "5",
    confirm_within_s: Annotated[
        float,
        typer.Option(
            "--confirm-within", metavar="S", min=0.05, max=3600, help="How long a confirmation may wait for company."
        ),
    ] = 0.05,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing; the store has it all.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Collect from all hubs until interrupted.

    What comes is opened, charted once, confirmed, and printed.

    With --json each line is a JSON object (docs/wire.md §9). Without --ca, --cert and --key the connection is plain.

    Example: hub-noc collect --keys noc-keys --host broker.example --ca ca.pem --cert noc.pem --key noc.key --json
    """
    from hub_agent.noc.access import profile_of
    from hub_agent.noc.service import Printing, collect_until_stopped

    profile = profile_of(host, port, ca, certificate, private_key, protocol)
    printing = Printing.NOTHING if quiet else Printing.JSON if as_json else Printing.TEXT
    asyncio.run(collect_until_stopped(keys, store, profile, prefix, confirm_within_s, printing))


@app.command()
@_told
def send(
    hub_id: HubArgument,
    op: Annotated[str, typer.Argument(metavar="OP", help="What to do; a wrong one lists them all.")],
    arguments: Annotated[str, typer.Argument(metavar="ARGS", help="JSON object, or @FILE.")] = "{}",
    reason: Annotated[str, typer.Option(help="A ticket, for the audit trail; never about a patient.")] = "unspecified",
    role: Annotated[list[Role] | None, typer.Option(help="Who signs; twice for dual control.")] = None,
    nonce: Annotated[str | None, typer.Option(help="The hub's session, for one whose clock is not set.")] = None,
    lifetime_s: Annotated[
        int, typer.Option("--lifetime", metavar="S", min=1, help="How long the command is valid.")
    ] = 900,
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0.0, help="How long to wait for the answer.")
    ] = 30.0,
    keys: KeysOption = KEYS,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Command a hub: sign, send, wait for its answer.

    The running collector publishes what is signed here.

    Example: hub-noc send hub-0001 limits.set @limits.json --role clinician --reason TICKET-17
    """
    from hub_agent.noc.sending import Order, read_arguments, send_and_wait

    order = Order(
        hub_id, op, read_arguments(arguments), tuple(role or ()), reason, timedelta(seconds=lifetime_s), nonce
    )
    reply = send_and_wait(order, keys, store, timeout_s)
    text = f"{hub_id}: {op}: {reply['outcome'] or reply['delivery'] or 'no answer'}: {json.dumps(reply['result'])}"
    _say(as_json, reply, text)
    if reply["outcome"] != "done":
        if reply["hint"]:
            typer.echo(reply["hint"], err=True)
        raise typer.Exit(1)


@app.command()
@_told
def news2(
    hub_id: HubArgument,
    consciousness: Annotated[
        Literal["A", "C", "V", "P", "U"] | None,
        typer.Option(help="As seen just now: Alert, new Confusion, Voice, Pain, Unresponsive."),
    ] = None,
    oxygen: Annotated[bool | None, typer.Option("--oxygen/--air", help="What the patient breathes just now.")] = None,
    scale_2: Annotated[bool, typer.Option("--scale-2", help="A clinician prescribed an SpO2 of 88 to 92 %.")] = False,
    window_s: Annotated[float, typer.Option("--window", metavar="S", min=1, help="How old an input may be.")] = 900.0,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Score a patient by NEWS2 from the newest readings.

    What is missing or too old is named, never imputed.

    Example: hub-noc news2 hub-0001 --consciousness A --air
    """
    from hub_agent.noc.early_warning import ask, lines

    said = ask(store, hub_id, consciousness, oxygen, window_s=window_s, scale=2 if scale_2 else 1)
    _say(as_json, said, "\n".join(lines(hub_id, said)))


@app.command()
@_told
def watch(
    store: StoreOption = STORE,
    beat_s: Annotated[
        float, typer.Option("--beat", metavar="S", min=0.1, help="How often hubs send a heartbeat.")
    ] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and end: 1 if anything is wrong.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the fleet live.

    State, heartbeat, latency, backlog and alarms of each hub; silence, gaps, forks and clones are alarms.

    With --json each change is a JSON object on a line.

    Example: hub-noc watch --store noc.db
    """
    from hub_agent.noc.watch import watch_fleet

    if watch_fleet(store, beat_s, once=once, as_json=as_json) and once:
        raise typer.Exit(1)


def main() -> None:
    """Run the command line."""
    app()
