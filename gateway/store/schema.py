"""The store's tables, one schema for SQLite and PostgreSQL.

`ledger` is the heart: whoever writes records takes its one row first, so that `records.pos` rises
in the order of commits, and no lower position can become visible after a higher one.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
    true,
)

from gateway.store.bytes import Bytes

metadata = MetaData()

ledger = Table(
    "ledger",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("next_pos", BigInteger, nullable=False),
    Column("store", String(16), nullable=False),
)

records = Table(
    "records",
    metadata,
    Column(
        "pos", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("unit", String(32), nullable=False),
    Column("stream", String(8), nullable=False),
    Column("log", String(25), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", String(64)),
    Column("boot", String(8)),
    Column("up_ms", BigInteger),
    Column("at_ms", BigInteger),
    Column("clock", String(8)),
    Column("raw", Bytes, nullable=False),
    Column("h", Bytes, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("mark", Text),
    Column("batch_first", BigInteger),
    Column("kid", String(64)),
    Column("sig", String(128)),
    Column("batch_prev", Bytes),
    Column("prev", Bytes),
    UniqueConstraint("unit", "stream", "log", "seq", name="records_identity"),
)
"""`mark`: what is wrong with a record that was committed all the same, None when nothing is.

`kid`, `sig`, `batch_first` stand on the last record of a signed batch, and `batch_prev` too where no record
here has the chain's value before that batch. `prev`: that value before a record, where the record before it is
not here. What is removed must leave both behind, so that what stays can be verified.
"""

TIMELESS = text("clock IN ('none', 'rtc')")
"""Records whose time is to be repaired; the index holds no others, so that it costs little."""

Index(
    "records_timeless",
    records.c.unit,
    records.c.boot,
    sqlite_where=TIMELESS,
    postgresql_where=TIMELESS,
)
ANSWERS = text("kind = 'order'")
"""What units said of orders; asked for every second while an order waits."""

answers_index = Index(
    "records_answers",
    records.c.unit,
    records.c.pos,
    sqlite_where=ANSWERS,
    postgresql_where=ANSWERS,
)
Index("records_stream", records.c.stream, records.c.pos)

logs = Table(
    "logs",
    metadata,
    Column("unit", String(32), primary_key=True),
    Column("stream", String(8), primary_key=True),
    Column("log", String(25), primary_key=True),
    Column("next", BigInteger, nullable=False),
    Column("h", Bytes, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
)

islands = Table(
    "islands",
    metadata,
    Column("unit", String(32), primary_key=True),
    Column("stream", String(8), primary_key=True),
    Column("log", String(25), primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("prev", Bytes, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("payload", Bytes, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
)

gaps = Table(
    "gaps",
    metadata,
    Column("unit", String(32), primary_key=True),
    Column("stream", String(8), primary_key=True),
    Column("log", String(25), primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("h_last", Bytes),
    Column("why", Text, nullable=False),
)

removed = Table(
    "removed",
    metadata,
    Column("unit", String(32), primary_key=True),
    Column("stream", String(8), primary_key=True),
    Column("log", String(25), primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("h_last", Bytes, nullable=False),
    Column("removed_ms", BigInteger, nullable=False),
)
"""Of which logs the site's policy removed the beginning: all up to `last`, whose chain value was `h_last`."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("unit", String(32), nullable=False, index=True),
    Column("topic", Text, nullable=False),
    Column("payload", Bytes, nullable=False),
    Column("reason", Text, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("times", BigInteger, nullable=False),
)

boots = Table(
    "boots",
    metadata,
    Column("unit", String(32), primary_key=True),
    Column("boot", String(8), primary_key=True),
    Column("up_ms", BigInteger, nullable=False),
    Column("utc_ms", BigInteger, nullable=False),
    Column("err_ms", BigInteger, nullable=False),
    Column("source", String(8), nullable=False),
    Column("pos", BigInteger, nullable=False),
)

