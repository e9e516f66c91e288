"""Patches put into a system of its own by the real apt and dpkg: in, refused, cut in the middle, and failed."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from device.patching.patcher import serve
from device.patching.place import Place, read
from gateway.releases import keys
from provision.kinds import Kind
from tests.patches import make_deb, make_patches, named_of
from tests.releases import make_release
from wire.release import PUBLIC, Named

HERE = ("x86_64", "bookworm")
CHROOTLESS = (
    "--force-script-chrootless",
    "--force-not-root",
    "--force-bad-path",
    "--force-unsafe-io",
)
LOCKS = ("var/lib/dpkg/lock-frontend", "var/lib/dpkg/lock", "var/cache/apt/archives/lock")
TOOLS = ("apt-get", "dpkg", "dpkg-deb", "openssl")

pytestmark = pytest.mark.timeout(120)


class Box:
    """A system with nothing in it but what a test installs; its unit's inbox; and the site's key."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.key = folder, keys.make(folder / "safe")
        root, kept = folder / "root", folder / "kept"
        for path in (
            "etc/apt",
            "var/lib/dpkg/updates",
            "var/lib/dpkg/info",
            "var/lib/apt",
            "var/log",
        ):
            (root / path).mkdir(parents=True)
        for path in ("var/cache/apt/archives/partial", "etc/apt/preferences.d"):
            (root / path).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()
        kept.mkdir()
        (folder / "inbox").mkdir()
        public = folder / "safe" / PUBLIC
        self.place = Place(folder / "inbox", kept, public, folder / "run", root, CHROOTLESS)

    def has(self, *debs: Path) -> None:
        """Installs them, as they were before."""
        words = ["dpkg", f"--root={self.place.root}", *CHROOTLESS, "--install", *map(str, debs)]
        subprocess.run(words, check=True, capture_output=True)

    def deb(self, name: str, version: str, **more: object) -> Path:
        return make_deb(self.folder / "made", name, version, **more)  # type: ignore[arg-type]

    def fetched(self, path: Path) -> Named:
        """It lies in the inbox."""
        named = named_of(path)
        shutil.copy(path, self.place.inbox / f"{named.sha256}.release")
        return named

    def wish(self, named: Named, order: str = "o-1") -> None:
        release = {"version": named.version, "sha256": named.sha256, "size": named.size}
        text = json.dumps({"do": "patch", "order": order, "release": release})
        self.place.wish.write_text(text, "utf-8")

    def serve(self) -> tuple[str, str]:
        """What is said of it."""
        serve(self.place, HERE)
        said = read(self.place).said
        assert said is not None
        return said.outcome, said.why

    def version(self, name: str) -> str:
        return (self.place.root / "opt" / name).read_text("utf-8").splitlines()[0]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    for tool in TOOLS:
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}")
    monkeypatch.setattr(os, "sync", lambda: None)  # of the whole machine, which others use
    made = Box(tmp_path)
    made.has(made.deb("lamp", "1.0"), made.deb("bell", "2:1.0"))
    return made


def test_what_is_newer_goes_in_with_what_it_needs_and_nothing_else(box: Box) -> None:
    lamp = box.deb("lamp", "1.1", needs="wick")
    others = [box.deb("wick", "3"), box.deb("bell", "1:9.0"), box.deb("horn", "1")]
    box.wish(box.fetched(make_patches(box.folder / "new", box.key, [lamp, *others])))
    assert box.serve() == ("installed", "lamp 1.0 to 1.1, wick none to 3")
    assert (box.version("lamp"), box.version("bell")) == ("1.1", "2:1.0")
    assert not (box.place.root / "opt/horn").exists()
    assert read(box.place).version == "2026.11.28"
    assert "lamp\t1.0" in (box.place.keep / "before-2026.11.28").read_text()
    assert box.place.due.exists()
    assert list(box.place.inbox.iterdir()) == []
    assert not box.place.debs.exists()


def test_the_same_order_or_an_older_version_changes_nothing(box: Box) -> None:
    box.wish(box.fetched(make_patches(box.folder / "new", box.key, [box.deb("lamp", "1.1")])))
    box.serve()
    before = read(box.place)
    named = box.fetched(
        make_patches(box.folder / "old", box.key, [box.deb("lamp", "1.2")], "2026.9.30")
    )
    box.wish(named)
    box.serve()
    assert read(box.place) == before
    box.wish(named, "o-2")
    outcome, why = box.serve()
    assert (outcome, "2026.9.30 is not above 2026.11.28" in why) == ("refused", True)
    assert box.version("lamp") == "1.1"


