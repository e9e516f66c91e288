"""The firmware's files: ours between marks, the rest as it was, and the old ones beside them."""

import pytest

from provision.steps.boot import BACKUP, BEGIN, END, REBOOT, boot, with_fragment, without_words
from tests.provision.conftest import FRAGMENT, facts, faulty

CONFIG, CMDLINE = "/boot/firmware/config.txt", "/boot/firmware/cmdline.txt"
BLOCK = f"{BEGIN}\n[all]\nenable_uart=1\ndtoverlay=uart3\n{END}\n"


@pytest.mark.parametrize("old", ["", "a=1\n", "a=1", "[cm5]\r\nx\n\n"])
def test_the_fragment_comes_at_the_end_once(old):
    new = with_fragment(old, FRAGMENT)
    assert new == old + ("" if old.endswith("\n") or not old else "\n") + BLOCK
    assert with_fragment(new, FRAGMENT) == new


def test_another_fragment_takes_the_place_of_the_one_before():
    old = f"a=1\n{BEGIN}\nold\n{END}\nhand=made\n"
    assert with_fragment(old, FRAGMENT) == f"a=1\n{BLOCK}hand=made\n"


def test_what_lost_its_end_is_made_whole():
    assert with_fragment(f"a=1\n{BEGIN}\nold\n", FRAGMENT) == f"a=1\n{BLOCK}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("console=serial0,115200 console=tty1 rootwait\n", "console=tty1 rootwait\n"),
        ("console=tty1  rootwait", "console=tty1  rootwait"),
        ("xconsole=serial0,115200 a\n", "xconsole=serial0,115200 a\n"),
    ],
)
def test_words_are_taken_from_the_one_line(old, new):
    assert without_words(old, ["console=serial0,115200"]) == new


def test_both_files_are_written_and_kept_and_a_restart_is_due(make_job):
    job = make_job()
    old = {CONFIG: b"a=1\n", CMDLINE: b"console=serial0,115200 x\xff\n"}
    job.machine.files |= old
    assert boot(job).changed
    assert job.machine.files[CONFIG] == b"a=1\n" + BLOCK.encode()
    assert job.machine.files[CMDLINE] == b"x\xff\n"
    assert {path: job.machine.files[path + BACKUP] for path in old} == old
    assert REBOOT in job.machine.due
    assert not boot(job).changed
    assert job.machine.files[CONFIG + BACKUP] == b"a=1\n"


def test_the_first_backup_is_the_one_that_stays(make_job):
    job = make_job()
    job.machine.files |= {CONFIG: b"b=2\n", CMDLINE: b"x\n", CONFIG + BACKUP: b"first\n"}
    boot(job)
    assert job.machine.files[CONFIG + BACKUP] == b"first\n"


def test_bluetooth_is_silenced_where_it_has_a_service(make_job):
    job = make_job()
    job.machine.files |= {CONFIG: b"", CMDLINE: b"x\n"}
    job.machine.says["systemctl cat hciuart"] = ""
    boot(job)
    off = {"service": "hciuart.service", "running": False, "enabled": False}
    assert job.machine.done == [("service", off)]


def test_a_machine_that_is_no_pi_is_left_alone(make_job):
    job = make_job(known=facts(board=None, model=""))
    assert not boot(job).changed
    assert not job.machine.files


def test_a_boot_partition_that_is_not_there(make_job):
    assert "Give its place by --boot-folder" in faulty(boot, make_job())
