# ruff: noqa: E501 - messages are compared whole, one row a mistake
"""Every kind of mistake: its line, its key, its reason and its remedy, word for word."""

from decimal import Decimal
from pathlib import Path

import pytest

from hub_agent.alarms.limits import Priority
from hub_agent.config import Config, MistakesError, SecretRef, load, parse
from hub_agent.driver import BleLink, Driver, Match, SerialLink, decode_only
from hub_agent.errors import ConfigError
from hub_agent.nomenclature import PULSE_RATE_NIBP, PULSE_RATE_OXIMETER, SPO2

FILE = Path("/etc/hub/hub.toml")
GOOD = """\
[hub]
id = "hub-0001"
[broker]
host = "broker.example.org"
[broker.tls]
ca = "ca.pem"
certificate = "hub.pem"
key = "credential:tls"
[noc]
trust = "noc.json"
[identity]
key = "/etc/hub/identity.pem"
"""
LINES = GOOD.count("\n")


def driver(name: str, link: BleLink | SerialLink, **options: str) -> Driver:
    return Driver(name, name, link, frozenset({SPO2}), decode_only({}), options=options)


DRIVERS = {
    "radio-oximeter": driver("radio-oximeter", BleLink((), Match())),
    "line-oximeter": driver("line-oximeter", SerialLink(9600), mode="output format"),
    "usb-oximeter": driver("usb-oximeter", SerialLink(9600, usb=((0x1234, 0x5678),))),
}


def mistakes(text: str) -> list[str]:
    with pytest.raises(MistakesError) as raised:
        parse(text, FILE, DRIVERS)
    assert str(raised.value) == "\n".join(map(str, raised.value.mistakes))
    return [str(mistake).removeprefix(f"{FILE}:") for mistake in raised.value.mistakes]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_the_least_configuration_and_its_defaults() -> None:
    config = parse(GOOD, FILE, DRIVERS)
    assert config.hub.timezone == "UTC"
    assert (config.broker.port, config.broker.protocol, config.broker.topic_prefix) == (8883, "5", "hubs/v1")
    assert config.broker.keepalive_s == 5
    assert (config.delivery.confirm, config.delivery.on_no_subscribers) == ("noc", "hold")
    assert (config.delivery.resend_s, config.delivery.window) == (10.0, 20)
    assert (config.commit.continuous_s, config.commit.waveform_s) == (1.0, 5.0)
    assert (config.limits, config.devices) == ((), ())


def test_relative_paths_start_at_the_file_and_secrets_stay_references() -> None:
    config = parse(GOOD, FILE)
    assert config.broker.tls is not None
    assert config.broker.tls.ca == Path("/etc/hub/ca.pem")
    assert config.noc is not None
    assert config.noc.trust == Path("/etc/hub/noc.json")
    assert config.broker.tls.key == SecretRef(None, "tls")
    assert config.identity.key.path({}) == Path("/etc/hub/identity.pem")
    assert config.broker.tls.key.path({"CREDENTIALS_DIRECTORY": "/run/credentials/x"}) == Path("/run/credentials/x/tls")
    with pytest.raises(ConfigError, match="LoadCredential=tls:FILE"):
        config.broker.tls.key.path({})


def test_limits_become_the_values_that_are_judged() -> None:
    config = parse(
        GOOD
        + '[[limits]]\nmeasure = "pulse"\nlow = 50.50\nhigh = 120\ndelay_s = 5\npriority = "high"\nlatching = true\n'
        + '[[limits]]\nmeasure = "MDC_PULS_OXIM_SAT_O2"\nlow = 90\nhysteresis = 0.5\n',
        FILE,
    )
    cuff, spo2 = config.alarm_limits()[1:]
    assert [limit.measure for limit in config.alarm_limits()] == [PULSE_RATE_OXIMETER, PULSE_RATE_NIBP, SPO2]
    assert (str(cuff.low), cuff.high, cuff.unit, cuff.delay_s) == ("50.50", Decimal(120), "/min", 5.0)
    assert (cuff.priority, cuff.latching, cuff.enabled, cuff.revision) == (Priority.HIGH, True, True, 0)
    assert (spo2.low, spo2.high, spo2.hysteresis, spo2.priority) == (Decimal(90), None, Decimal("0.5"), Priority.MEDIUM)


