"""What a machine says of itself, and whether it can become a unit."""

import pytest

from provision.host.facts import ask_facts, board_of, check_fit, read_facts
from provision.host.machine import Machine
from provision.kinds import Kind
from tests.provision.conftest import KIND, facts, faulty

SAID = """\
os=bookworm
arch=arm64
model=Raspberry Pi 4 Model B Rev 1.4
serial=100000004a1b2c3d
python=3.11
free_mb=25000
now=1795800000
steered=no
boot=31e16da4-6b28-42d7-8b1b-f05e41377614
slot=slots/a
software=feab
version=0.1.0
packages=ii adduser;rc old;ii chrony;
reboot=yes
readers=usb-1a86-if00 usb-FTDI
network=NetworkManager networking
"""


def test_what_a_pi_says():
    found = read_facts(SAID, 1_795_800_090.0)
    assert found == facts(
        serial="100000004a1b2c3d",
        free_mb=25000,
        behind_s=90.0,
        boot_id="31e16da4-6b28-42d7-8b1b-f05e41377614",
        slot="slots/a",
        software="feab",
        version="0.1.0",
        packages=("adduser", "chrony"),
        reboot_due=True,
        readers=("usb-1a86-if00", "usb-FTDI"),
        network=("NetworkManager", "networking"),
    )
    assert found.kind == KIND


@pytest.mark.parametrize("said", ["", "os=bookworm\n", SAID.replace("25000", "much")])
def test_an_answer_that_is_not_understood(said):
    assert "is not understood" in faulty(read_facts, said, 0.0)


def test_this_very_machine_answers(tmp_path):
    (tmp_path / "model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    with Machine(None, dry=True) as machine:
        found = ask_facts(machine, str(tmp_path / "model"))
    assert (found.board, len(found.boot_id)) == ("pi5", 36)
    assert abs(found.behind_s) < 60
    assert "dpkg" in found.packages


@pytest.mark.parametrize(
    ("model", "board"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0", "pi5"),
        ("Raspberry Pi Compute Module 4 Rev 1.1", "pi4"),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "pi3"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "zero2w"),
        ("Raspberry Pi Zero W Rev 1.1", None),
        ("", None),
    ],
)
def test_the_books_name_of_a_board(model, board):
    assert board_of(model) == board


def test_a_machine_that_fits():
    check_fit(facts(), KIND)


@pytest.mark.parametrize(
    ("known", "made_for", "said"),
    [
        (
            facts(),
            Kind("trixie", "aarch64"),
            "provision bundle --for unit --arch aarch64 --os bookworm",
        ),
        (facts(arch="armhf"), KIND, "bookworm armhf is not supported"),
        (facts(python="3.9"), KIND, "Python is 3.9, not 3.11"),
        (facts(free_mb=120), KIND, "120 MB are free"),
    ],
)
def test_a_machine_that_does_not_fit_is_told_why(known, made_for, said):
    assert said in faulty(check_fit, known, made_for)