def test_a_package_below_what_is_there_stays_out(box: Box) -> None:
    box.wish(box.fetched(make_patches(box.folder / "new", box.key, [box.deb("lamp", "0.9")])))
    assert box.serve() == ("installed", "nothing was newer")
    assert box.version("lamp") == "1.0"


def test_what_needs_something_that_is_not_there_stays_as_it_was_and_is_named(box: Box) -> None:
    debs = [box.deb("lamp", "1.1", needs="oil"), box.deb("bell", "2:1.1")]
    box.wish(box.fetched(make_patches(box.folder / "new", box.key, debs)))
    assert box.serve() == ("installed", "left as it was: lamp; bell 2:1.0 to 2:1.1")
    assert box.version("lamp") == "1.0"


@pytest.mark.parametrize("at", ["begun", "unpacked", "configuring"])
def test_cut_anywhere_it_goes_on_and_ends_well(box: Box, at: str) -> None:
    """The process is killed there, and what dpkg runs; then started again, as systemd does."""
    cut = box.folder / "cut"
    apt = "$(cut -d ' ' -f 4 /proc/$PPID/stat)"
    kill = f"p=$(cat {box.folder}/patcher); kill -STOP $p; kill -KILL {apt} $PPID $p"
    stop = f"[ -e {cut} ] || {{ touch {cut}; {kill}; }}"
    scripts = {"unpacked": {"preinst": stop}, "configuring": {"postinst": stop}}.get(at)
    debs = [box.deb("lamp", "1.1", scripts=scripts), box.deb("bell", "2:1.1")]
    box.wish(box.fetched(make_patches(box.folder / "new", box.key, debs)))
    assert killed_at(box, at) == -9
    assert box.place.debs.exists()
    shutil.rmtree(box.place.inbox)  # what is begun does not need the unit any more
    box.place.inbox.mkdir()
    assert box.serve()[0] == "installed"
    assert (box.version("lamp"), box.version("bell")) == ("1.1", "2:1.1")
    words = ["dpkg", f"--root={box.place.root}", "--audit"]
    assert subprocess.run(words, capture_output=True, check=True).stdout == b""
    assert "lamp\t1.0" in (box.place.keep / "before-2026.11.28").read_text()


def killed_at(box: Box, at: str) -> int:
    """How it ended. A package's script kills the patcher, apt and dpkg."""
    place = box.place
    program = f"""
import os
from pathlib import Path
Path({str(box.folder / "patcher")!r}).write_text(str(os.getpid()))
os.sync = lambda: None
from device.patching.patcher import serve
from device.patching.place import Place
paths = map(Path, {[str(p) for p in (place.inbox, place.keep, place.key, place.run, place.root)]!r})
reached = lambda point: os.kill(os.getpid(), 9) if point == {at!r} else None
serve(Place(*paths, {place.options!r}, reached), {HERE!r})
"""
    words = [sys.executable, "-c", program]
    ended = subprocess.run(words, capture_output=True, check=False).returncode
    for lock in LOCKS:  # until those that were killed are gone, as after a power cut
        with (place.root / lock).open("a") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
    return ended


def test_a_package_that_cannot_be_configured_is_a_failure_and_can_be_mended(box: Box) -> None:
    broken = box.deb("lamp", "1.1", scripts={"postinst": "echo no oil >&2; exit 1"})
    box.wish(box.fetched(make_patches(box.folder / "new", box.key, [broken])))
    outcome, why = box.serve()
    assert outcome == "failed"
    assert "error processing package lamp (--configure)" in why
    assert read(box.place).version == "0.0"
    assert not box.place.due.exists()
    path = make_patches(box.folder / "newer", box.key, [box.deb("lamp", "1.2")], "2026.11.29")
    box.wish(box.fetched(path), "o-2")
    assert box.serve() == ("installed", "lamp 1.1 to 1.2")


