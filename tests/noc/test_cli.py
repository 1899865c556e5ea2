"""``hub-noc`` as its users meet it: a process, its output and its exit code."""

import asyncio
import contextlib
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from typer.testing import CliRunner

from hub_agent import trust
from hub_agent.commands.keys import command_keys
from hub_agent.commands.verify import Context, authenticate, interpret
from hub_agent.model import ClockState, ReadingClass
from hub_agent.noc.cli import app
from hub_agent.noc.lines import Fault
from hub_agent.noc.sending import Order, _hint
from hub_agent.noc.spool import Answer
from hub_agent.noc.store import Store
from hub_agent.seal import Recipient
from tests.broker import NOC, Broker
from tests.noc.ends import HubEnd, event, open_hub, reading

RUNNER = CliRunner()


def run(*args: str, stdin: str | None = None) -> tuple[int, str]:
    result = RUNNER.invoke(app, [*args], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


def pem_of(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class Site:
    """A NOC's files."""

    def __init__(self, here: Path) -> None:
        self.keys, self.store = here / "noc-keys", here / "noc.db"

    def init(self) -> trust.Trust:
        code, output = run("keygen", str(self.keys), "--json")
        assert code == 0, output
        return trust.load(Path(json.loads(output)["bundle"]))

    def add(self, hub_id: str, pem: str) -> tuple[int, str]:
        return run("hub", "add", hub_id, "-", "--store", str(self.store), stdin=pem)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@contextlib.asynccontextmanager
async def hub_noc(*args: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run ``hub-noc`` as a process of its own; what is left of it at the end is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub_agent.noc", *args, stdout=asyncio.subprocess.PIPE, limit=1 << 20
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def next_line(process: asyncio.subprocess.Process) -> Any:  # noqa: ANN401 - JSON
    assert process.stdout is not None
    async with asyncio.timeout(100):
        return json.loads(await process.stdout.readline())


def collect(site: Site, broker: Broker, *more: str) -> list[str]:
    broker.authority.context(NOC)  # issues the certificate
    here = broker.here
    return [
        *("collect", "--keys", str(site.keys), "--store", str(site.store), "--port", str(broker.port)),
        *("--ca", f"{here}/ca.pem", "--cert", f"{here}/{NOC}.pem", "--key", f"{here}/{NOC}.key"),
        *("--json", *more),
    ]


@contextlib.asynccontextmanager
async def hub_of(site: Site, broker: Broker, here: Path) -> AsyncIterator[tuple[HubEnd, trust.Trust]]:
    """Give a hub that this NOC knows, delivering."""
    bundle = site.init()
    recipients = [Recipient(entry.kid, entry.suite, entry.key()) for entry in bundle.recipients]
    async with open_hub(here, recipients=recipients, confirm_key=bundle.confirm.key()) as hub:
        assert site.add(hub.hub_id, pem_of(hub.identity))[0] == 0
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(hub.run(broker))
            yield hub, bundle
            task.cancel()


@pytest.mark.broker
async def test_a_collector_killed_between_storing_and_confirming_charts_nothing_twice(
    site: Site, broker: Broker, tmp_path: Path
) -> None:
    async with hub_of(site, broker, tmp_path) as (hub, _):
        async with hub_noc(*collect(site, broker, "--confirm-within", "3600")) as first:
            await hub.commit([reading(f"9{i}") for i in range(5)])
            lines = [await next_line(first) for _ in range(5)]
            first.send_signal(signal.SIGKILL)
        assert hub.waiting == 1
        async with hub_noc(*collect(site, broker)) as second:
            await hub.drained()
            await hub.commit([reading("89.0", cls=ReadingClass.EPISODIC)], ReadingClass.EPISODIC)
            lines.append(await next_line(second))
            second.terminate()
            assert await second.wait() == 0
    assert [line["measurements"][0]["value"] for line in lines] == [90, 91, 92, 93, 94, 89.0]
    assert lines[0]["measurements"][0]["loinc"] == ["2708-6", "59408-5"]
    assert lines[0]["measurements"][0]["refid"] == "MDC_PULS_OXIM_SAT_O2"
    assert (lines[0]["hub"], lines[0]["device"], lines[0]["late"]) == ("hub-1", "oximeter", False)
    with Store(site.store) as store:
        assert store.chart.counts()["readings"] == 6


@pytest.mark.broker
async def test_a_command_is_sent_and_its_answer_printed(site: Site, broker: Broker, tmp_path: Path) -> None:
    async with (
        hub_of(site, broker, tmp_path) as (hub, bundle),
        hub_noc(*collect(site, broker)),
    ):
        await hub.commit([event("start")], ReadingClass.ALARM)
        await hub.drained()  # both ends are up
        options = ["--keys", str(site.keys), "--store", str(site.store), "--reason", "T-1", "--json"]
        async with hub_noc("send", "hub-1", "ping", *options) as sending:
            async with asyncio.timeout(100):
                message = await hub.commands.get()
            context = Context(
                hub_id="hub-1",
                topic=hub.topics.commands,
                keys=command_keys(bundle),
                now=datetime(2026, 1, 1, tzinfo=UTC),
                clock=ClockState.SYNCED,
                session="0" * 32,
            )
            command = interpret(authenticate(message.payload, message.topic, context, retained=False), context)
            answer = {"jti": command.claims.jti, "op": command.claims.op, "outcome": "done", "result": {"up": True}}
            await hub.commit([event("result", **answer)], ReadingClass.ALARM)
            reply = await next_line(sending)
            assert await sending.wait() == 0
    assert (reply["outcome"], reply["delivery"], reply["result"]) == ("done", "sent", {"up": True})


def test_a_command_without_a_collector_fails_and_says_why(site: Site) -> None:
    site.init()
    site.add("hub-1", pem_of(Ed25519PrivateKey.generate()))
    options = ["--keys", str(site.keys), "--store", str(site.store)]
    code, output = run("send", "hub-1", "ping", "--timeout", "0", *options)
    assert (code, "hub-noc collect" in output) == (1, True)
    assert re.search(r"may still be carried out until \d\d:\d\d:\d\d UTC", output)


@pytest.mark.parametrize(
    ("session", "says"), [("ab" * 16, "--nonce " + "ab" * 16), ("$(x)", "up/status"), (7, "up/status")]
)
def test_a_hub_whose_clock_is_not_set_needs_its_session(site: Site, session: object, says: str) -> None:
    site.add("hub-1", pem_of(Ed25519PrivateKey.generate()))
    order = Order("hub-1", "ping", {}, (), "T-1", timedelta(minutes=1))
    refused = Answer("sent", "refused", {"code": "clock_unsynced"})
    with Store(site.store) as store:
        with store.transaction():
            hub = store.hubs.get("hub-1")
            assert hub is not None
            store.hubs.keep_status(hub, {"session": session}, 5)
            store.hubs.keep_health(hub, {"session": "cd" * 16, "devices": []}, 4)
        assert says in _hint(order, refused, 0, store, quiet=False)
        assert _hint(order, Answer("sent", "refused", {"code": "replayed"}), 0, store, quiet=False) == ""
        assert "--role twice" in _hint(
            order, Answer("sent", "refused", {"code": "dual_control"}), 0, store, quiet=False
        )
        assert "not connected" in _hint(order, Answer("no_subscribers", None, {}), 0, store, quiet=False)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["send", "hub-9", "ping"], "not registered"),
        (["send", "hub-1", "dance"], "no op is called 'dance'"),
        (["send", "hub-1", "ping", "[]"], "not a JSON object"),
        (["send", "hub-1", "limits.set", '{"revision":1.5}'], "ARGS"),
        (["send", "hub-1", "limits.set", "@/nowhere.json"], "/nowhere.json"),
        (["collect", "--ca", "ca.pem"], "--cert"),
        (["collect", "--protocol", "4"], "--protocol"),
        (["hub", "add", "hub-1", "/nowhere.pem"], "/nowhere.pem"),
    ],
)
def test_wrong_use_names_the_mistake(site: Site, args: list[str], says: str) -> None:
    site.init()
    site.add("hub-1", pem_of(Ed25519PrivateKey.generate()))
    options = ["--store", str(site.store), *(["--keys", str(site.keys)] if args[0] != "hub" else [])]
    code, output = run(*args, *options)
    assert (code, says in output) == (2, True), output


