"""What is refused before a byte is unpacked, and a real venv made of a release without a network."""

import shutil
import subprocess

import pytest

from device.update.install import Refused, check, install, machine
from gateway.releases import keys
from gateway.releases.build import look
from tests.releases import make_release
from wire.release import PUBLIC, Named, public_key
from wire.words import Fault

HERE = "x86_64-bookworm"


@pytest.fixture
def key(tmp_path):
    return keys.make(tmp_path / "safe")


@pytest.fixture
def judged(tmp_path, key):
    """Checks a file that was ordered as what it is, unless the test says otherwise."""

    def judge(path, version="0.1.0", here=HERE, **ordered):
        head, digest = look(path, None)
        fields = {"version": head.manifest.version, "sha256": digest, "size": head.size}
        public = public_key(tmp_path / "safe" / PUBLIC)
        with path.open("rb") as file:
            return check(file, Named(**{**fields, **ordered}), public, version, here)

    return judge


def test_a_release_for_this_machine_above_this_version_is_taken(tmp_path, key, judged):
    assert judged(make_release(tmp_path, key)).manifest.version == "0.2.0"
    assert judged(make_release(tmp_path, key, version="0.10.0"), "0.9.0").size


@pytest.mark.parametrize(
    ("made", "judged_as", "why"),
    [
        ({}, {"version": "0.2.0"}, "not above 0.2.0"),
        ({"version": "0.9.0"}, {"version": "0.10.0"}, "not above 0.10.0"),
        ({}, {"here": "aarch64-bookworm"}, "made for x86_64-bookworm, this is aarch64-bookworm"),
        ({"system": "trixie"}, {}, "made for x86_64-trixie"),
        ({"least": "0.2"}, {}, "follows 0.2 or later"),
        ({"journal": 2}, {}, "could not be read after going back"),
        ({}, {"sha256": "0" * 64}, "another file than the order names"),
        ({}, {"size": 5}, "of 5 bytes"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, key, judged, made, judged_as, why):
    ordered = {name: judged_as.pop(name) for name in ("sha256", "size") if name in judged_as}
    with pytest.raises(Refused, match=why):
        judged(make_release(tmp_path, key, **made), **judged_as, **ordered)


def test_an_order_of_another_version_than_the_files_is_refused(tmp_path, key):
    path = make_release(tmp_path, key)
    head, digest = look(path, None)
    public = public_key(tmp_path / "safe" / PUBLIC)
    with path.open("rb") as file, pytest.raises(Refused, match=r"the order says 0\.3\.0"):
        check(file, Named("0.3.0", digest, head.size), public, "0.1.0", HERE)


def test_unsigned_or_signed_by_another_it_is_refused(tmp_path, judged):
    with pytest.raises(Fault, match="not signed"):
        judged(make_release(tmp_path / "1"))
    with pytest.raises(Fault, match="signature does not hold"):
        judged(make_release(tmp_path / "2", keys.make(tmp_path / "other")))


def test_the_machine_is_that_of_python_and_debian(tmp_path):
    path = tmp_path / "os-release"
    path.write_text('NAME="Debian"\nVERSION_CODENAME=trixie\n')
    assert machine(path).endswith("-trixie")
    assert machine(tmp_path / "none").endswith("-unknown")


def put(path, slot):
    head, _ = look(path, None)
    with path.open("rb") as file:
        install(file, head, slot)


def test_a_slot_is_a_venv_of_the_releases_wheels_alone(tmp_path, key):
    slot = tmp_path / "slots/b"
    (slot / "lib").mkdir(parents=True)
    (slot / "lib/left-over").touch()
    put(make_release(tmp_path, key, pip=True), slot)
    said = subprocess.run(
        [slot / "bin/xunkong"], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout == "xunkong 0.2.0\n"
    lit = [str(slot / "bin/python"), "-c", "import lamp, sys; print(lamp.LIT, sys.prefix)"]
    said = subprocess.run(lit, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == f"True {slot}\n"
    assert not (slot / "lib/left-over").exists()
    assert [path.name for path in slot.parent.iterdir()] == ["b"]


def test_what_calls_itself_otherwise_is_refused(tmp_path, key):
    with pytest.raises(Refused, match=r"calls itself 'xunkong 9.9.9'"):
        put(make_release(tmp_path, key, answer="xunkong 9.9.9", pip=True), tmp_path / "slots/b")


def test_without_room_nothing_is_unpacked(tmp_path, key, monkeypatch):
    little = shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: little)
    with pytest.raises(Refused, match="1 MiB are free"):
        put(make_release(tmp_path, key), tmp_path / "slots/b")
    assert list((tmp_path / "slots").iterdir()) == []