units = Table(
    "units",
    metadata,
    Column("unit", String(32), primary_key=True),
    Column("online", Boolean, nullable=False),
    Column("boot", String(8)),
    Column("conn", BigInteger),
    Column("state", Bytes),
    Column("state_ms", BigInteger),
    Column("fix", Bytes),
    Column("fix_ms", BigInteger),
)
"""The live picture: `state` as a payload of what is known of it, `fix` the newest position that was not retained.

`fix_ms` is the gateway's UTC at which that position was measured: receipt less the fix's age.
"""

configs = Table(
    "configs",
    metadata,
    Column("unit", String(32), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("body", Bytes, nullable=False),
    Column("pushed_ms", BigInteger, nullable=False),
)

sinks = Table(
    "sinks",
    metadata,
    Column("sink", String(64), primary_key=True),
    Column("state", String(8), nullable=False),
    Column("why", Text),
    Column("since_ms", BigInteger, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("sink", String(64), primary_key=True),
    Column("stream", String(8), primary_key=True),
    Column("pos", BigInteger, nullable=False),
)

parked = Table(
    "parked",
    metadata,
    Column("sink", String(64), primary_key=True),
    Column("id", String(160), primary_key=True),
    Column("event", Bytes, nullable=False),
    Column("why", Text, nullable=False),
    Column("parked_ms", BigInteger, nullable=False),
    Column("retry", Boolean, nullable=False),
)

photos = Table(
    "photos",
    metadata,
    Column("unit", String(32), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("pos", BigInteger, nullable=False),
    Column("wanted", Boolean, nullable=False, server_default=true()),
    Column("lost", Text),
)
"""Photos that a unit's record announced; `pos` is the first such record's. Their bytes lie in files.

`wanted`: its file is not here, and may still come. `lost`: why it never will, by the unit's own word.
"""

WANTED = text("wanted")
"""Asked for at each greeting; the index holds no others, so that it stays small."""

Index("photos_wanted", photos.c.unit, photos.c.pos, sqlite_where=WANTED, postgresql_where=WANTED)
Index("photos_sha256", photos.c.sha256)

photo_files = Table(
    "photo_files",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("kept_ms", BigInteger, nullable=False),
    Column("removed_ms", BigInteger),
    Column("why", Text),
)
"""Each photo once, whichever units announced it: `kept_ms` when it was whole here and its hash held.

`removed_ms`, `why`: gone by the site's own policy; it is not taken again.
"""

KEPT = text("removed_ms IS NULL")
Index("photo_files_kept", photo_files.c.kept_ms, sqlite_where=KEPT, postgresql_where=KEPT)

photo_holds = Table(
    "photo_holds",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("incident", String(64), primary_key=True),
    Column("held_ms", BigInteger, nullable=False),
)
"""Photos that no policy removes while they stand here: evidence of an incident, by its name."""

unit_keys = Table(
    "unit_keys",
    metadata,
    Column("unit", String(32), primary_key=True),
    Column("public", String(64), nullable=False),
    Column("set_ms", BigInteger, nullable=False),
)
"""To which key (X25519, hex) secrets for a unit are sealed: from a technician's hand, never from the unit."""

suns = Table(
    "suns",
    metadata,
    Column("card", String(20), primary_key=True),
    Column("counter", BigInteger, primary_key=True),
    Column("unit", String(32), nullable=False),
    Column("log", String(25), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at_ms", BigInteger),
)
"""Which record used a card's counter first; `at_ms` None where no trusted clock dates it."""

sun_cases = Table(
    "sun_cases",
    metadata,
    Column("case", String(160), primary_key=True),
    Column("told_ms", BigInteger, nullable=False),
)
"""What was told already of SUN messages, so that each case is told once."""

orders = Table(
    "orders",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("unit", String(32), nullable=False, index=True),
    Column("what", String(64), nullable=False),
    Column("text", Text),
    Column("issued_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)
"""Orders as they were given; what became of them stands in the units' own records."""

reports = Table(
    "reports",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("unit", String(32), nullable=False, index=True),
    Column("total", BigInteger, nullable=False),
    Column("data", Bytes, nullable=False),
    Column("begun_ms", BigInteger, nullable=False),
)
"""What units sent because an order asked for it (`wire.report`), as far as it is here: the newest few of each."""

certificates = Table(
    "certificates",
    metadata,
    Column("serial", String(32), primary_key=True),
    Column("kid", String(16), index=True),
    Column("unit", String(32), nullable=False, index=True),
    Column("der", Bytes),
    Column("first_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Column("why", Text),
)
"""Every certificate of the site that was made here or seen, for ever, so that old batches stay verifiable.

`serial`: 32 hex digits, which sort by issue. `kid` names an Ed25519 key; None for a server's or a login's
(P-256). `unit` is the common name: a unit's, `gw`, or a broker's host. `first_ms`: made, or first seen.
`revoked_ms`, `why`: out since then. A row without `der` (its `unit` is empty) is a revocation that is known
from the authority's list alone, after the store was put back from an old copy.
"""

strikes = Table(
    "strikes",
    metadata,
    Column("unit", String(32), primary_key=True),
    Column("serial", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
)
"""Units that were put out, the latest time of each: every certificate up to `serial` is out, seen yet or not."""

requests = Table(
    "requests",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("unit", String(32), nullable=False, index=True),
    Column("message", Bytes, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),
    Column("why", Text),
    Column("cert", Bytes),
    Column("done_ms", BigInteger),
)
"""Signing requests of units: ingest adds one as `waiting`, the authority makes it `signed` or `refused`.

`message`: the payload of `up/csr` as it came, which the authority checks itself: it trusts no process that
hears the network. `id`: SHA-256 (hex) of unit and message, so that a repeated one is the same. `cert`: DER.
"""

codes = Table(
    "codes",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("unit", String(32), nullable=False),
    Column("key", String(64), nullable=False),
    Column("password", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
)
"""One-time codes with which a unit without a valid certificate gets one; the code itself is not kept.

`key`: what a `proof` is checked with, and `password` the broker's, each a hash of the code of its own.
"""

roots = Table(
    "roots",
    metadata,
    Column("date", String(10), primary_key=True),
    Column("pos", BigInteger, nullable=False),
)
"""Which days of the site's have their Merkle root; `pos` is where its record stands, and what it covers lies before."""

root_heads = Table(
    "root_heads",
    metadata,
    Column("unit", String(32), primary_key=True),
    Column("stream", String(8), primary_key=True),
    Column("log", String(25), primary_key=True),
    Column("date", String(10), primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("h", Bytes, nullable=False),
)
"""The head of a log (its last record, and the chain's value there) as a day's root has it.

Only where it moved since the root before: the head of a day is that of the newest row up to that day.
"""

releases = Table(
    "releases",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("version", String(32), nullable=False),
    Column("machine", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("least", String(32), nullable=False),
    Column("journal", Integer, nullable=False),
    Column("published_ms", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False, server_default="software"),
    UniqueConstraint("version", "machine", name="releases_identity"),
)
"""Releases for units that were published; each lies in the releases' folder under its hash.

`machine`: for which it is. A version is published once for each machine, and never another under its name.
`kind`: `software`, or `patches` of the operating system.
"""

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", String(32), nullable=False),
    Column("state", String(8), nullable=False),
    Column("why", Text),
    Column("most_failures", Integer, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False, server_default="software"),
)
"""Roll-outs of a version over the fleet (see `gateway.rollout.book`); one at most is `running`.

`kind`: its release's.
"""

rollout_units = Table(
    "rollout_units",
    metadata,
    Column("rollout", String(64), primary_key=True),
    Column("unit", String(32), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("order_id", String(64)),
    Column("why", Text),
)
"""Each unit's part in a roll-out: `waiting`, `ordered`, `under-way`, `done` or `failed`, by which release and order."""
