"""Patches are what an archive has above what units have; made by the real apt from an archive of three packages."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

import xunkong
from gateway.releases.build import look
from provision.bundle.debs import write_index
from provision.bundle.patches import ANY, lowest, read_list, status, write_patches
from provision.kinds import Kind
from tests.patches import make_deb
from tests.provision.conftest import faulty

UNSIGNED = 'Acquire::AllowInsecureRepositories "true"; APT::Get::AllowUnauthenticated "true";\n'


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive without signatures, which apt takes here alone."""
    if shutil.which("apt-get") is None:
        pytest.skip("there is no apt-get")
    folder = tmp_path / "archive"
    lists = folder / "dists/bookworm/main/binary-amd64"
    lists.mkdir(parents=True)
    made = [
        make_deb(folder, "lamp", "1.1", needs="wick"),
        make_deb(folder, "wick", "3"),
        make_deb(folder, "bell", "2:1.0"),
        make_deb(folder, "horn", "9"),
    ]
    index = write_index(made, lists / "Packages")
    digest, size = sha256(index.read_bytes()).hexdigest(), index.stat().st_size
    (folder / "dists/bookworm/Release").write_text(
        "Suite: bookworm\nCodename: bookworm\nComponents: main\nArchitectures: amd64\n"
        f"Date: Sat, 28 Nov 2026 00:00:00 UTC\nSHA256:\n {digest} {size} main/binary-amd64/Packages\n"
    )
    settings = tmp_path / "apt.conf"
    settings.write_text(UNSIGNED)
    monkeypatch.setenv("APT_CONFIG", str(settings))
    return folder


def make(archive: Path, to: Path, *lists: str) -> int:
    words = ["provision", "patches", "--arch", "x86_64", "--os", "bookworm", "--json"]
    for number, text in enumerate(lists):
        path = to.parent / f"cp-{number}.list"
        path.write_text(text)
        words += ["--packages", str(path)]
    return xunkong.main([*words, "--mirror", f"file:{archive}", "--to", str(to)])


@pytest.mark.timeout(120)
def test_what_is_newer_and_what_it_needs_is_made_a_release(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "x.release"
    assert make(archive, to, "lamp\t1.1\nbell\t2:1.0\n", "lamp\t1.0\nbell\t2:1.0\ngone\t\n") == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["packages"], row["machine"]) == (2, "x86_64-bookworm")
    head, _ = look(to, None)
    names = [part.name for part in head.manifest.files]
    assert names == ["lamp_1.1_all.deb", "wick_3_all.deb", "Packages"]
    assert (head.manifest.kind, head.sig, head.manifest.least) == ("patches", None, ANY)
    assert head.manifest.version.count(".") == 2


@pytest.mark.timeout(120)
def test_where_nothing_is_newer_nothing_is_made(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(archive, tmp_path / "x.release", "lamp\t1.1\nwick\t3\n") == 2
    assert "nothing is newer" in capsys.readouterr().err
    assert not (tmp_path / "x.release").exists()


def test_a_list_is_read_or_its_line_named(tmp_path: Path) -> None:
    path = tmp_path / "cp-1.list"
    path.write_text("libc6:amd64\t2.36-9+deb12u9\nadduser\t3.134\ngone\t\n")
    assert read_list(path) == {"libc6": "2.36-9+deb12u9", "adduser": "3.134"}
    path.write_text("adduser\t3.134\nii  adduser 3.134 all\n")
    assert f"{path}:2" in faulty(read_list, path) and "dpkg-query --show" in faulty(read_list, path)
    path.write_text("")
    assert "no list" in faulty(read_list, path)
    assert "cannot read" in faulty(read_list, tmp_path / "none")


def test_of_units_that_differ_the_oldest_counts() -> None:
    found = lowest([{"a": "1.10", "b": "1"}, {"a": "1.9", "c": "1:0"}, {"a": "1.9~rc1", "c": "2"}])
    assert found == {"a": "1.9~rc1", "b": "1", "c": "2"}


def test_what_is_installed_is_told_as_dpkg_keeps_it() -> None:
    assert "Package: a\nStatus: install ok installed\n" in status({"a": "1"}, "arm64")
    assert "Architecture: arm64\nVersion: 1\n" in status({"a": "1"}, "arm64")


def test_what_units_would_refuse_is_not_made(tmp_path: Path) -> None:
    kind, deb = Kind("bookworm", "aarch64"), tmp_path / "a_1_all.deb"
    deb.write_bytes(b"x")
    to = tmp_path / "x.release"
    assert "refuse" in faulty(write_patches, to, kind, "today", 0, [deb])
    many = [deb] * 351
    assert "more than units take" in faulty(write_patches, to, kind, "2026.11.28", 0, many)
    assert not to.exists()
