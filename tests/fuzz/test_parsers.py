"""34,000 hostile inputs at the parsers that stand between the world and a unit: no error but the declared ones."""

import json
import random
import sqlite3
from contextlib import suppress
from zoneinfo import ZoneInfo

import pytest

import device.config
import gateway.config
from device.core.station import Memory
from device.journal.errors import JournalError, RottenRow
from device.journal.inspect import verify
from device.journal.journal import Journal
from device.memory import begin_run, recall
from gateway.site import FILES
from gateway.unit_config import read_unit_file
from hardware.cards.ndef import NoUrl, message_of, url_of
from hardware.errors import HardwareError
from hardware.gps.epoch import FLOOR_UTC_MS, EpochAssembler
from hardware.gps.nmea import Sentence, Splitter
from hardware.gps.synthetic import drive
from hardware.modem import meaning
from hardware.pn532 import commands
from hardware.pn532.frame import CHIP, FrameReader, build
from tests.fuzz.mutate import Mutator, held
from tests.hardware.modem.answers import BEARER, CONNECTED, LIST, SIGNAL
from tests.sun import sun_url
from tests.wire.conftest import EXAMPLES
from wire.batch import encode_record
from wire.cards import keyfile, ring, sun
from wire.packets import PacketFault, Packets
from wire.words import Fault

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

SEED = 20_261_125
EACH, FILES_EACH, JOURNALS = 5_000, 1_000, 150
GROWN_OBJECTS = 2_000
TARGET = bytes.fromhex("4b010100440007 04a1b2c3d4e5f6")
FIRMWARE, EXCHANGED = bytes.fromhex("0332010607"), bytes.fromhex("41009000")
SUN_KEY, META = bytes(range(16)), bytes(16)
KEY_FILE = b'master = "000102030405060708090a0b0c0d0e0f"\nversion = 2\n[[earlier]]\nmaster = "10111213141516'
KEY_FILE += b'1718191a1b1c1d1e1f"\nversion = 1\n'
HOSTILE_TOML = (
    b"[[[[" * 3_000,
    b"= " + b"9" * 5_000,
    b"= [" + b"[" * 3_000,
    b'= "\\ud800"',
    b"= 1e999",
)


@pytest.fixture
def mutator():
    return Mutator(random.Random(SEED))


def test_nmea(mutator):
    good = b"".join(drive(1_763_890_000_000, 40, seed=3))
    sentences = good.splitlines(keepends=True)
    splitter, epochs = Splitter(), EpochAssembler(FLOOR_UTC_MS)
    before = held(splitter, epochs)
    for number in range(EACH):
        one, other = mutator.dice.choice(sentences), mutator.dice.choice(sentences)
        for found in splitter.feed(mutator.bytes(one, other) + one):
            if isinstance(found, Sentence):
                epochs.take(found, number * 100)
        epochs.quiet(number * 100 + 50)
    assert held(splitter, epochs) - before < GROWN_OBJECTS


def test_mqtt_packets(mutator):
    """What is held, whatever is announced, is no more than a header."""
    payload = bytes.fromhex("320a0003612f620007303132900300010130ffffff7f")
    packets = Packets()
    for _ in range(EACH):
        data = mutator.bytes(payload, payload[::-1])
        try:
            passed = packets.admit(data)
        except PacketFault:
            packets = Packets()
            continue
        assert len(passed) <= len(data) + 4
        assert len(packets._head) < 5


def test_pn532_frames_and_answers(mutator):
    reader = FrameReader()
    for _ in range(EACH):
        answer = mutator.dice.choice((TARGET, FIRMWARE, EXCHANGED))
        changed = mutator.bytes(answer, TARGET)[:260]
        stream = build(CHIP, changed) if mutator.dice.random() < 0.6 else changed
        for found in reader.feed(mutator.bytes(stream) if mutator.dice.random() < 0.3 else stream):
            for read in (commands.targets, commands.firmware, commands.exchanged):
                with suppress(HardwareError):
                    read(found.data)
    assert held(reader) < GROWN_OBJECTS


def test_ndef(mutator):
    good = message_of("https://x.example/t?e=00&c=11")
    for _ in range(EACH):
        with suppress(NoUrl):
            url_of(mutator.bytes(good, good))


def test_sun_messages(mutator):
    keys = sun.SunKeys(META, SUN_KEY)
    for _ in range(EACH):
        url = sun_url(SUN_KEY, "04a1b2c3d4e5f6", 7, mutator.dice.choice((None, META)))
        changed = mutator.bytes(url.encode(), b"&picc_data=00").decode("utf-8", "surrogateescape")
        with suppress(sun.BadSun):
            message = sun.parse(changed)
            with suppress(sun.BadSun):
                sun.identify(message, META)
            sun.verify(message, keys)


