"""A release is made of wheels that fit one machine, and signed only when it is whole."""

import zipfile

import pytest

from gateway.releases import keys
from gateway.releases.build import build, look, sign
from tests.releases import MADE_MS, make_release, make_wheel, ours
from wire.release import PUBLIC, BadRelease, public_key
from wire.words import Fault


@pytest.fixture
def key(tmp_path):
    return keys.make(tmp_path / "safe")


def test_version_and_journal_are_those_of_our_own_wheel(tmp_path, key):
    path = make_release(tmp_path, key, version="0.3.1", journal=7, least="0.2")
    head, digest = look(path, public_key(tmp_path / "safe" / PUBLIC))
    manifest = head.manifest
    assert (manifest.version, manifest.journal, manifest.least) == ("0.3.1", 7, "0.2")
    assert [wheel.name for wheel in manifest.wheels] == [
        "lamp-1.0-py3-none-any.whl",
        "pip-25.0-py3-none-any.whl",
        "xunkong-0.3.1-py3-none-any.whl",
    ]
    assert head.size == path.stat().st_size
    assert len(digest) == 64


def test_unsigned_it_holds_by_no_key(tmp_path, key):
    path = make_release(tmp_path)
    with pytest.raises(BadRelease, match="not signed"):
        look(path, public_key(tmp_path / "safe" / PUBLIC))
    sign(path, key)
    look(path, public_key(tmp_path / "safe" / PUBLIC))


def test_a_half_one_is_not_signed_and_stays_as_it_is(tmp_path, key):
    path = make_release(tmp_path)
    half = path.read_bytes()[:-1]
    path.write_bytes(half)
    with pytest.raises(BadRelease, match="only a part"):
        sign(path, key)
    assert path.read_bytes() == half
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize(
    ("tags", "fits"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64", True),
        ("cp39-abi3-manylinux_2_28_aarch64", True),
        ("cp311-cp311-manylinux_2_17_x86_64", False),
        ("cp312-cp312-manylinux_2_17_aarch64", False),
        ("cp311-cp311-win_arm64", False),
    ],
)
def test_a_wheel_of_another_machine_is_refused(tmp_path, tags, fits):
    wheels = tmp_path / "wheels"
    make_wheel(wheels, files=ours())
    make_wheel(wheels, "lamp", "1.0", tags)
    make_wheel(wheels, "pip", "25.0")
    make = [wheels, tmp_path / "x.release", "aarch64", "bookworm", "0.0", MADE_MS]
    if fits:
        assert len(build(*make).wheels) == 3
    else:
        with pytest.raises(Fault, match=r"lamp.* does not run on aarch64-bookworm"):
            build(*make)
        assert not (tmp_path / "x.release").exists()


@pytest.mark.parametrize(
    ("files", "version", "least", "why"),
    [
        ({}, "0.2.0", "0.0", "no device/journal/format.py"),
        ({"device/journal/format.py": "READS = 1\n"}, "0.2.0", "0.0", "says no WRITES"),
        (ours(), "0.2.0rc1", "0.0", "version"),
        (ours(), "0.2.0", "0.3", "above the version itself"),
        (ours(), "0.2.0", "old", "least"),
    ],
)
def test_what_units_would_refuse_is_not_made(tmp_path, files, version, least, why):
    wheels, out = tmp_path / "wheels", tmp_path / "x.release"
    make_wheel(wheels, version=version, files=files)
    make_wheel(wheels, "pip", "25.0")
    with pytest.raises(Fault, match=why):
        build(wheels, out, "aarch64", "bookworm", least, MADE_MS)
    assert not out.exists()


def test_without_our_own_wheel_there_is_no_release(tmp_path):
    for wheels in (tmp_path / "none", tmp_path / "other"):
        wheels.mkdir()
    make_wheel(tmp_path / "other", "lamp")
    for folder, said in (
        ("none", "0 of them xunkong's"),
        ("other", "0 of them xunkong's"),
        ("missing", "there is no file or folder .*missing; give what"),
    ):
        with pytest.raises(Fault, match=said):
            build(tmp_path / folder, tmp_path / "x", "aarch64", "bookworm", "0.0", MADE_MS)


def test_without_pips_own_wheel_units_could_not_install_it(tmp_path):
    make_wheel(tmp_path / "wheels", files=ours())
    with pytest.raises(Fault, match="pip's own wheel"):
        build(tmp_path / "wheels", tmp_path / "x", "aarch64", "bookworm", "0.0", MADE_MS)


def test_a_bundle_has_its_wheels_in_it(tmp_path, key):
    held = make_release(tmp_path)
    bundle = tmp_path / "bundle.zip"
    with zipfile.ZipFile(bundle, "w") as made:
        for path in (tmp_path / "wheels-0.2.0-1").iterdir():
            made.write(path, f"wheels/{path.name}")
        for name in ("debs/x.deb", "wheels/deep/y.whl", "wheels/../z.whl", "manifest.json"):
            made.writestr(name, "x")
    out = tmp_path / "again.release"
    build(bundle, out, "x86_64", "bookworm", "0.0", MADE_MS)
    assert out.read_bytes() == held.read_bytes()
    bundle.write_bytes(b"PK")
    with pytest.raises(Fault, match="cannot be used"):
        build(bundle, out, "x86_64", "bookworm", "0.0", MADE_MS)
