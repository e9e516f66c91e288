"""The newest bundle that is for a machine is taken from a folder of them."""

import pytest

from provision.bundle.bundle import write_bundle
from provision.bundle.choose import choose
from provision.kinds import Kind
from tests.provision.conftest import KIND, faulty

OTHER = Kind("trixie", "x86_64")


@pytest.fixture
def folder(tmp_path, parts):
    made = tmp_path / "bundles"
    for name, kind, version in (
        ("a.zip", KIND, "0.10.0"),
        ("b.zip", KIND, "0.9.0"),
        ("c.zip", OTHER, "1.0.0"),
        ("d.zip", KIND, "odd"),
    ):
        write_bundle(made / name, kind, version, (), parts)
    (made / "e.zip").write_bytes((made / "c.zip").read_bytes()[:-100])
    (made / "f.txt").touch()
    return made


def test_the_newest_of_its_kind(folder):
    assert choose(folder, KIND).manifest.version == "0.10.0"
    assert choose(folder, OTHER).path.name == "c.zip"


def test_none_of_its_kind(folder):
    said = faulty(choose, folder, Kind("bookworm", "x86_64"))
    assert "provision bundle --for unit --arch x86_64 --os bookworm" in said


def test_the_one_that_is_taken_is_checked(folder):
    whole = (folder / "a.zip").read_bytes()
    at = whole.index(b"enable_uart=1")
    (folder / "a.zip").write_bytes(whole[:at] + b"X" + whole[at + 1 :])
    assert "no sound bundle" in faulty(choose, folder, KIND)