def test_what_mmcli_prints(mutator):
    readers = {
        LIST: meaning.read_list,
        CONNECTED: meaning.read_modem,
        SIGNAL: meaning.read_signal,
        BEARER: meaning.read_bearer,
    }
    for number in range(EACH):
        good, read = mutator.dice.choice(list(readers.items()))
        bad = mutator.bytes(good, LIST) if number % 3 == 0 else mutator.json(json.loads(good))
        with suppress(meaning.BadAnswer):
            read(bad)


def spoilt(mutator, good):
    if mutator.dice.random() < 0.2:
        lines = good.splitlines(keepends=True)
        at = mutator.dice.randrange(len(lines))
        key = lines[at].partition(b"=")[0]
        lines[at] = key + mutator.dice.choice(HOSTILE_TOML) + b"\n"
        return b"".join(lines)
    return mutator.bytes(good, good)


@pytest.mark.parametrize("name", ["device.example.toml", "gateway.toml", "unit.example.toml"])
def test_configurations(mutator, tmp_path, name):
    load = {
        "device.example.toml": device.config.load,
        "gateway.toml": gateway.config.load,
        "unit.example.toml": lambda path: read_unit_file(path, zone()),
    }[name]
    path, good = tmp_path / name, FILES[name].replace("\n#", "\n").encode()
    for _ in range(FILES_EACH):
        path.write_bytes(spoilt(mutator, good))
        with suppress(Fault):
            load(path)


def zone():
    return ZoneInfo("Asia/Shanghai")


def test_card_key_files(mutator, tmp_path):
    path = tmp_path / "keys.toml"
    path.touch(0o600)
    for _ in range(FILES_EACH):
        path.write_bytes(spoilt(mutator, KEY_FILE))
        with suppress(Fault):
            keyfile.read_keys(path)


def test_rings_of_card_keys(mutator):
    good = ring.encode(ring.KeyRing(meta=META))
    for _ in range(EACH):
        with suppress(Fault):
            ring.decode(mutator.bytes(good, good))


# The journal


@pytest.fixture
def journal(tmp_path):
    """A journal with a record of each kind, and settings."""
    path = tmp_path / "good.db"
    made = Journal.open(path)
    for record in EXAMPLES:
        made.append("event", encode_record(record))
    made.keep_fix(b'{"up_ms":1,"lat":27.0,"lon":111.0}')
    for name in ("config", "run", "urgent", "time", "crew"):
        made.put_setting(name, {"v": 1, "boot": "9c1b22f0", "clean": False, "riding": []})
    made.close()
    return path


def rows_changed(mutator, path):
    """One or two values of the file's rows are others."""
    line = sqlite3.connect(path)
    tables = [row[0] for row in line.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for _ in range(mutator.dice.choice((1, 2))):
        table = mutator.dice.choice([one for one in tables if not one.startswith("sqlite_")])
        columns = [row[1] for row in line.execute(f'PRAGMA table_info("{table}")')]
        column = mutator.dice.choice(columns)
        held = line.execute(f'SELECT rowid, CAST({column} AS BLOB) FROM "{table}"').fetchall()
        if not held:
            continue
        rowid, value = mutator.dice.choice(held)
        bad = mutator.dice.choice((mutator.bytes(value or b""), mutator.hostile(1), None))
        if (isinstance(bad, int) and abs(bad) > 2**63 - 1) or not isinstance(
            bad, bytes | int | None
        ):
            bad = mutator.bytes(value or b"")
        how = "?" if mutator.dice.random() < 0.5 else "CAST(? AS TEXT)"
        with suppress(sqlite3.Error):
            line.execute(f'UPDATE "{table}" SET {column} = {how} WHERE rowid = ?', (bad, rowid))
            line.commit()
    line.close()


def test_journal_rows(mutator, journal, tmp_path):
    opened = 0
    for number in range(JOURNALS):
        path = tmp_path / f"{number}.db"
        path.write_bytes(journal.read_bytes())
        rows_changed(mutator, path)
        with suppress(JournalError, RottenRow):
            opened += use(path)
    assert opened > JOURNALS / 4


def use(path):
    """Opens it as a unit does, recalls, reads, verifies, appends."""
    held = Journal.open(path)
    try:
        assert isinstance(recall(held, begin_run(held, "9c1b22f0")), Memory)
        for state in held.logs("event"):
            with suppress(RottenRow):
                held.read("event", state.log, 1, max_count=100, max_bytes=1 << 20)
        list(verify(held))
        held.append("event", b'{"kind":"after"}')
    finally:
        with suppress(JournalError):
            held.close()
    return 1
