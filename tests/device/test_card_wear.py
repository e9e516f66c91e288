"""How a unit writes to its SD card while it drives: seldom, and much at a time. How much: see the bench, `sd`."""

from device.core.events import Fix
from device.core.fences import moved
from sim.measure.shift import UTC0_MS, Shift
from wire.orders import UnitConfig

MINUTES = 10


class Commits:
    """Counts commits by whether they wait for the medium (an fsync each), as SQLite itself reports them."""

    def __init__(self, journal):
        self.waited = self.all = 0
        self._full = False
        journal._db.storage.connection.set_trace_callback(self._heard)

    def _heard(self, statement):
        if statement.startswith("PRAGMA synchronous"):
            self._full = statement.endswith("FULL")
        elif statement == "COMMIT":
            self.all += 1
            self.waited += self._full


def fix(second):
    up_ms = 1_000 + second * 1_000
    lat, lon = moved(27.24, 111.47, 0.0, 12.0 * second)
    return Fix(up_ms, lat, lon, UTC0_MS + up_ms, True, 12.0, 0.0, 3.0)


def drive(shift, seconds):
    for second in seconds:
        shift.go_on(second, [fix(second)])


def test_raspberrypi_397_positions_are_gathered_and_do_not_wear_the_card(tmp_path):
    """A fix a second; at most ten writes a minute are forced onto the medium, and three segments are made."""
    with Shift("vehicle", tmp_path, UnitConfig()) as shift:
        drive(shift, range(1, 60))
        commits, segments = Commits(shift.journal), shift.journal.logs("track")[-1].last
        drive(shift, range(60, 60 + MINUTES * 60))
        assert 6 * MINUTES <= commits.waited <= 10 * MINUTES
        assert commits.all <= 70 * MINUTES
        assert 1 <= shift.journal.logs("track")[-1].last - segments <= 3 * MINUTES
        assert shift.journal.logs("track")[-1].next > segments + 1