def test_devices() -> None:
    text = """
[[devices]]
name = "a"
driver = "radio-oximeter"
address = "00:00:5E:00:53:01"
cadence_s = 2
[[devices]]
name = "b"
driver = "line-oximeter"
port = "/dev/serial/by-id/usb-x"
[devices.options]
mode = "d7"
[[devices]]
name = "c"
driver = "usb-oximeter"
[[devices]]
name = "d"
driver = "usb-oximeter"
usb = "0403:6001:A1"
"""
    devices = parse(GOOD + text, FILE, DRIVERS).devices
    assert [device.cadence_s for device in devices] == [2.0, None, None, None]
    assert (devices[1].options, devices[1].port) == ({"mode": "d7"}, Path("/dev/serial/by-id/usb-x"))


def test_clear_mqtt_only_on_this_machine_and_only_when_said() -> None:
    tls = GOOD[GOOD.index("[broker.tls]") : GOOD.index("[noc]")]
    off = GOOD.replace(tls, 'tls = "off"\n')
    here = off.replace("broker.example.org", "127.0.0.1")
    assert mistakes(off) == [
        '3: broker: tls is "off" (configure [broker.tls], or add insecure = true for a demo on this machine)'
    ]
    assert mistakes(here) == mistakes(off)
    assert mistakes(off.replace('tls = "off"', 'tls = "off"\ninsecure = true')) == [
        '3: broker: tls is "off" for a broker on another machine (configure [broker.tls]; a demo uses 127.0.0.1)'
    ]
    assert parse(here.replace('tls = "off"', 'tls = "off"\ninsecure = true'), FILE).broker.tls is None
    assert mistakes(GOOD.replace(tls, "")) == ["3: broker.tls: is missing (it needs ca, certificate, key)"]
    assert mistakes(GOOD.replace(tls, "tls = false\n")) == [
        '5: broker.tls: must be the table [broker.tls] with ca, certificate and key (or tls = "off" for a demo)'
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('id = "hub-0001"', 'id = "Hub 1"', "2: hub.id: must be 4 to 32 of a-z, 0-9 and - (no capitals, spaces or other signs)"),
        ('id = "hub-0001"', "", "1: hub.id: is missing (the hub's name in topics, as the NOC knows it)"),
        ('id = "hub-0001"', "id = 7777", "2: hub.id: must be text in quotes (the hub's name in topics, as the NOC knows it)"),
        ('[hub]\nid = "hub-0001"\n', "", "1: hub: the section is missing (it needs id)"),
        ('[hub]\nid = "hub-0001"\n', "hub = 3\n", "1: hub: must be a table"),
        ("[noc]", "[nok]\n[noc]", '9: nok: unknown key (did you mean "noc"?)'),
        ("[noc]\n", "[noc]\nsince = 2026-01-01\n", "10: noc.since: unknown key (there are: trust)"),
        ('host = "', 'prot = 1\nhost = "', '4: broker.prot: unknown key (did you mean "port"?)'),
        ('host = "', 'port = "8883"\nhost = "', "4: broker.port: must be a whole number (its port)"),
        ('host = "', 'port = 70000\nhost = "', "4: broker.port: must be at most 65535 (its port)"),
        ('host = "', 'keepalive_s = 1\nhost = "', "4: broker.keepalive_s: must be at least 2 (MQTT keepalive)"),
        ('host = "', 'keepalive_s = 5.5\nhost = "', "4: broker.keepalive_s: must be a whole number (MQTT keepalive)"),
        ('host = "', 'insecure = 1\nhost = "', '4: broker.insecure: must be true or false (allows tls = "off", on this machine only)'),
        ('host = "', 'protocol = "4"\nhost = "', "4: broker.protocol: must be '5' or '3.1.1' (MQTT version; 3.1.1 only where the NOC confirms)"),
        ('host = "', 'topic_prefix = "a/+"\nhost = "', '4: broker.topic_prefix: is no topic prefix (use letters, digits, "_", "." and "-", levels divided by one "/"; no + # $)'),
        ('"hub-0001"', '"hub-0001"\ntimezone = "Mars"', '3: hub.timezone: is no known time zone (write it as "Europe/Berlin" or "UTC")'),
        ('"hub-0001"', '"hub-0001"\ntimezone = "../UTC"', '3: hub.timezone: is no known time zone (write it as "Europe/Berlin" or "UTC")'),
        ('ca = "ca.pem"', "ca = 1", "6: broker.tls.ca: must be a path in quotes"),
        ('"credential:tls"', '"credential:../tls"', '8: broker.tls.key: names no credential (write "credential:NAME" with letters, digits, "_", "." and "-")'),
    ],
)  # fmt: skip
def test_one_mistake(old: str, new: str, expected: str) -> None:
    assert mistakes(changed(old, new)) == [expected]