class TestRefused:
    """Nothing of the system is changed, and what was fetched goes."""

    def refused(self, box: Box) -> str:
        outcome, why = box.serve()
        assert (outcome, box.version("lamp")) == ("refused", "1.0")
        assert list(box.place.inbox.iterdir()) == []
        assert not box.place.debs.exists()
        assert not box.place.due.exists()
        assert read(box.place).job is None
        return why

    def patches(self, box: Box, key: object = ..., **more: object) -> Path:
        signer = box.key if key is ... else key
        return make_patches(box.folder / "new", signer, [box.deb("lamp", "1.1")], **more)  # type: ignore[arg-type]

    def test_unsigned(self, box: Box) -> None:
        box.wish(box.fetched(self.patches(box, None)))
        assert "no signed release" in self.refused(box)

    def test_of_another_key(self, box: Box) -> None:
        box.wish(box.fetched(self.patches(box, keys.make(box.folder / "other"))))
        assert "did not sign it" in self.refused(box)

    @pytest.mark.parametrize("at", [-1, -600, 300])
    def test_tampered(self, box: Box, at: int) -> None:
        named = box.fetched(self.patches(box))
        path = box.place.inbox / f"{named.sha256}.release"
        spoilt = bytearray(path.read_bytes())
        spoilt[at] ^= 1
        path.write_bytes(spoilt)
        box.wish(named)
        assert "not what the manifest says" in (why := self.refused(box)) or "did not sign" in why

    @pytest.mark.parametrize("cut", [0, 50, 400, -1])
    def test_cut(self, box: Box, cut: int) -> None:
        named = box.fetched(self.patches(box))
        path = box.place.inbox / f"{named.sha256}.release"
        path.write_bytes(path.read_bytes()[:cut])
        box.wish(named)
        self.refused(box)

    def test_with_something_after_its_end(self, box: Box) -> None:
        path = self.patches(box)
        path.write_bytes(path.read_bytes() + b"x")
        named = named_of_any(path)
        shutil.copy(path, box.place.inbox / f"{named.sha256}.release")
        box.wish(named)
        assert "follows the last file" in self.refused(box)

    def test_for_another_machine(self, box: Box) -> None:
        box.wish(box.fetched(self.patches(box, kind=Kind("trixie", "x86_64"))))
        assert "made for x86_64-trixie, this is x86_64-bookworm" in self.refused(box)

    def test_under_another_version(self, box: Box) -> None:
        named = box.fetched(self.patches(box))
        box.wish(Named("2027.1.1", named.sha256, named.size))
        assert "the order says 2027.1.1" in self.refused(box)

    def test_where_there_is_no_room(self, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
        full = shutil._ntuple_diskusage(10**9, 10**9, 10**7)  # type: ignore[attr-defined]
        monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
        box.wish(box.fetched(self.patches(box)))
        assert "9 MiB are free, 64 are needed" in self.refused(box)

    def test_software(self, box: Box) -> None:
        box.wish(box.fetched(make_release(box.folder, box.key)))
        assert "no patches" in self.refused(box)

    def test_a_link(self, box: Box) -> None:
        named = box.fetched(self.patches(box))
        path = box.place.inbox / f"{named.sha256}.release"
        path.rename(box.folder / "elsewhere")
        path.symlink_to(box.folder / "elsewhere")
        box.wish(named)
        assert "cannot be read" in self.refused(box)


def named_of_any(path: Path) -> Named:
    """Of a file that is not whole, or more."""
    raw = path.read_bytes()
    return Named("2026.11.28", sha256(raw).hexdigest(), len(raw))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"order":"o-1"}', '{"order":"../x","release":{}}', "[" * 100_000],
)
def test_a_wish_that_cannot_be_read_is_removed(box: Box, text: str) -> None:
    box.place.wish.write_text(text)
    serve(box.place, HERE)
    assert list(box.place.inbox.iterdir()) == []
    assert read(box.place).said is None


def test_where_nothing_can_be_written_the_wish_goes_and_comes_again_from_the_unit(box: Box) -> None:
    box.wish(box.fetched(make_patches(box.folder / "new", box.key, [box.deb("lamp", "1.1")])))
    shutil.rmtree(box.place.keep)
    with pytest.raises(OSError, match="No such file"):
        serve(box.place, HERE)
    assert not box.place.wish.exists()
