"""The book agrees with itself, the code and the defaults; each kind of disagreement is told."""

import shutil

import pytest

from hardware.book.__main__ import main
from hardware.book.check import Book, findings, write


@pytest.fixture
def book(tmp_path):
    """A copy of everything that the check reads."""
    there = Book()
    shutil.copytree(there.folder, tmp_path / "book", ignore=shutil.ignore_patterns("*.py*"))
    shutil.copy(there.panel, tmp_path / "panel.py")
    shutil.copy(there.site, tmp_path / "site.py")
    return Book(tmp_path / "book", tmp_path / "panel.py", tmp_path / "site.py")


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_the_book_is_whole(book):
    assert findings() == []
    assert findings(book) == []
    assert main(["--check"]) == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("pins/vehicle.toml", "pin = 11,", "pin = 12,", "vehicle: pin 12 is GPIO18, not GPIO17"),
        ("pins/vehicle.toml", "pin = 11,", "pin = 41,", "vehicle: pin 41 is None"),
        (
            "pins/vehicle.toml",
            'pin = 11, net = "GPIO17"',
            'pin = 13, net = "GPIO27"',
            "vehicle: pin 13 (GPIO27) is given 2 times",
        ),
        (
            "pins/checkpoint-uart.toml",
            'pin = 11, net = "GPIO17"',
            'pin = 37, net = "GPIO26"',
            "checkpoint-uart: sos is on GPIO26, but on GPIO17",
        ),
        ("pins/vehicle.toml", ', job = "ignition"', "", "vehicle: ignition is not wired"),
        ("pins/vehicle.toml", 'terminal = "RXD"', 'terminal = "TXD"', "GPIO4 goes to TXD, not RXD"),
        (
            "pins/vehicle.toml",
            'pin = 7, net = "GPIO4"',
            'pin = 24, net = "GPIO8"',
            "/dev/ttyAMA3 has nfc.tx on GPIO4, the table on GPIO8",
        ),
        (
            "pins/vehicle.toml",
            'pi5 = "/dev/ttyAMA2"',
            'pi5 = "/dev/ttyAMA3"',
            "pi5 has no port /dev/ttyAMA3 for nfc",
        ),
        ("pins/vehicle.toml", ', pi5 = "/dev/ttyAMA2"', "", "vehicle: no port for nfc on pi5"),
        (
            "pins/vehicle.toml",
            'pin = 3, net = "GPIO2"',
            'pin = 37, net = "GPIO26"',
            "vehicle: rtc.sda is on GPIO26, not GPIO2",
        ),
        (
            "pins/vehicle.toml",
            'pin = 11, net = "GPIO17"',
            'pin = 29, net = "GPIO5"',
            "vehicle, pi4: sos on GPIO5 collides with /dev/ttyAMA3",
        ),
        ("boot/config.pi4.txt", "dtoverlay=uart3\n", "", "config.pi4.txt: no line dtoverlay=uart3"),
        (
            "boot/config.pi5.txt",
            "dtoverlay=uart2-pi5",
            "#dtoverlay=uart2-pi5",
            "config.pi5.txt: no line dtoverlay=uart2-pi5",
        ),
        (
            "boot/config.pi3.txt",
            "dtparam=i2c_arm=on\n",
            "",
            "config.pi3.txt: no line dtparam=i2c_arm=on",
        ),
        ("boot/cmdline.remove.txt", "serial0", "tty1", "console=serial0,115200 is missing"),
        ("bom.csv", "\ngps,", "\ngnss,", "bom.csv: no row gps for vehicle"),
        ("wiring/vehicle.svg", "GPIO17", "GPIO16", "wiring/vehicle.svg is not what the pin table"),
        ("wiring/vehicle.md", "GPIO17", "GPIO16", "wiring/vehicle.md is not what the pin table"),
        ("../panel.py", '"sos": 17', '"sos": 5', "sos is on GPIO17, but on GPIO5 in panel.py"),
        ("../panel.py", "PIN = 22", "PIN = 25", "ignition is on GPIO22, but on GPIO25"),
        ("../panel.py", "= 18, 23, 24", "= 18, 24, 23", "green is on GPIO23, but on GPIO24"),
        ("../site.py", "/dev/ttyAMA3", "/dev/ttyAMA2", "[nfc] port is /dev/ttyAMA2, but"),
        ("../site.py", "/dev/ttyAMA0", "/dev/ttyS0", "[gps] port is /dev/ttyS0, but vehicle"),
    ],
)
def test_a_disagreement_is_told(book, file, old, new, told):
    edit(book.folder / file, old, new)
    assert [said for said in findings(book) if told in said]


def test_a_drawing_of_no_role_is_told_and_removed(book):
    (book.folder / "wiring" / "old.svg").write_text("<svg/>", "ascii")
    assert any("wiring/old.svg" in said for said in findings(book))
    write(book.folder)
    assert findings(book) == []


def test_a_boot_fragment_that_is_gone_is_told(book):
    (book.folder / "boot" / "config.zero2w.txt").unlink()
    assert any("config.zero2w.txt" in said for said in findings(book))