SPELLED = 'put it into a file that only the hub can read and give its path, or use "credential:NAME"'


@pytest.mark.parametrize(
    "secret", ["-----BEGIN PRIVATE KEY-----\\nMC4CAQAw", "MC4CAQAwBQYDK2VwBCIEIGnothingbutanexample0000000=="]
)
def test_an_inline_secret_is_named_and_never_shown(secret: str) -> None:
    found = mistakes(changed('"/etc/hub/identity.pem"', f'"{secret}"'))
    assert found == [f"12: identity.key: holds a secret ({SPELLED})"]
    found = mistakes(changed('"noc.json"', f'"noc.json"\npassword = "{secret}"'))
    assert found == [
        f"11: noc.password: holds a secret ({SPELLED})",
        "11: noc.password: unknown key (there are: trust)",
    ]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('[[limits]]\nmeasure = "sp02"\nlow = 90', ['2: limits[0].measure: is no quantity that the hub knows (did you mean "spo2"?)']),
        ('[[limits]]\nmeasure = "qqq"\nlow = 90', ["2: limits[0].measure: is no quantity that the hub knows (one of spo2, pulse, heart-rate, respiration, systolic, diastolic, mean-pressure, temperature, glucose, or an MDC reference identifier)"]),
        ('[[limits]]\nmeasure = "spo2"', ["1: limits[0]: the limit has neither low nor high (give at least one of them)"]),
        ('[[limits]]\nmeasure = "spo2"\nlow = "90"', ["3: limits[0].low: must be a number (write it without quotes)"]),
        ('[[limits]]\nmeasure = "spo2"\nlow = true', ["3: limits[0].low: must be a number (write it without quotes)"]),
        ('[[limits]]\nmeasure = "spo2"\nlow = nan', ["3: limits[0].low: must be a plain number, not infinite or NaN"]),
        ('[[limits]]\nmeasure = "spo2"\nlow = 0', ["3: limits[0].low: must lie between 80 and 98 % (these bounds hold for every file and every command)"]),
        ('[[limits]]\nmeasure = "pulse"\nlow = 1\nhigh = 999', ["3: limits[0].low: must lie between 30 and 100 /min (these bounds hold for every file and every command)", "4: limits[0].high: must lie between 80 and 240 /min (these bounds hold for every file and every command)"]),
        ('[[limits]]\nmeasure = "MDC_MASS_BODY_ACTUAL"\nlow = 50', ["2: limits[0].measure: no limit can be set on weight (these bounds hold for every file and every command)"]),
        ('[[limits]]\nmeasure = "spo2"\nlow = 95\nhigh = 95', ["1: limits[0]: low must be below high"]),
        ('[[limits]]\nmeasure = "spo2"\nlow = 90\ndelay_s = 61', ["4: limits[0].delay_s: must be at most 60.0 (how long it must last)"]),
        ('[[limits]]\nmeasure = "spo2"\nlow = 90\npriority = "urgent"', ["4: limits[0].priority: must be 'high', 'medium' or 'low' (how soon somebody must react)"]),
        ('[[limits]]\nmeasure = "spo2"\nlow = 90\nunit = "kPa"', ["4: limits[0].unit: oxygen saturation is measured in % (these bounds hold for every file and every command)"]),
        ('[[limits]]\nmeasure = "spo2"\nlow = 90\ndevice = "oxi"', ["4: limits[0].device: no device is called so (name one of the [[devices]], or leave it out for any)"]),
        ('[[limits]]\nmeasure = "spo2"\nlow = 90\n[[limits]]\nmeasure = "MDC_PULS_OXIM_SAT_O2"\nlow = 85', ["5: limits[1].measure: is limited by limits[0] already, with the same device and priority (join the two, or give them different priorities)"]),
        ('[limits]\nmeasure = "spo2"', ["1: limits: must be a list of tables (write its header as [[limits]])"]),
        ("devices = 1", ["1: devices: must be a list of tables (write its header as [[devices]])"]),
        ("[storage]\nquota_mib = 16\nballast_mib = 9", ["1: storage: ballast_mib is more than half of quota_mib (lower ballast_mib or raise quota_mib)"]),
        ('[annunciator]\ncommand = "buzz"', ["2: annunciator.command: must be a list (run this with the signal as its last argument, for a buzzer or a lamp)"]),
        ('[log]\nlevle = "info"', ['2: log.levle: unknown key (did you mean "level"?)']),
    ],
)  # fmt: skip
def test_mistakes_of_one_table(table: str, expected: list[str]) -> None:
    """The table stands first, so that the lines are its own."""
    assert mistakes(f"{table}\n{GOOD}") == expected


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ('driver = "radio-oximetre"', ['3: devices[0].driver: no driver is called so (did you mean "radio-oximeter"?)']),
        ('driver = "zzz"\naddress = "00:00:5E:00:53:01"', ["3: devices[0].driver: no driver is called so (`hub-agent drivers` lists what there is)"]),
        ('driver = "radio-oximeter"', ['1: devices[0]: driver radio-oximeter speaks Bluetooth (give address = "AA:BB:CC:DD:EE:FF")']),
        ('driver = "radio-oximeter"\nport = "/dev/ttyAMA0"', ['4: devices[0].port: driver radio-oximeter speaks Bluetooth (give address = "AA:BB:CC:DD:EE:FF")']),
        ('driver = "line-oximeter"', ["1: devices[0]: driver line-oximeter speaks on a serial line (give port or usb)"]),
        ('driver = "usb-oximeter"\naddress = "00:00:5E:00:53:01"', ["4: devices[0].address: driver usb-oximeter speaks on a serial line (give port or usb)"]),
        ('driver = "line-oximeter"\nport = "/dev/ttyUSB0"', ['4: devices[0].port: is a name that changes with the order of plugging in (use the link in /dev/serial/by-id, or usb = "vid:pid[:serial]")']),
        ('driver = "line-oximeter"\nport = "/dev/ttyAMA0"\nusb = "0403:6001"', ["5: devices[0].usb: stands beside port (keep the one by which the device is reached)"]),
        ('driver = "radio-oximeter"\naddress = "00:00:5e:00:53:01"', ["4: devices[0].address: is not written as it must be (BLE: its address, in capitals with colons)"]),
        ('driver = "line-oximeter"\nport = "/dev/ttyAMA0"\noptions = { mod = 1 }', ['5: devices[0].options.mod: driver line-oximeter has no such option (did you mean "mode"?)']),
        ('driver = "usb-oximeter"\noptions = { mode = 1 }', ["4: devices[0].options.mode: driver usb-oximeter has no such option (it has none)"]),
        ('driver = "usb-oximeter"\ntolerance = 0.5', ["4: devices[0].tolerance: must be at least 1.0 (silent for so many cadences: an alarm)"]),
    ],
)  # fmt: skip
def test_mistakes_of_a_device(device: str, expected: list[str]) -> None:
    assert mistakes(f'[[devices]]\nname = "a"\n{device}\n{GOOD}') == expected


