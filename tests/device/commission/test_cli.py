"""The command as a technician runs it, with a receiver of its own or beside a unit that has it."""

import json
import os
import shutil
import socket

import msgspec
import pytest

import xunkong
from device.bulletin import Bulletin
from device.commission.run import commission as look
from device.core.present import Present, Way
from device.journal.journal import Journal
from device.system import up_ms
from hardware.gps.synthetic import drive
from hardware.gps.twin import GpsTwin
from sim.broker import free_port
from wire.live import LiveFix, State
from wire.track import TrackFix


@pytest.fixture
def door():
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


@pytest.fixture
def run(tmp_path, capsys):
    def run(port, parts="", *more):
        path = tmp_path / "device.toml"
        path.write_text(
            '[unit]\nid = "cp-1"\nrole = "checkpoint"\n[[broker]]\nhost = "127.0.0.1"\n'
            f'port = {port}\ntls = false\n[journal]\npath = "journal.db"\n{parts}',
            "utf-8",
        )
        words = ["--lang", "en", "device", "commission", "--config", str(path), "--seconds", "0.2"]
        code = xunkong.main([*words, *more])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_a_place_by_hand_and_a_link(run, door, tmp_path):
    code, said = run(door, "", "--at", "27.2418,111.4725")
    assert code == 0, said
    assert "fit for duty here" in said and "lat = 27.241800  lon = 111.472500" in said
    sheet = json.loads((tmp_path / "commission.json").read_text("utf-8"))
    assert (sheet["unit"], sheet["fit"], sheet["link"]["lost_pct"]) == ("cp-1", True, 0)
    assert "27.241800,111.472500" in (tmp_path / "commission.html").read_text("utf-8")


def test_the_sheet_of_root_belongs_to_whom_the_folder_does(run, door, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root gives files to others")
    shutil.chown(tmp_path, 12_345, 23_456)
    assert run(door, "", "--at", "27.2418,111.4725")[0] == 0
    for name in ("commission.json", "commission.html"):
        found = (tmp_path / name).stat()
        assert (found.st_uid, found.st_gid) == (12_345, 23_456)


def test_the_sheet_follows_no_link(run, door, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (tmp_path / "commission.html").symlink_to(elsewhere)
    code, said = run(door, "", "--at", "27.2418,111.4725")
    assert code == 2 and "--report" in said
    assert elsewhere.read_text() == "mine"


def test_without_a_link_it_is_not_fit(run):
    code, said = run(free_port(), "", "--at", "27.2418,111.4725")
    assert (code, "NOT fit for duty here" in said, "never answered" in said) == (1, True, True)


def test_beside_a_running_unit_its_own_fixes_count(run, door, tmp_path):
    gps = '[gps]\nport = "/dev/ttyNONE9"\n'
    journal = Journal.open(tmp_path / "journal.db")
    try:
        for back_ms in (120_000, 60_000, 1_000):
            fix = TrackFix(None, up_ms() - back_ms, 27.2418, 111.4725, sats=9)
            journal.keep_fix(msgspec.json.encode(fix))
        code, said = run(door, gps, "--json")
    finally:
        journal.close()
    row = json.loads(said)
    assert (code, row["place"]["fixes"], row["place"]["lat"]) == (0, 3, 27.2418), said


def test_else_the_receiver_is_listened_to(run, door, tmp_path):
    twin = GpsTwin(b"".join(drive(1_790_000_000_000, 60, 1)), restamp=True, loop=True, rate=20)
    twin.start()
    try:
        _, said = run(door, f'[gps]\nport = "{twin.port}"\n', "--json", "--seconds", "3")
    finally:
        twin.stop()
    assert json.loads(said)["place"]["fixes"] > 0


def test_no_position_is_not_fit(run, door):
    code, said = run(door)
    assert (code, "give --at LAT,LON" in said) == (1, True)


@pytest.mark.parametrize("seconds", ["0", "-1", "4000", "nan"])
def test_how_long_has_limits(run, door, seconds):
    code, said = run(door, "", "--seconds", seconds)
    assert (code, "give more than 0, at most 3600" in said) == (2, True)


def test_a_sheet_that_cannot_be_written(run, door, tmp_path):
    (tmp_path / "file").touch()
    code, said = run(door, "", "--at", "1,1", "--report", str(tmp_path / "file"))
    assert (code, "give another folder by --report" in said) == (2, True)


def test_beside_a_running_checkpoint_what_it_tells_counts(run, door, tmp_path, monkeypatch):
    """It keeps no positions."""
    fix = LiveFix(27.2418, 111.4725, 500, hacc_m=3.0)
    state = State(1, "cp-1", True, "b0000001", 1, role="checkpoint", fix=fix)
    Bulletin(tmp_path).post(Present(up_ms(), None, Way(), state))
    monkeypatch.setattr(look, "__defaults__", (tmp_path,))
    journal = Journal.open(tmp_path / "journal.db")
    try:
        _, said = run(door, '[gps]\nport = "/dev/ttyNONE9"\n', "--json")
    finally:
        journal.close()
    assert json.loads(said)["place"]["lat"] == 27.2418
