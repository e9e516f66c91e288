"""The computer's gauges, from files of the test's own."""

import os

import pytest

from hardware.board.readings import THROTTLED, UNDER_VOLTAGE, Board, BoardReading


@pytest.fixture
def root(tmp_path):
    def put(path, text):
        place = tmp_path / "root" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")

    (tmp_path / "root").mkdir()
    put.path = tmp_path / "root"
    number = tmp_path.stat().st_dev
    block = f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
    put.stat, put.uevent = f"{block}/stat", f"{block}/uevent"
    put.board = lambda ask=lambda: "": Board(tmp_path, put.path, ask)
    return put


def test_all_gauges(root):
    root("sys/class/thermal/thermal_zone0/temp", "48312\n")
    root("sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n")
    root("proc/self/statm", "20000 10240 5000 1 0 9000 0\n")
    root("proc/meminfo", "MemTotal:  948304 kB\nMemFree: 11 kB\nMemAvailable:   614400 kB\n")
    root("proc/sys/kernel/random/boot_id", "9c1b22f0-77aa-4cde-9f00-0123456789ab\n")
    root(root.uevent, "MAJOR=179\nMINOR=2\nDEVNAME=mmcblk0p2\nDEVTYPE=partition\n")
    root(root.stat, " 4410 1 2 3 900 11 2048 5 0 6 7\n")
    found = root.board().read()
    assert found.cpu_c == pytest.approx(48.312)
    assert found.throttled == 0x50005
    assert found.throttled & UNDER_VOLTAGE and found.throttled & THROTTLED
    assert (found.mem_free_mb, found.mem_mb) == (600, 10240 * os.sysconf("SC_PAGE_SIZE") // 2**20)
    assert found.disk_free_mb > 0
    assert (found.written.session, found.written.total_bytes) == ("card 9c1b22f0", 2048 * 512)


@pytest.mark.parametrize("rubbish", ["", "warm", "\n", "9" * 40, "übel"])
def test_what_a_gauge_cannot_say_is_none_not_0(root, rubbish):
    for path in (
        "sys/class/thermal/thermal_zone0/temp",
        "sys/devices/platform/soc/soc:firmware/get_throttled",
        "proc/self/statm",
        "proc/meminfo",
        "proc/self/io",
        root.uevent,
        root.stat,
    ):
        root(path, rubbish)
    found = root.board().read()
    assert found == BoardReading(disk_free_mb=found.disk_free_mb)


def test_no_gauge_at_all(tmp_path):
    board = Board(tmp_path / "no folder", tmp_path / "nothing", lambda: "")
    assert board.read() == BoardReading()


@pytest.mark.parametrize(
    ("said", "word"), [("throttled=0x50000\n", 0x50000), ("throttled=0x0\n", 0), ("error", None)]
)
def test_without_a_kernel_file_the_command_is_asked(root, said, word):
    assert root.board(lambda: said).read().throttled == word


@pytest.mark.parametrize("device", [None, "vda", "nvme0n1p2", "sda1"])
def test_where_there_is_no_card_only_the_process_is_counted(root, device):
    if device:
        root(root.uevent, f"DEVNAME={device}\n")
        root(root.stat, " 4410 1 2 3 900 11 2048 5 0 6 7\n")
    root("proc/self/io", "rchar: 1\nwchar: 2\nwrite_bytes: 40960\ncancelled_write_bytes: 0\n")
    root("proc/self/stat", "7 (a b) c) S " + " ".join(str(n) for n in range(1, 40)))
    written = root.board().read().written
    assert written.total_bytes == 40960
    assert written.session == "own  19"


def test_this_machine_has_gauges(tmp_path):
    found = Board(tmp_path, ask=lambda: "").read()
    assert found.mem_mb > 5
    assert found.disk_free_mb is not None