def test_twice_the_same_device_is_a_mistake_even_beside_other_mistakes_and_no_address_is_shown() -> None:
    text = """\
[[devices]]
name = "a"
driver = "radio-oximeter"
address = "00:00:5E:00:53:01"
[[devices]]
name = "a"
driver = "radio-oximeter"
address = "00:00:5E:00:53:01"
cadence_s = 0
"""
    assert mistakes(text + GOOD) == [
        "6: devices[1].name: is the same as that of devices[0] (give each device its own name)",
        "8: devices[1].address: is the same as that of devices[0] (one of them must be reached in another way)",
        "9: devices[1].cadence_s: must be more than 0 (how often readings are due)",
    ]


def test_the_old_protocol_needs_the_nocs_word() -> None:
    old = changed('host = "', 'protocol = "3.1.1"\nhost = "')
    assert parse(old, FILE).broker.protocol == "3.1.1"
    assert mistakes(old + '[delivery]\nconfirm = "broker"\n') == [
        '4: broker.protocol: MQTT 3.1.1 cannot say that a message was refused, so a broker\'s word is not enough (set protocol = "5", or delivery.confirm = "noc")'
    ]


def test_a_site_without_a_noc_says_so_wholly() -> None:
    clear = changed('[noc]\ntrust = "noc.json"\n', "")
    assert mistakes(clear) == [
        '1: noc: the section is missing (it needs trust; a site without a NOC: delivery.form = "clear")'
    ]
    clear += '[delivery]\nform = "clear"\n'
    assert [line.partition(" ")[2] for line in mistakes(clear)] == [
        'delivery.confirm: must be "broker" where delivery.form is "clear" (without a NOC nobody else can say that a reading arrived)'
    ]
    clear += 'confirm = "broker"\n'
    config = parse(clear, FILE)
    assert (config.noc, config.delivery.form) == (None, "clear")
    assert [line.partition(" ")[2] for line in mistakes(clear + '[noc]\ntrust = "noc.json"\n')] == [
        'noc: stands beside delivery.form = "clear" (with a NOC\'s keys readings travel sealed: remove one of the two)'
    ]


