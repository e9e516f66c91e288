"""A store saved and put back, on both databases: whole, of one moment, under a new identity, and nothing by halves."""

import os
import shutil
import sqlite3
import zipfile
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from gateway.backup import sqlite
from gateway.backup.archive import MANIFEST, BackupFault, manifest_of
from gateway.backup.restore import restore
from gateway.backup.save import save
from gateway.config import load
from gateway.forward.page import next_page
from gateway.ingest.registry import keep
from gateway.roster import Wanted
from gateway.store.own_log import OwnLog
from gateway.store.schema import codes, configs, cursors
from gateway.unit_config import push
from tests.keys import SIGNER, Site
from wire.records import Config

SITE = Site()


def quietly(step):
    del step
    return lambda done, total: None


class Place:
    """A gateway's folder on a database."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        folder.mkdir(exist_ok=True)
        (folder / "gateway.toml").write_text(
            f'[[broker]]\nhost = "127.0.0.1"\n[store]\nurl = "{url}"\n', "utf-8"
        )
        self.config = load(folder / "gateway.toml")

    def save(self, store, file, photos=None):
        return save(self.config, store, file, photos, quietly)

    def restore(self, file, force=False, photos=None):
        own = OwnLog(SIGNER)
        return restore(self.config, file, own, SITE.authority, force, photos, quietly)


@pytest.fixture
def place(tmp_path, any_url):
    return Place(tmp_path / "site", any_url)


@pytest.fixture
def saved(place, opened, bench_on, unit_log, tmp_path):
    """A store with records at `place`, saved and closed; its log and its file."""
    store = opened(place.url)
    log = unit_log().grow(20)
    bench_on(store).take(log.message())
    file = tmp_path / "backup.zip"
    manifest = place.save(store, file)
    return store, log, file, manifest


class TestPutBack:
    def test_everything_is_there_and_the_store_is_another(self, place, saved, opened, rows):
        store, _, file, manifest = saved
        before, old = rows(store, "records"), store.identity
        store.close()
        done = place.restore(file, force=True)
        again = opened(place.url)
        assert rows(again, "records")[: len(before)] == before
        assert (manifest.store, manifest.records) == (old, 20)
        assert again.identity == done.store != old
        assert done.before is not None

    def test_the_file_belongs_to_whom_it_belonged(
        self, tmp_path, sqlite_url, opened, bench_on, unit_log
    ):
        place, store = Place(tmp_path / "site", sqlite_url), opened(sqlite_url)
        bench_on(store).take(unit_log().grow(2).message())
        file, path = tmp_path / "backup.zip", tmp_path / "store.db"
        place.save(store, file)
        store.close()
        path.chmod(0o660)
        owner = (1234, 1235) if os.geteuid() == 0 else (os.getuid(), os.getgid())
        os.chown(path, *owner)
        place.restore(file, force=True)
        held = path.stat()
        assert (held.st_uid, held.st_gid, held.st_mode & 0o777) == (*owner, 0o660)

    def test_units_send_what_came_after_it_and_the_platform_gets_it_under_the_same_names(
        self, place, saved, opened, bench_on
    ):
        store, log, file, _ = saved
        log.grow(5)
        bench_on(store).take(log.message(21))
        with store.changing() as connection:
            connection.execute(cursors.insert().values(sink="p", stream="event", pos=10))
        names = sent(store)
        store.close()
        place.restore(file, force=True)
        again = opened(place.url)
        bench = bench_on(again)
        assert bench.acked(log.message(21))[log.log] == 26
        after = [name for name in sent(again) if not name.startswith("gw/")]
        assert after == [identity_of(log, seq) for seq in range(1, 26)]
        assert set(names) <= set(after)

    def test_the_own_log_is_another_so_that_no_name_is_given_twice(
        self, place, saved, opened, bench_on
    ):
        store, log, file, _ = saved
        fork = log.branch(10).checkin("elsewhere").grow(3)
        bench_on(store).take(fork.message())
        lost = {name for name in sent(store) if name.startswith("gw/")}
        assert lost, "the alarm of the fork"
        store.close()
        place.restore(file, force=True)
        again = opened(place.url)
        bench = bench_on(again)
        bench.take(fork.message())
        mine = [name for name in sent(again) if name.startswith("gw/")]
        assert len(mine) == 2
        assert lost.isdisjoint(mine)
        assert "was put back from a backup" in bench.alarms()[0]

    def test_the_cursor_is_that_of_the_backup(self, place, opened, bench_on, unit_log, tmp_path):
        store = opened(place.url)
        log = unit_log().grow(8)
        bench_on(store).take(log.message())
        with store.changing() as connection:
            connection.execute(cursors.insert().values(sink="p", stream="event", pos=5))
        place.save(store, tmp_path / "b.zip")
        with store.changing() as connection:
            connection.execute(cursors.update().values(pos=900))
        store.close()
        place.restore(tmp_path / "b.zip", force=True)
        again = opened(place.url)
        assert [n for n in sent(again, "p") if "gw" not in n] == [
            identity_of(log, seq) for seq in (6, 7, 8)
        ]

    def test_a_version_that_a_unit_uses_is_not_given_again(
        self, place, saved, opened, bench_on, unit_log
    ):
        store, _, file, _ = saved
        store.close()
        place.restore(file, force=True)
        again = opened(place.url)
        kept = unit_log(log="a" * 16).add(Config, version=7, outcome="applied")
        bench_on(again).take(kept.message())
        assert push(again, "cp-01", Wanted()) == 8
        with again.reading() as connection:
            assert connection.execute(sa.select(configs.c.version)).scalars().all() == [8]

    def test_a_code_that_was_used_after_the_backup_cannot_be_used_again(
        self, place, opened, tmp_path, rows
    ):
        store = opened(place.url)
        row = {"id": "c", "unit": "cp-01", "key": "k", "password": "p", "made_ms": 1}
        with store.changing() as connection:
            connection.execute(codes.insert().values(**row, expires_ms=2**50))
        place.save(store, tmp_path / "b.zip")
        store.close()
        place.restore(tmp_path / "b.zip", force=True)
        assert rows(opened(place.url), "codes")[0]["used_ms"] is not None

    def test_into_an_empty_place_needs_no_force(self, place, saved, opened, rows):
        store, _, file, _ = saved
        store.close()
        if place.url.startswith("sqlite"):
            for path in place.folder.parent.glob("store.db*"):
                path.unlink()
        else:
            engine = sa.create_engine(place.url)
            with engine.begin() as connection:
                connection.execute(sa.text("DROP SCHEMA public CASCADE"))
                connection.execute(sa.text("CREATE SCHEMA public"))
            engine.dispose()
        assert place.restore(file).before is None
        assert len(rows(opened(place.url), "records")) == 21


class TestRefused:
    def unchanged(self, place, opened, rows):
        store = opened(place.url)
        kept = len(rows(store, "records"))
        assert kept == 20
        return True

    def test_a_store_with_records_without_force(self, place, saved, opened, rows):
        store, _, file, _ = saved
        store.close()
        with pytest.raises(BackupFault, match="holds 20 records; --force"):
            place.restore(file)
        assert self.unchanged(place, opened, rows)

    def test_a_store_in_use(self, place, saved):
        store, _, file, _ = saved
        with store.reading() as connection:
            connection.execute(sa.text("SELECT 1 FROM ledger"))
        with pytest.raises(BackupFault, match="in use"):
            place.restore(file, force=True)

    def test_what_is_no_backup(self, place, saved, opened, rows, tmp_path):
        saved[0].close()
        other = tmp_path / "photo.jpg"
        other.write_bytes(b"\xff\xd8 nothing of the sort")
        with pytest.raises(BackupFault, match="is no backup"):
            place.restore(other, force=True)
        with pytest.raises(BackupFault, match="cannot be read: No such file"):
            place.restore(tmp_path / "gone.zip", force=True)
        assert self.unchanged(place, opened, rows)

    def test_another_sites(self, place, opened, rows, tmp_path, unit_log, bench_on):
        store = opened(place.url)
        bench_on(store).take(unit_log().grow(20).message())
        with store.changing() as connection:
            another = Site("another")
            keep(connection, another.signing.read(another, "sign"), 0)
        file = tmp_path / "backup.zip"
        place.save(store, file)
        store.close()
        with pytest.raises(BackupFault, match="is another site's"):
            place.restore(file, force=True)
        assert self.unchanged(place, opened, rows)

    def test_with_our_own_certificate_in_it_it_is_ours(self, place, opened, tmp_path, unit_log):
        store = opened(place.url)
        with store.changing() as connection:
            keep(connection, SITE.signing.read(SITE, "sign"), 0)
        file = tmp_path / "backup.zip"
        place.save(store, file)
        store.close()
        place.restore(file, force=True)

    def test_one_that_says_of_itself_what_is_not_so(self, place, saved, opened, rows):
        store, _, file, _ = saved
        store.close()
        rewrite(file, records=21)
        with pytest.raises(BackupFault, match="says that it has 21 records, and has 20"):
            place.restore(file, force=True)
        assert self.unchanged(place, opened, rows)

    @pytest.mark.parametrize(
        "change", [{"made_ms": 10**18}, {"records": -1}, {"store": "x" * 70_000}]
    )
    def test_a_manifest_of_nonsense(self, place, saved, opened, rows, change):
        store, _, file, _ = saved
        store.close()
        rewrite(file, **change)
        with pytest.raises(BackupFault, match="is damaged, or only part of one"):
            place.restore(file, force=True)
        assert self.unchanged(place, opened, rows)

    def test_an_encrypted_one(self, place, saved, opened, rows):
        store, _, file, _ = saved
        store.close()
        data = bytearray(file.read_bytes())
        for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            place_of = data.find(mark)
            while place_of >= 0:
                data[place_of + at] |= 1
                place_of = data.find(mark, place_of + 4)
        file.write_bytes(data)
        with pytest.raises(BackupFault, match="is damaged, or only part of one"):
            place.restore(file, force=True)
        assert self.unchanged(place, opened, rows)

    @pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
    def test_half_a_file(self, place, saved, opened, rows, share):
        store, _, file, _ = saved
        store.close()
        whole = file.read_bytes()
        file.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(BackupFault, match="only part of one"):
            place.restore(file, force=True)
        assert self.unchanged(place, opened, rows)

    def test_bytes_that_changed(self, place, saved, opened, rows):
        """More than one: a bit of a compressed file may say the same either way."""
        store, _, file, _ = saved
        store.close()
        data = bytearray(file.read_bytes())
        middle = slice(len(data) // 2, len(data) // 2 + 64)
        data[middle] = bytes(byte ^ 0x40 for byte in data[middle])
        file.write_bytes(data)
        with pytest.raises(BackupFault, match="damaged"):
            place.restore(file, force=True)
        assert self.unchanged(place, opened, rows)

    def test_a_newer_schema(self, place, saved, opened, rows):
        store, _, file, _ = saved
        store.close()
        rewrite(file, revision="9999", software="7.0")
        with pytest.raises(BackupFault, match=r"newer version \(7\.0\)"):
            place.restore(file, force=True)
        assert self.unchanged(place, opened, rows)

    def test_another_kind_of_database(self, place, saved):
        store, _, file, manifest = saved
        store.close()
        other = "postgresql" if manifest.kind == "sqlite" else "sqlite"
        rewrite(file, kind=other)
        with pytest.raises(BackupFault):
            place.restore(file, force=True)

    def test_a_backup_is_never_written_over(self, place, saved):
        store, _, file, _ = saved
        before = file.read_bytes()
        with pytest.raises(BackupFault, match="exists already"):
            place.save(store, file)
        assert file.read_bytes() == before

    def test_a_folder_that_is_not_there(self, place, saved, tmp_path):
        with pytest.raises(BackupFault, match="was not written: No such file"):
            place.save(saved[0], tmp_path / "no" / "b.zip")


class TestWhileItWorks:
    def test_the_copy_is_of_one_moment_and_no_writer_waits(
        self, tmp_path, sqlite_url, opened, bench_on, unit_log, monkeypatch
    ):
        place, store = Place(tmp_path / "site", sqlite_url), opened(sqlite_url)
        bench, log = bench_on(store), unit_log().grow(400)
        bench.take(log.message())
        monkeypatch.setattr(sqlite, "PAGES", 1)
        pages = 0

        def saying(step):
            def told(done, total):
                nonlocal pages
                if step == "copy" and pages < 40:
                    pages += 1
                    log.grow(1)
                    bench.take(log.message(log.last))

            return told

        manifest = save(place.config, store, tmp_path / "b.zip", None, saying)
        assert pages == 40
        assert (manifest.records, len(bench.kept())) == (400, 440)
        store.close()
        place.restore(tmp_path / "b.zip", force=True)
        assert len(bench_on(opened(sqlite_url)).kept()) == 400

    def test_a_full_disk_leaves_nothing_behind(
        self, tmp_path, sqlite_url, opened, bench_on, unit_log
    ):
        if os.getuid() or shutil.which("mount") is None:
            pytest.skip("needs to mount a small file system")
        small = tmp_path / "small"
        small.mkdir()
        if os.system(f"mount -t tmpfs -o size=256k none {small} 2>/dev/null"):
            pytest.skip("may not mount here")
        try:
            place, store = Place(tmp_path / "site", sqlite_url), opened(sqlite_url)
            bench_on(store).take(unit_log().grow(900).message())
            with pytest.raises(BackupFault, match="disk"):
                place.save(store, small / "b.zip")
            assert list(small.iterdir()) == []
        finally:
            os.system(f"umount {small}")

    def test_a_kill_before_the_last_rename_leaves_the_old_one_aside_and_can_be_done_again(
        self, tmp_path, sqlite_url, opened, bench_on, unit_log, monkeypatch, rows
    ):
        place, store = Place(tmp_path / "site", sqlite_url), opened(sqlite_url)
        bench_on(store).take(unit_log().grow(3).message())
        place.save(store, tmp_path / "b.zip")
        store.close()

        def killed(ready, path):
            raise KeyboardInterrupt

        monkeypatch.setattr(sqlite, "put_in_place", killed)
        with pytest.raises(KeyboardInterrupt):
            place.restore(tmp_path / "b.zip", force=True)
        monkeypatch.undo()
        assert list(tmp_path.glob("store.db.before-*"))
        place.restore(tmp_path / "b.zip")
        assert len(rows(opened(sqlite_url), "records")) == 4


class TestPhotos:
    def test_are_linked_into_a_folder_and_brought_back(self, tmp_path, sqlite_url, opened):
        place, store = Place(tmp_path / "site", sqlite_url), opened(sqlite_url)
        photo = place.folder / "photos" / "ab" / f"ab{'0' * 62}.jpg"
        photo.parent.mkdir(parents=True)
        photo.write_bytes(b"jpeg")
        (place.folder / "photos" / "store").write_text("a marker")
        safe = tmp_path / "safe"
        manifest = place.save(store, tmp_path / "b.zip", safe)
        assert manifest.copied == str(safe)
        linked = safe / "ab" / photo.name
        assert linked.stat().st_ino == photo.stat().st_ino
        place.save(store, tmp_path / "c.zip", safe)
        store.close()
        photo.unlink()
        assert place.restore(tmp_path / "b.zip", photos=safe).photos == 1
        assert photo.read_bytes() == b"jpeg"

    def test_are_named_where_they_are_not_copied(self, place, saved):
        assert saved[3].photos == str(place.folder / "photos")
        assert saved[3].copied is None


def test_the_file_is_a_zip_for_its_owner_alone_whose_manifest_says_what_it_is(saved):
    _, _, file, manifest = saved
    assert file.stat().st_mode & 0o077 == 0
    assert manifest_of(file) == manifest
    assert zipfile.ZipFile(file).testzip() is None


def test_an_old_store_that_is_damaged_is_set_aside_as_it_is(
    tmp_path, sqlite_url, opened, bench_on, unit_log
):
    place, store = Place(tmp_path / "site", sqlite_url), opened(sqlite_url)
    bench_on(store).take(unit_log().grow(3).message())
    place.save(store, tmp_path / "b.zip")
    store.close()
    path = sqlite.path_of(sqlite_url)
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(BackupFault, match="--force"):
        place.restore(tmp_path / "b.zip")
    done = place.restore(tmp_path / "b.zip", force=True)
    assert "no database at all" in Path(done.before).read_text()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def identity_of(log, seq):
    return f"{log.unit}/{log.stream}/{log.log}/{seq}"


def sent(store, sink="nobody"):
    """The names of what a platform gets, in order."""
    with store.reading() as connection:
        page = next_page(connection, sink, "event")
    return [event.id for event in page.events] if page else []


def rewrite(file, **changes):
    """Another manifest in the same archive."""
    with zipfile.ZipFile(file) as archive:
        held = {info.filename: archive.read(info) for info in archive.infolist()}
    manifest = msgspec.json.decode(held[MANIFEST])
    held[MANIFEST] = msgspec.json.encode({**manifest, **changes})
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)
