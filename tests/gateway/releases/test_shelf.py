"""What is published is signed by the site's release key, whole, and one file for a version."""

import pytest

from gateway.config import ReleasesSection
from gateway.releases import keys, shelf
from gateway.rollout.book import Chosen, begin, newest, pause
from tests.patches import make_deb, make_patches
from tests.releases import make_release
from wire.release import PUBLIC, BadRelease
from wire.words import Fault


@pytest.fixture
def key(tmp_path):
    return keys.make(tmp_path / "safe")


@pytest.fixture
def section(tmp_path, key):
    return ReleasesSection(str(tmp_path / "releases"), str(tmp_path / "safe" / PUBLIC))


def test_it_lies_under_its_hash_and_twice_is_once(tmp_path, any_store, key, section):
    path = make_release(tmp_path, key)
    held = shelf.publish(any_store, section, path, 1)
    there = shelf.place(tmp_path / "releases", held.sha256)
    assert there.read_bytes() == path.read_bytes()
    assert there.stat().st_mode & 0o777 == 0o640
    assert shelf.publish(any_store, section, path, 2) == held
    assert shelf.listed(any_store) == [held]
    assert held.named.size == path.stat().st_size


def test_after_a_restore_the_file_is_brought_back_by_publishing_again(
    tmp_path, store, key, section
):
    """A backup has the store, and not the releases."""
    path = make_release(tmp_path, key)
    there = shelf.place(tmp_path / "releases", shelf.publish(store, section, path, 1).sha256)
    there.unlink()
    assert shelf.publish(store, section, path, 2).published_ms == 1
    assert there.read_bytes() == path.read_bytes()


def test_a_version_is_never_two_files(tmp_path, store, key, section):
    shelf.publish(store, section, make_release(tmp_path / "1", key, least="0.0"), 1)
    with pytest.raises(Fault, match="another file was published"):
        shelf.publish(store, section, make_release(tmp_path / "2", key, least="0.1"), 2)


def test_a_version_is_one_kind_of_release(tmp_path, store, key, section):
    deb = make_deb(tmp_path / "debs", "lamp", "1.1")
    path = make_patches(tmp_path / "patches", key, [deb], "0.2.0")
    assert shelf.publish(store, section, path, 1).kind == "patches"
    with pytest.raises(Fault, match="another file was published"):
        shelf.publish(store, section, make_release(tmp_path, key, arch="aarch64"), 2)
    assert [one.journal for one in shelf.listed(store)] == [0]


def test_machines_and_versions_stand_side_by_side(tmp_path, store, key, section):
    for number, (version, arch) in enumerate(
        [("0.9.0", "x86_64"), ("0.10.0", "aarch64"), ("0.10.0", "x86_64")]
    ):
        path = make_release(tmp_path / str(number), key, version=version, arch=arch)
        shelf.publish(store, section, path, number)
    assert [(one.version, one.machine) for one in shelf.listed(store)] == [
        ("0.10.0", "x86_64-bookworm"),
        ("0.10.0", "aarch64-bookworm"),
        ("0.9.0", "x86_64-bookworm"),
    ]


def test_unsigned_half_or_of_another_key_it_is_not_taken(tmp_path, store, key, section):
    other = keys.make(tmp_path / "other")
    half = make_release(tmp_path / "half", key)
    half.write_bytes(half.read_bytes()[:-1])
    for path in (make_release(tmp_path / "1"), make_release(tmp_path / "2", other), half):
        with pytest.raises(BadRelease):
            shelf.publish(store, section, path, 1)
    assert shelf.listed(store) == []
    assert not (tmp_path / "releases").exists()


def test_a_version_that_was_withdrawn_is_gone_with_its_files(tmp_path, store, key, section):
    held = shelf.publish(store, section, make_release(tmp_path, key), 1)
    made = begin(store, held.version, Chosen({"u-1": held}, {}), None, 1)
    with pytest.raises(Fault, match="is being rolled out"):
        shelf.withdraw(store, section, made.version)
    pause(store)
    assert shelf.withdraw(store, section, held.version) == [held]
    assert shelf.listed(store) == []
    assert list((tmp_path / "releases").iterdir()) == []
    assert (newest(store).state, newest(store).why) == ("done", "the version was withdrawn")
    with pytest.raises(Fault, match="was not published"):
        shelf.withdraw(store, section, held.version)
