"""The NOC's database file: its tables, its settings, and how it is opened.

Owns: every CREATE, the PRAGMAs, transactions.
Never: knows what a row means; that is the business of the modules that read and write it.

Readings lie here in clear: this is the hospital's chart, to be kept on the hospital's encrypted storage. Data keys do
not: an epoch is kept as it came, sealed, and opened with the NOC's private key when a batch needs it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from hub_agent.errors import StorageError

SCHEMA_VERSION: Final = 2

_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-16384",
    "PRAGMA busy_timeout=5000",
)

_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) WITHOUT ROWID, STRICT;

CREATE TABLE hubs (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    public    BLOB NOT NULL,     -- raw Ed25519 key
    added_ms  INTEGER NOT NULL,  -- all *_ms: milliseconds since 1970, by the NOC's clock
    status    TEXT,              -- the newest up/status, JSON
    status_ms INTEGER,
    health    TEXT,              -- the newest up/health, JSON
    health_ms INTEGER
) STRICT;

-- forked: two different batches of one number were seen, or a chain that does not fit
-- given_up: how many numbers are missing for good, as somebody has acknowledged
CREATE TABLE journals (
    id       INTEGER PRIMARY KEY,
    hub      INTEGER NOT NULL,
    journal  BLOB NOT NULL,
    forked   INTEGER NOT NULL DEFAULT 0,
    given_up INTEGER NOT NULL DEFAULT 0,
    UNIQUE (hub, journal)
) STRICT;

CREATE TABLE epochs (
    journal INTEGER NOT NULL,
    epoch   BLOB NOT NULL,
    record  BLOB NOT NULL,       -- as received: signed, the data key sealed
    PRIMARY KEY (journal, epoch)
) WITHOUT ROWID, STRICT;

CREATE TABLE batches (
    id          INTEGER PRIMARY KEY,
    journal     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    class       INTEGER NOT NULL,
    items       INTEGER NOT NULL,
    digest      BLOB NOT NULL,   -- of the envelope
    link        BLOB NOT NULL,   -- the digest of the batch before, as this one says
    received_ms INTEGER NOT NULL,
    UNIQUE (journal, seq, digest)
) STRICT;

-- numbers that are accounted for, charted or covered, merged: as few rows as there are holes
CREATE TABLE ranges (
    journal INTEGER NOT NULL,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    came    INTEGER NOT NULL,    -- from here to last each is charted; last + 1 where the last is covered alone
    PRIMARY KEY (journal, first)
) WITHOUT ROWID, STRICT;

-- numbers that a charted batch stands for: rewritten into it, or shed, as it says
CREATE TABLE covered (
    journal INTEGER NOT NULL,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    batch   INTEGER NOT NULL,
    shed    INTEGER NOT NULL,
    PRIMARY KEY (journal, first, batch)
) WITHOUT ROWID, STRICT;

-- verified batches whose epoch record has not come yet
CREATE TABLE pending (
    number   INTEGER PRIMARY KEY,
    journal  INTEGER NOT NULL,
    epoch    BLOB NOT NULL,
    digest   BLOB NOT NULL,
    envelope BLOB NOT NULL,
    UNIQUE (journal, epoch, digest)
) STRICT;

CREATE TABLE readings (
    id           INTEGER PRIMARY KEY,
    batch        INTEGER NOT NULL,
    hub          INTEGER NOT NULL,
    device       TEXT NOT NULL,
    class        INTEGER NOT NULL,
    boot         TEXT NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    wall_ms      INTEGER NOT NULL,  -- as the hub had it
    synced       INTEGER NOT NULL,  -- whether that clock was good
    quality      INTEGER NOT NULL,
    stored       INTEGER NOT NULL,
    device_time  TEXT,              -- the device's own, local
    offset_min   INTEGER,
    record       INTEGER,
    user         INTEGER,
    measurements TEXT NOT NULL,     -- JSON: [[MDC code, UCUM unit, value] | [MDC code, UCUM unit, null, why], ...]
    samples      TEXT               -- JSON: [[MDC code, UCUM unit, period in s, scale, [integer | null, ...]], ...]
) STRICT;

CREATE TABLE events (
    id           INTEGER PRIMARY KEY,
    batch        INTEGER NOT NULL,
    hub          INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    boot         TEXT NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    wall_ms      INTEGER NOT NULL,
    synced       INTEGER NOT NULL,
    fields       TEXT NOT NULL      -- JSON; bytes as hexadecimal text
) STRICT;

-- names of records that a device may send again, whatever became of the hub in between
CREATE TABLE names (hub INTEGER NOT NULL, name BLOB NOT NULL, PRIMARY KEY (hub, name)) WITHOUT ROWID, STRICT;

-- instants at which a hub's clock was good: what was stamped before it was is dated by them
CREATE TABLE clocks (
    hub          INTEGER NOT NULL,
    boot         TEXT NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    wall_ms      INTEGER NOT NULL,
    PRIMARY KEY (hub, boot, monotonic_ms)
) WITHOUT ROWID, STRICT;

CREATE TABLE faults (
    id         INTEGER PRIMARY KEY,
    hub        TEXT NOT NULL,       -- the name in the topic; it may be registered nowhere
    kind       TEXT NOT NULL,
    journal    BLOB NOT NULL,
    seq        INTEGER NOT NULL,    -- where it was seen first
    times      INTEGER NOT NULL,
    first_ms   INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    cleared_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX faults_open ON faults (hub, kind, journal) WHERE cleared_ms IS NULL;

CREATE TABLE commands (
    jti         TEXT PRIMARY KEY,
    hub         TEXT NOT NULL,
    op          TEXT NOT NULL,
    payload     BLOB NOT NULL,
    exp_ms      INTEGER NOT NULL,
    queued_ms   INTEGER NOT NULL,
    sent_ms     INTEGER,
    delivery    TEXT,               -- what the broker said: sent, no_subscribers, refused, expired
    answered_ms INTEGER,
    outcome     TEXT,               -- done, failed, refused
    result      TEXT                -- JSON
) STRICT;
CREATE INDEX commands_queued ON commands (queued_ms) WHERE delivery IS NULL;

-- for people with an SQL prompt: readings with their hub and their time, re-dated where the clock was not set
CREATE VIEW chart AS
SELECT r.id, h.name AS hub, r.device, r.class, r.quality, r.stored, r.device_time, r.offset_min, r.record, r.user,
       CASE WHEN r.synced THEN r.wall_ms ELSE r.monotonic_ms + coalesce(
           (SELECT c.wall_ms - c.monotonic_ms FROM clocks c
            WHERE c.hub = r.hub AND c.boot = r.boot AND c.monotonic_ms >= r.monotonic_ms
            ORDER BY c.monotonic_ms LIMIT 1),
           (SELECT c.wall_ms - c.monotonic_ms FROM clocks c
            WHERE c.hub = r.hub AND c.boot = r.boot AND c.monotonic_ms < r.monotonic_ms
            ORDER BY c.monotonic_ms DESC LIMIT 1)
       ) END AS received_ms,
       r.measurements, r.samples
FROM readings r JOIN hubs h ON h.id = r.hub;

-- the newest value of each quantity, by when the hub had it: what comes late never displaces it, nor does a backfill
CREATE VIEW newest AS
SELECT c.hub, c.device, m.value ->> '$[0]' AS mdc, m.value ->> '$[1]' AS ucum, m.value -> '$[2]' AS value, c.quality,
       max(c.received_ms) AS received_ms
FROM chart c, json_each(c.measurements) m WHERE NOT c.stored GROUP BY c.hub, c.device, mdc;
"""

