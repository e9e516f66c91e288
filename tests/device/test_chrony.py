"""What chronyd gets: exact bytes on a real socket, and a real chronyd that may not touch any clock."""

import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from device.chrony import ChronyFeed, sample

MS = 1_763_890_000_123


@pytest.fixture
def folder():
    """A short path: a Unix socket's may have 107 characters."""
    with tempfile.TemporaryDirectory(prefix="xk-") as name:
        yield Path(name)


@pytest.fixture
def feed(folder):
    made = ChronyFeed(folder / "gps.sock")
    yield made
    made.close()


@pytest.fixture
def listener(folder):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(folder / "gps.sock"))
        bound.settimeout(5)
        yield bound


def test_the_forty_bytes_of_a_sample():
    raw = sample(MS, -1_500)
    assert len(raw) == 40
    assert struct.unpack("@qqdiiii", raw) == (
        1_763_890_000, 123_000, -1.5, 0, 0, 0, 0x534F434B,
    )  # fmt: skip
    little = bytes.fromhex("50d322690000000078e0010000000000000000000000f8bf")
    assert raw == little + bytes(12) + b"KCOS"


def test_a_sample_over_a_real_socket(feed, listener):
    assert feed.send(MS, 250)
    assert listener.recv(100) == sample(MS, 250)


def test_where_nobody_listens_nothing_happens(feed, folder):
    assert not feed.send(MS, 0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(folder / "gps.sock"))
        assert feed.send(MS, 0)
    assert not feed.send(MS, 0)


def test_a_listener_that_reads_nothing_never_blocks_the_unit(feed, listener):
    taken = sum(feed.send(MS + n, 0) for n in range(10_000))
    assert 0 < taken < 10_000
    assert listener.recv(100) == sample(MS, 0)


@pytest.fixture
def chronyd(folder):
    """A chronyd of the test's own; `-x`: it never touches the system's clock."""
    if shutil.which("chronyd") is None:
        pytest.skip("chronyd is not installed: apt install chrony")
    (folder / "chrony.conf").write_text(
        f"refclock SOCK {folder}/gps.sock refid GPS poll 0 filter 1 delay 0.3\n"
        f"cmdport 0\nport 0\nbindcmdaddress {folder}/cmd.sock\npidfile {folder}/pid\n",
        "ascii",
    )
    folder.chmod(0o770)
    user = ["-u", "root"] if os.getuid() == 0 else ["-U"]
    command = ["chronyd", "-x", "-d", *user, "-f", str(folder / "chrony.conf")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield folder / "cmd.sock"
        process.terminate()
        process.wait(10)


@pytest.mark.chaos
def test_a_real_chronyd_takes_the_receiver_as_a_reference(chronyd, feed):
    """Slow: chronyd looks at its reference once a second. A system 150 ms behind shows as -0.15 s."""
    ask, pause = ["chronyc", "-h", str(chronyd), "-c", "sources"], threading.Event()
    for _ in range(300):
        wall_ms = int(subprocess.check_output(["date", "+%s%3N"]))
        feed.send(wall_ms, 150)
        pause.wait(0.1)
        told = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
        fields = told.strip().split(",")
        if fields[0] == "#" and int(fields[5], 8):
            break
    assert fields[2] == "GPS"
    assert float(fields[8]) == pytest.approx(-0.150, abs=0.001)