def test_another_key_for_a_known_hub_must_be_asked_for(site: Site) -> None:
    mine, other = (pem_of(Ed25519PrivateKey.generate()) for _ in range(2))
    assert site.add("hub-1", mine)[0] == 0
    assert site.add("hub-1", mine)[0] == 0
    assert site.add("hub-1", other)[0] == 2
    assert run("hub", "add", "hub-1", "-", "--store", str(site.store), "--replace", stdin=other)[0] == 0
    assert site.add("a/b", mine)[0] == 2
    assert site.add("hub-2", "no key")[0] == 2


def test_keys_are_never_overwritten(site: Site) -> None:
    site.init()
    code, output = run("keygen", str(site.keys))
    assert (code, "never overwritten" in output) == (2, True)


def test_watch_looks_once_and_tells_what_is_wrong(site: Site) -> None:
    assert run("watch", "--once", "--store", str(site.store))[0] == 2
    site.add("hub-1", pem_of(Ed25519PrivateKey.generate()))
    with Store(site.store) as store, store.transaction():
        store.faults.add(Fault("hub-1", "clone", b"j", 7), 0)
    code, output = run("watch", "--once", "--json", "--store", str(site.store))
    alarms = {(line["hub"], line["condition"]) for line in map(json.loads, output.splitlines()) if "condition" in line}
    assert (code, alarms) == (1, {("", "collector_silent"), ("hub-1", "clone")})
    assert "clone" in run("watch", "--once", "--store", str(site.store))[1]
    assert run("hub", "acknowledge", "hub-1", "--store", str(site.store))[1] == "hub-1: 1 cleared.\n"
    assert "clone" not in run("watch", "--once", "--store", str(site.store))[1]
    assert json.loads(run("hub", "list", "--json", "--store", str(site.store))[1])["hubs"][0]["hub"] == "hub-1"


@pytest.mark.parametrize("command", [["keygen"], ["hub", "add"], ["hub", "list"], ["collect"], ["send"], ["watch"]])
def test_every_command_has_an_example(command: list[str]) -> None:
    code, output = run(*command, "--help")
    assert code == 0
    assert "Example: hub-" in output
