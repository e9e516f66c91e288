"""What apt says is read, and its files are listed so that another apt takes them."""

import shutil
import subprocess

import pytest

from provision.bundle.debs import _plain, installs, required, upgrades, write_index

AVAILABLE = """\
Package: libc6
Priority: optional

Package: base-files
Essential: yes
Priority: required
Section: admin

Package: dpkg
Priority: required
"""
SIMULATED = """\
NOTE: This is only a simulation!
Inst libcap2 (1:2.66-4 Debian:12.11/stable [arm64])
Inst chrony [4.2] (4.3-2+deb12u1 Debian:12.11/stable [arm64])
Inst horn [9] (9 Debian:12.11/stable [arm64])
Conf libcap2 (1:2.66-4 Debian:12.11/stable [arm64])
"""


def test_what_every_image_has():
    assert required(AVAILABLE) == ["base-files", "dpkg"]


def test_what_would_be_installed():
    assert installs(SIMULATED) == ["libcap2=1:2.66-4"]
    assert upgrades(SIMULATED) == ["libcap2=1:2.66-4", "chrony=4.3-2+deb12u1"]


def test_a_name_has_nothing_that_an_address_would_decode():
    assert _plain("libcap2_1%3a2.66-4_arm64.deb") == "libcap2_1-2.66-4_arm64.deb"


def test_the_index_names_each_file_with_its_hash(tmp_path):
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed")
    control = tmp_path / "tree" / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    control.write_text(
        "Package: thing\nVersion: 1:2\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: y\n"
    )
    deb = tmp_path / "thing_1-2_all.deb"
    subprocess.run(["dpkg-deb", "-b", str(tmp_path / "tree"), str(deb)], check=True)
    text = write_index([deb, deb], tmp_path / "Packages").read_text()
    first, second = text.split("\n\n")
    assert first.strip() == second.strip()
    assert "Package: thing" in first and "Filename: ./thing_1-2_all.deb" in first
    assert f"Size: {deb.stat().st_size}" in first and "SHA256: " in first
