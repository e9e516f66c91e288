"""What all tests of the contract share: one record of every kind."""

import pytest

from wire import records as rec

HEAD = {
    "boot": "9c1b22f0",
    "up_ms": 61_000,
    "at_ms": 1_763_890_000_000,
    "clock": "gnss",
    "clock_err_ms": 300,
    "pos": rec.Position(27.2418, 111.4725, 2.1, 120),
}
REF = rec.Ref("event", "5f0c9a1e77b2d4c8", 12)
EXAMPLES = (
    rec.Boot(
        **HEAD,
        version="0.4.0",
        role="vehicle",
        last_stop="power_cut",
        logs={"event": "5f0c9a1e77b2d4c8"},
    ),
    rec.Clock(**HEAD, utc_ms=1_763_890_000_000, source="gnss", err_ms=300),
    rec.Checkin(
        **HEAD,
        badge="04a1b2c3d4e5f6",
        person="p-10233",
        place="村口",
        method="nfc",
        proof="sun",
        result="accepted",
        duty="patrol",
        sun="picc=EF96",
        sun_counter=61,
    ),
    rec.Crew(**HEAD, badge="04a1b2c3", person=None, action="on", result="unknown"),
    rec.Duty(**HEAD, duty="fire-watch", ref=REF, count=3, note="烟囱两处"),
    rec.Photo(
        **HEAD, sha256="ab" * 32, bytes=81_920, width=1280, height=720, reason="checkin", ref=REF
    ),
    rec.Alarm(**HEAD, alarm="part", what="silent", part="gps", active=False, since_ms=1),
    rec.Arrive(**HEAD, place="pl-7", earliest_ms=1, latest_ms=None, hacc_m=3.0),
    rec.Leave(**HEAD, place="pl-7", earliest_ms=None, latest_ms=2),
    rec.Order(**HEAD, id="o-1", outcome="refused", why="its nonce is old"),
    rec.Config(**HEAD, version=14, outcome="refused", why="older than 15"),
    rec.Dropped(
        **HEAD,
        stream="track",
        log="5f0c9a1e77b2d4c8",
        first=1,
        last=9,
        h_last="cd" * 32,
        why="evicted",
        from_ms=5,
    ),
    rec.Removed(
        **HEAD,
        what="event",
        count=9,
        before_ms=5,
        why="kept for 365 days",
        unit="v-1",
        log="5f0c9a1e77b2d4c8",
        first=1,
        last=9,
    ),
    rec.Root(
        **HEAD,
        date="2026-11-24",
        root="ef" * 32,
        logs=7,
        algorithm="rfc6962-sha256",
    ),
    rec.Imported(
        **HEAD,
        unit="v-1",
        what="event",
        log="5f0c9a1e77b2d4c8",
        first=1,
        last=9,
        count=9,
        kid="0123456789abcdef",
        sha256="ef" * 32,
        exported_ms=5,
    ),
    rec.Track(
        **HEAD,
        t0_ms=1_763_890_000_000,
        up0_ms=61_000,
        dt_ms=[0, 1000],
        lat_e7=[272_418_000, 12],
        lon_e7=[1_114_725_000, -7],
        speed_cm_s=[830, None],
        course_ddeg=[None, 2715],
        hacc_dm=[21, 1],
        sats=[9, 0],
    ),
)


@pytest.fixture(scope="session")
def examples():
    """One record of every kind that the contract knows."""
    return EXAMPLES


def pytest_generate_tests(metafunc):
    """A test that asks for `example` runs once with a record of each kind."""
    if "example" in metafunc.fixturenames:
        metafunc.parametrize("example", EXAMPLES, ids=lambda record: type(record).__name__)