_GAPS: Final = """
-- from when to when nothing came, and why; device '' is the whole hub, until_ms is null while a gap lasts; one that its
-- hub did not live to close ends with the gap of the hub, whose next life is patient anew
CREATE VIEW gaps AS
WITH told AS (  -- the latest end that was told: SQLite takes the columns of the row that has the maximum
    SELECT hub, fields ->> '$.device' AS device, fields ->> '$.why' AS why, fields -> '$.from' AS since,
           nullif(fields -> '$.to', 'null') AS until, max(fields ->> '$.to[1]')
    FROM events WHERE kind = 'gap' AND fields -> '$.from' IS NOT NULL GROUP BY 1, 2, 3, 4
), dated AS (
SELECT h.name AS hub, t.device, t.why,
       CASE WHEN t.since ->> '$[3]' THEN t.since ->> '$[2]' ELSE (SELECT at_ms FROM (
           SELECT c.wall_ms + (t.since ->> '$[1]') - c.monotonic_ms AS at_ms,
                  abs(c.monotonic_ms - (t.since ->> '$[1]')) AS away_ms
           FROM clocks c WHERE c.hub = t.hub AND c.boot = t.since ->> '$[0]'
       ) ORDER BY away_ms LIMIT 1) END AS since_ms,
       CASE WHEN t.until ->> '$[3]' THEN t.until ->> '$[2]' ELSE (SELECT at_ms FROM (
           SELECT c.wall_ms + (t.until ->> '$[1]') - c.monotonic_ms AS at_ms,
                  abs(c.monotonic_ms - (t.until ->> '$[1]')) AS away_ms
           FROM clocks c WHERE c.hub = t.hub AND c.boot = t.until ->> '$[0]'
       ) ORDER BY away_ms LIMIT 1) END AS until_ms
FROM told t JOIN hubs h ON h.id = t.hub
)
SELECT d.hub, d.device, d.why, d.since_ms, CASE WHEN d.until_ms IS NOT NULL OR d.device = '' THEN d.until_ms ELSE (
    SELECT min(o.until_ms) FROM dated o WHERE o.hub = d.hub AND o.why = 'hub_off' AND o.until_ms > d.since_ms
) END AS until_ms
FROM dated d;
"""

