"""From a tap to its photo at the gateway: real processes, a real broker, and everything cut in the middle."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gateway.orders import give
from gateway.roster import Wanted
from gateway.unit_config import push
from hardware.camera.twin import Control
from sim.city import City, wait_for
from sim.demo import Checkpoint
from sim.measure.photos import arrivals, over
from sim.narrow import Road
from sim.tally import UnitTally

pytestmark = pytest.mark.timeout(300)

WAIT_S = 90.0
BEEP_S = 30.0
SMALL, LARGE = (640, 480), (3840, 2160)

Make = Callable[..., Checkpoint]
Settle = Callable[..., list[UnitTally]]


def with_camera(at: Checkpoint, size: tuple[int, int] = SMALL) -> Control:
    """Gives a unit that is not started yet a simulated camera."""
    with at.unit.config.open("a", encoding="utf-8") as file:
        file.write(f'[camera]\nkind = "sim"\nwidth = {size[0]}\nheight = {size[1]}\nquality = 90\n')
    return Control(at.unit.folder / "camera.control")


def tap(at: Checkpoint) -> str:
    """A tap, which must beep; its badge."""
    made = at.tapper.tap(at.tapper.new_badge(), BEEP_S)
    assert made.beep_ns is not None, f"no beep at {at.unit.name} within {BEEP_S} s"
    return made.uid


def photos(city: City) -> list[dict[str, Any]]:
    """What `xunkong gateway photos` says."""
    command = [sys.executable, "-m", "xunkong", "gateway", "photos", "--json"]
    done = subprocess.run(
        [*command, "--config", str(city.gateway_toml)],
        stdout=subprocess.PIPE,
        timeout=WAIT_S,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def all_kept(city: City, count: int) -> bool:
    rows = photos(city)
    return len(rows) == count and all(row["state"] == "kept" for row in rows)


def part_bytes(city: City) -> int:
    """How much the gateway has of the photo that is on its way; 0 where none is."""
    found = list((city.folder / "photos").glob("parts/*/*.part"))
    return found[0].stat().st_size if found else 0


def done_at(at: Checkpoint) -> dict[str, bytes]:
    """The photos that the unit knows to be at the gateway, by their hash."""
    folder = at.unit.folder / "photos" / "done"
    found = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
    return {sha256(data).hexdigest(): data for data in found}


def identical(city: City, at: Checkpoint, count: int) -> bool:
    """Whether the gateway has `count` photos of the unit, byte for byte."""
    kept = {row["sha256"]: Path(row["file"]).read_bytes() for row in photos(city)}
    return len(kept) == count and kept == done_at(at)


def test_a_tap_brings_its_photo_to_the_gateway(
    city: City, checkpoint: Make, settled: Settle
) -> None:
    at = checkpoint()
    with_camera(at)
    at.unit.program.start()
    uid = tap(at)
    assert wait_for(lambda: all_kept(city, 1), WAIT_S)
    settled(at)
    assert wait_for(lambda: len(done_at(at)) == 1, WAIT_S)
    assert identical(city, at, 1)
    (row,) = photos(city)
    checkin = next(one for one in city.committed("checkin") if one["record"]["badge"] == uid)
    assert (row["reason"], row["ref"], row["size"]) == ("checkin", checkin["id"], "640x480")
    assert row["record"]["sha256"] == sha256(Path(row["file"]).read_bytes()).hexdigest()
    with Image.open(row["file"]) as image:
        image.load()
        assert image.getexif()[0x010E] == checkin["id"]


@pytest.mark.chaos
def test_the_broker_is_cut_and_the_unit_killed_in_the_middle(
    city: City, checkpoint: Make, settled: Settle
) -> None:
    at = checkpoint()
    with_camera(at, LARGE)
    at.unit.program.start()
    tap(at)
    assert wait_for(lambda: part_bytes(city) > 0, WAIT_S)
    city.broker.cut()
    tap(at)
    taken = at.unit.folder / "photos"
    assert wait_for(lambda: len(list(taken.glob("*/*.jpg"))) == 2, WAIT_S)
    reached = part_bytes(city)
    assert reached, "the photo was too small to be cut in the middle"
    city.broker.start()
    assert wait_for(lambda: part_bytes(city) > reached, WAIT_S)
    at.unit.program.kill()
    assert part_bytes(city) > reached, "the photo was too small to be cut twice"
    at.unit.program.start()
    assert wait_for(lambda: all_kept(city, 2) and identical(city, at, 2), WAIT_S)
    settled(at)


def test_a_tap_beeps_and_arrives_while_the_camera_hangs(
    city: City, checkpoint: Make, settled: Settle
) -> None:
    at = checkpoint()
    control = with_camera(at)
    control.set("hang")
    at.unit.program.start()
    for _ in range(5):
        tap(at)
    settled(at)
    assert wait_for(lambda: "silent" in camera_alarms(city), WAIT_S)
    assert photos(city) == []


def camera_alarms(city: City) -> list[str]:
    return [
        one["record"]["what"]
        for one in city.committed("alarm")
        if one["record"].get("part") == "camera"
    ]


def test_a_folder_that_the_gateway_lost_is_filled_again_by_the_units(
    city: City, checkpoint: Make, settled: Settle
) -> None:
    at = checkpoint()
    with_camera(at)
    at.unit.program.start()
    tap(at)
    tap(at)
    assert wait_for(lambda: all_kept(city, 2) and len(done_at(at)) == 2, WAIT_S)
    city.gateway.kill()
    shutil.rmtree(city.folder / "photos")
    city.gateway.start()
    assert wait_for(lambda: all_kept(city, 2) and identical(city, at, 2), WAIT_S)
    settled(at)
    own = [one["record"]["what"] for one in city.committed("alarm") if one["unit"] == "gw"]
    assert any(what.startswith("2 photos are gone") for what in own)


@pytest.mark.chaos
def test_taps_reach_the_platform_while_a_photo_trickles_over_a_2g_link(
    city: City, checkpoint: Make, settled: Settle
) -> None:
    """20 kbit/s, 800 ms there and back, losses; the photo was begun before the first tap, and ends after the last."""
    push(city.store, "cp-1", Wanted(photo_on=("order",)))
    at = checkpoint("cp-1")
    with_camera(at, (320, 240))
    narrow = over(city, at, Road(bytes_s=2_500, delay_s=0.4, loss=0.02))
    try:
        at.unit.program.start()
        assert wait_for(lambda: _uses(city, "cp-1"), WAIT_S)
        give(city.store, "cp-1", "photo", None, 300)
        assert wait_for(lambda: part_bytes(city) > 0, WAIT_S)
        for _ in range(3):
            uid, before = tap(at), part_bytes(city)
            assert wait_for(lambda uid=uid: uid in arrivals(city, "cp-1"), WAIT_S)
            assert before
            assert part_bytes(city), "the photo was whole before the taps; make it larger"
        assert wait_for(lambda: all_kept(city, 1) and identical(city, at, 1), WAIT_S)
        settled(at)
    finally:
        at.unit.program.stop()
        narrow.close()


def test_what_is_photographed_is_the_citys_to_say(
    city: City, checkpoint: Make, settled: Settle
) -> None:
    push(city.store, "cp-1", Wanted(photo_on=("sos",)))
    at = checkpoint("cp-1")
    with_camera(at)
    at.unit.program.start()
    assert wait_for(lambda: _uses(city, "cp-1"), WAIT_S)
    tap(at)
    settled(at)
    assert not list((at.unit.folder / "photos").glob("*/*.jpg"))


def _uses(city: City, unit: str) -> bool:
    row = city.rows().get(unit)
    return row is not None and row.config == 1


@pytest.mark.chaos
def test_kills_at_any_moment_lose_no_photo_that_has_a_record(
    city: City, checkpoint: Make, settled: Settle
) -> None:
    """Unit and gateway in turn; the moments go through the whole way of a photo of half a second."""
    at = checkpoint()
    with_camera(at, (1920, 1080))
    at.unit.program.start()
    tap(at)
    for step in range(12):
        tap(at)
        wait_for(lambda: False, 0.05 * step)
        victim = city.gateway if step % 3 == 2 else at.unit.program
        victim.kill()
        victim.start()
    tap(at)

    def nothing_waits() -> bool:
        folder = at.unit.folder / "photos"
        states = ("new", "waiting", "lost")
        return not any(path for state in states for path in (folder / state).iterdir())

    assert wait_for(lambda: nothing_waits() and identical(city, at, len(done_at(at))), WAIT_S)
    settled(at)
    announced = [one["record"]["sha256"] for one in city.committed("photo")]
    assert sorted(announced) == sorted(done_at(at))
    assert len(announced) >= 2
