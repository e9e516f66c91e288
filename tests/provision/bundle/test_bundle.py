"""A bundle is used when it is whole, and refused when anything of it is not as its manifest says."""

import zipfile

import msgspec
import pytest

from provision.bundle.bundle import MANIFEST, Bundle, write_bundle
from tests.provision.conftest import FILES, KIND, faulty
from wire.words import Fault


def test_what_went_in_comes_out(bundle):
    assert bundle.manifest.kind == KIND
    assert {name: bundle.read(name) for name in bundle.manifest.files} == FILES
    assert bundle.names("wheels") == [name for name in FILES if name.startswith("wheels/")]


def test_the_same_wheels_are_the_same_software_and_others_are_not(tmp_path, parts, bundle):
    parts["debs/Packages"].write_bytes(b"other")
    same = write_bundle(tmp_path / "2.zip", KIND, "0.2.0", (), parts)
    assert same.software == bundle.manifest.software
    parts["wheels/xunkong-0.1.0-py3-none-any.whl"].write_bytes(b"other")
    other = write_bundle(tmp_path / "3.zip", KIND, "0.1.0", ("chrony",), parts)
    assert other.software != bundle.manifest.software


@pytest.mark.parametrize("at", range(0, 6000, 199))
def test_a_changed_byte_is_found_or_changes_nothing_that_counts(tmp_path, bundle, at):
    """zip itself has bytes that mean nothing (times, rights); what is read is always what was written."""
    whole = bundle.path.read_bytes()
    at %= len(whole)
    bad = tmp_path / "bad.zip"
    bad.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
    try:
        found = Bundle(bad)
    except Fault as exc:
        assert "no sound bundle" in str(exc)
    else:
        assert {name: found.read(name) for name in found.manifest.files} == FILES


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_half_a_bundle_is_none(tmp_path, bundle, part):
    whole = bundle.path.read_bytes()
    half = tmp_path / "half.zip"
    half.write_bytes(whole[: int(len(whole) * part)])
    assert "no sound bundle" in faulty(Bundle, half)


def test_a_file_that_nobody_named_is_refused(bundle):
    with zipfile.ZipFile(bundle.path, "a") as archive:
        archive.writestr("systemd/system/evil.service", b"[Service]\n")
    assert "evil.service" in faulty(Bundle, bundle.path)


@pytest.mark.parametrize(
    "name", ["../x", "wheels/../../x", "/etc/x", "etc/x", "wheels", "boot/a b"]
)
def test_a_file_that_would_lie_elsewhere_is_refused(tmp_path, parts, name):
    one = next(iter(parts.values()))
    write_bundle(tmp_path / "s.zip", KIND, "0.1.0", (), {name: one})
    assert "no sound bundle" in faulty(Bundle, tmp_path / "s.zip")


def test_another_format_is_refused(tmp_path, bundle):
    manifest = msgspec.json.encode(msgspec.structs.replace(bundle.manifest, v=2))
    with zipfile.ZipFile(tmp_path / "v2.zip", "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
        archive.writestr(MANIFEST, manifest)
    assert "format 2, not 1" in faulty(Bundle, tmp_path / "v2.zip")


def test_what_changed_after_the_check_is_not_used(bundle):
    with zipfile.ZipFile(bundle.path, "w") as archive:
        archive.writestr("guard/guard.py", b"other")
    assert "guard/guard.py: SHA-256" in faulty(bundle.read, "guard/guard.py")


def test_a_missing_bundle_says_how_to_make_one(tmp_path):
    assert "make it by xunkong provision bundle" in faulty(Bundle, tmp_path / "none.zip")


def test_a_bundle_that_cannot_be_written_leaves_nothing(tmp_path, parts):
    (tmp_path / "file").touch()
    to = tmp_path / "file" / "b.zip"
    assert "cannot write" in faulty(write_bundle, to, KIND, "0.1.0", (), parts)