_SECOND: Final = """
DROP VIEW gaps;
ALTER TABLE ranges ADD COLUMN came INTEGER NOT NULL DEFAULT 0;
UPDATE ranges SET came = last + 1;
ALTER TABLE journals ADD COLUMN given_up INTEGER NOT NULL DEFAULT 0;
"""
"""From version 1, where nobody wrote down which numbers came by themselves; ``_GAPS`` follows."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, making it (mode 0600) where it is not there.

    Raises:
        StorageError: it cannot be opened, or is of a newer release.
    """
    try:
        path.touch(mode=0o600, exist_ok=True)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
        try:
            _prepare(db, path)
        except BaseException:
            db.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise StorageError(f"{path}: cannot be opened: {type(error).__name__}: {error}") from error
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    for pragma in _PRAGMAS:
        db.execute(pragma)
    with transaction(db):
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version < SCHEMA_VERSION:
            for statement in ((_SECOND if version else _SCHEMA) + _GAPS).split(";\n"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    if version > SCHEMA_VERSION:
        raise StorageError(
            f"{path}: has schema {version}, this release knows {SCHEMA_VERSION}", hint="use the release that wrote it"
        )


@contextmanager
def transaction(db: sqlite3.Connection, kind: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE") -> Iterator[None]:
    """Make everything inside durable together, or nothing of it; ``DEFERRED`` for one consistent look.

    Raises:
        StorageError: nothing was written.
    """
    try:
        db.execute(f"BEGIN {kind}")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise StorageError(f"the NOC's store took nothing: {type(error).__name__}: {error}") from error


@contextmanager
def step(db: sqlite3.Connection) -> Iterator[None]:
    """Take back what is done inside when it raises, and leave the transaction around it as it was before."""
    db.execute("SAVEPOINT step")
    try:
        yield
    except BaseException:
        if db.in_transaction:  # an error such as a full disk may have ended it already
            db.execute("ROLLBACK TO step")
            db.execute("RELEASE step")
        raise
    db.execute("RELEASE step")