def test_the_daemon_leaves_unknown_drivers_to_the_runner() -> None:
    device = '[[devices]]\nname = "a"\ndriver = "zzz"\nusb = "0403:6001"\n'
    assert parse(GOOD + device, FILE).devices[0].driver == "zzz"
    with pytest.raises(MistakesError, match="say how the device is reached"):
        parse(GOOD + device.replace('usb = "0403:6001"\n', ""), FILE)


def test_every_mistake_is_named_at_once_in_the_order_of_lines() -> None:
    text = changed('id = "hub-0001"', 'id = "x"\nserail = "1"') + "[delivery]\nwindow = 0\nresend_s = 1e9\n[logs]\n"
    assert [one.split(":")[:2] for one in mistakes(text)] == [
        ["2", " hub.id"],
        ["3", " hub.serail"],
        [str(LINES + 3), " delivery.window"],
        [str(LINES + 4), " delivery.resend_s"],
        [str(LINES + 5), " logs"],
    ]


@pytest.mark.parametrize(
    ("text", "line"), [("[hub]\nid = \n", 2), ("[hub]\n[hub]\n", 2), ('[hub]\nid = "\n', 2), ("a = 1\nb = [1,\n", 3)]
)
def test_what_is_not_toml_is_shown_where_it_breaks(text: str, line: int) -> None:
    (found,) = mistakes(text)
    assert found.startswith(f"{line}: is not TOML: ")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'[hub]\nid = "h\xfcb"\n')
    with pytest.raises(ConfigError, match="is not UTF-8 text at byte 13"):
        load(tmp_path / "latin.toml")
    (tmp_path / "good.toml").write_text(GOOD, encoding="utf-8")
    assert isinstance(load(tmp_path / "good.toml"), Config)


def test_a_configuration_never_changes() -> None:
    config = parse(GOOD, FILE)
    with pytest.raises(ValueError, match="frozen"):
        config.hub.id = "hub-0002"
