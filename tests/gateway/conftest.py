"""What the tests of the gateway share: a unit's log, stores on both databases, and an intake's bench."""

import os
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from gateway.ingest.intake import Intake, Message
from gateway.keys import GatewayKeys
from gateway.store import schema
from gateway.store.open import open_store
from tests.keys import SIGNER, Believing, Site
from wire import chain, codec, records, topics
from wire.batch import encode_batch, encode_record
from wire.live import Hello, LogHead, State

NOW_MS = 1_763_890_000_000
BOOT = "9c1b22f0"
POSTGRES = Path("/usr/lib/postgresql/15/bin")


# PostgreSQL


def _as_postgres(folder, *command):
    """Runs a program of PostgreSQL, which will not be root."""
    who = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*who, str(POSTGRES / command[0]), *command[1:]],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}; see {folder}"


@pytest.fixture(scope="session")
def postgres():
    """The URL of a PostgreSQL server of this session's own, on a socket that nobody else knows."""
    if not POSTGRES.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"there is no PostgreSQL in {POSTGRES}")
        pytest.skip(f"there is no PostgreSQL in {POSTGRES}")
    folder = Path(tempfile.mkdtemp(prefix="xk-postgres-"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data, log = str(folder / "data"), str(folder / "log")
    _as_postgres(folder, "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
    options = f"-c listen_addresses='' -k {folder} -c fsync=off -c max_connections=50"
    _as_postgres(folder, "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
    yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
    _as_postgres(folder, "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def new_database(postgres):
    """Makes an empty database; gives its URL."""
    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    numbers = count(1)

    def make():
        name = f"xk_{os.getpid()}_{next(numbers)}"
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        return sa.make_url(postgres).set(database=name).render_as_string(hide_password=False)

    yield make
    engine.dispose()


# Stores


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def opened():
    """Opens the store at a URL, and closes it after the test."""
    stores = []

    def open_it(url):
        stores.append(open_store(url))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


@pytest.fixture
def store(sqlite_url, opened):
    """A store on a real SQLite file."""
    return opened(sqlite_url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_url(request):
    """A store's URL; a test that asks for it runs once on each database."""
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_url")
    return request.getfixturevalue("new_database")()


@pytest.fixture
def any_store(any_url, opened):
    """A test that asks for it runs once on each database."""
    return opened(any_url)


@pytest.fixture
def rows():
    """All rows of a table, as dicts, in the order of `by`."""

    def read(store, name, by=None):
        table = schema.metadata.tables[name]
        order = [table.c[by]] if by else list(table.primary_key)
        with store.reading() as connection:
            found = connection.execute(sa.select(table).order_by(*order)).mappings()
            return [dict(row) for row in found]

    return read


# Keys


@pytest.fixture(scope="session")
def keys_site():
    """A site of the tests' own."""
    return Site()


@pytest.fixture(scope="session")
def keys_folder(keys_site, tmp_path_factory):
    """The keys of its gateway."""
    return keys_site.lay_gateway_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def gateway_keys(keys_folder):
    return GatewayKeys(keys_folder)


# A unit's log


class UnitLog:
    """What a unit wrote down: records, their bytes and the chain over them."""

    def __init__(self, unit="cp-01", stream="event", log="e" * 16, raws=()):
        self.unit, self.stream, self.log = unit, stream, log
        self.raws, self.hs = [], [chain.START]
        for raw in raws:
            self.add_raw(raw)

    def add_raw(self, raw):
        self.raws.append(raw)
        self.hs.append(chain.link(self.hs[-1], raw))
        return self

    def add(self, kind, **fields):
        """Appends a record; the head's fields are those of a unit with a fix, unless given."""
        head = {"boot": BOOT, "up_ms": 61_000, "at_ms": NOW_MS, "clock": "gnss", "clock_err_ms": 30}
        return self.add_raw(encode_record(kind(**{**head, **fields})))

    def checkin(self, place=None, **fields):
        return self.add(
            records.Checkin,
            badge="04a1b2c3",
            person=None,
            place=place or f"pl-{len(self.raws) + 1}",
            method="nfc",
            proof="uid",
            result="accepted",
            **fields,
        )

    def grow(self, number, **fields):
        """Appends `number` check-ins."""
        for _ in range(number):
            self.checkin(**fields)
        return self

    def branch(self, at):
        """A clone of the card, made after record `at`."""
        return UnitLog(self.unit, self.stream, self.log, self.raws[:at])

    @property
    def last(self):
        return len(self.raws)

    def payload(self, first=1, last=None, key=None):
        """`key`: signs it; None: nobody does."""
        raws, prev = self.raws[first - 1 : last or self.last], self.hs[first - 1]
        signature = None
        if key:
            h_last = self.hs[first - 1 + len(raws)]
            where = (self.unit, self.stream, self.log, first)
            text = chain.signed_text(*where, prev, len(raws), h_last)
            signature = key.kid, key.sign(text)
        return encode_batch(self.log, first, prev, raws, signature)

    def message(self, first=1, last=None, via=0, key=None):
        """Records `first` to `last` as a message from a broker."""
        payload = self.payload(first, last, key)
        return Message(topics.log(self.unit, self.stream), payload, via=via)

    def head(self, oldest=1):
        return LogHead(self.stream, self.log, oldest, self.last, self.hs[-1].hex())


@pytest.fixture
def unit_log():
    """Makes a `UnitLog`."""
    return UnitLog


# An intake


class Said(msgspec.Struct, frozen=True):
    """An answer as a unit reads it."""

    topic: str
    what: object
    via: int

    @property
    def unit(self):
        return topics.parse(self.topic).unit


class Bench:
    """An intake on a store; `at` are the points that it reached, `fail_at` the one at which it dies."""

    def __init__(self, store, verifier=None, card_keys=None):
        self.store, self.at, self.fail_at = store, [], None
        self.now_ms = NOW_MS
        self.intake = Intake(store, verifier or Believing(), SIGNER, self._reached, None, card_keys)

    def _reached(self, point):
        self.at.append(point)
        if point == self.fail_at:
            raise InterruptedError(point)

    def take(self, *messages):
        """Gives the messages as one group; returns what is answered."""
        answers = self.intake.take(messages, self.now_ms)
        return [
            Said(a.topic, codec.decode_answer(a.payload, a.topic).message, a.via) for a in answers
        ]

    def acked(self, *messages):
        """As `take`, but `{log: next}`."""
        return {said.what.log: said.what.next for said in self.take(*messages)}

    def table(self, name):
        table = schema.metadata.tables[name]
        with self.store.reading() as connection:
            found = connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
            return [dict(row) for row in found]

    def kept(self, unit="cp-01", log=None):
        """The bytes of a unit's records, in the order of commits."""
        return [
            row["raw"]
            for row in self.table("records")
            if row["unit"] == unit and log in (None, row["log"])
        ]

    def alarms(self):
        """What the gateway's own log says."""
        return [msgspec.json.decode(raw)["what"] for raw in self.kept("gw")]


@pytest.fixture
def bench(store):
    """An intake on a real SQLite file."""
    return Bench(store)


@pytest.fixture
def any_bench(any_store):
    """An intake on each database."""
    return Bench(any_store)


@pytest.fixture
def bench_on():
    """Puts an intake on a store."""
    return Bench


@pytest.fixture
def hello():
    """A unit's greeting over some of its logs: `hello(unit, head, …)`."""

    def make(unit, *heads, via=0):
        greeting = Hello(1, "ab" * 16, BOOT, list(heads))
        return Message(topics.hello(unit), codec.encode(greeting), via=via)

    return make


@pytest.fixture
def state():
    """A unit's live picture as a message."""

    def make(unit="cp-01", conn=1, boot=BOOT, online=True, retained=False, **fields):
        payload = codec.encode(State(1, unit, online, boot, conn, **fields))
        return Message(topics.state(unit), payload, retained=retained)

    return make
