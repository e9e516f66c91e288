"""A card's journal as a file: the card stays as it is, nothing is left beside the file, and what is wrong is said."""

import json
import os
import zipfile

import pytest

import xunkong
from device.journal.journal import Journal
from device.places import CONFIG, STATE, usual
from tests.carried import UNIT, Box, exported, mounted
from tests.keys import Site
from wire.carried import CarriedFile
from wire.words import Fault

SITE = Site()


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path / "card", SITE)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "cp-01.zip"


def seen(root):
    """All files below: names, sizes, times."""
    return {
        path: (path.stat().st_size, path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def call(capsys):
    def run(*words, lang="en"):
        code = xunkong.main(["--lang", lang, "device", "journal", "export", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_card_that_is_mounted_read_only(box, out, tmp_path, call):
    """Its newest records are in a log that SQLite reads only where it may write."""
    box.check_in(30)
    box.cut_power()
    before = seen(box.root)
    with mounted(box.root, tmp_path / "mnt") as card:
        code, told, _ = call("--root", card, out, "--json")
    row = json.loads(told)
    assert (code, row["unit"], row["records"], row["whole"]) == (0, UNIT, 30, True)
    assert seen(box.root) == before
    assert [*out.parent.iterdir()] == [out]
    assert out.stat().st_mode & 0o777 == 0o600


def test_for_a_person(box, out, call):
    box.check_in(3)
    box.photograph(b"x")
    box.journal.close()
    code, told, _ = call("--root", box.root, out)
    assert code == 0
    assert "cp-01, 4 records, 0 photos" in told
    assert "1 photos stay on the card (--photos)" in told
    assert "1 张照片留在卡上" in call("--root", box.root, out.with_name("2.zip"), lang="zh")[1]


def test_beside_the_running_unit(box, out, call):
    box.check_in(5)
    code, told, _ = call("--config", _own_config(box), out, "--json")
    assert (code, json.loads(told)["records"]) == (0, 5)
    box.check_in(1)
    assert box.log().last == 6
    box.journal.close()


def _own_config(box):
    """The configuration as the unit itself has it."""
    path = box.state / "device.toml"
    text = (box.root / CONFIG).read_text().replace(f"/{STATE}/", "")
    path.write_text(text)
    return path


def test_a_journal_alone_and_a_configuration_that_cannot_be_read(box, out, call):
    box.check_in(2)
    box.journal.close()
    assert call("--journal", box.path, out)[0] == 0
    (box.root / CONFIG).write_bytes(b"\xff")
    code, _, err = call("--root", box.root, out.with_name("2.zip"))
    assert (code, "going on with the usual places" in err) == (0, True)
    assert usual(box.root).journal == box.path


def test_what_cannot_be(box, out, call, tmp_path):
    assert "give one of --root DIR" in call(out)[2]
    assert "give one of" in call("--root", "x", "--journal", "y", out)[2]
    box.check_in(1)
    box.journal.close()
    out.touch()
    assert "is there already" in call("--root", box.root, out)[2]
    nowhere = tmp_path / "none" / "x.zip"
    assert "choose a folder with room" in call("--root", box.root, nowhere)[2]
    box.path.unlink()
    code, _, err = call("--root", box.root, out.with_name("2.zip"))
    assert (code, "cannot be opened" in err) == (2, True)
    (box.state / "identity" / "unit.pem").unlink()
    code, _, err = call("--root", box.root, out.with_name("2.zip"))
    assert (code, "run it as root (sudo)" in err) == (2, True)
    assert [*out.parent.iterdir()] == [out]


def test_a_rotten_record_is_told_of_and_the_others_are_there(box, out, call):
    box.check_in(5)
    table = f"doc:event:{box.log().log}"
    box.journal._run(f"""UPDATE "{table}" SET body = '{{' WHERE doc_id IN (2, 3)""")
    box.journal.close()
    code, told, err = call("--root", box.root, out)
    assert (code, "4 records" in told) == (1, True)
    assert "2 records could not be read, and are declared" in err


def test_a_rotten_record_that_the_gateway_has_is_no_loss(box, out):
    box.check_in(5)
    table = f"doc:event:{box.log().log}"
    box.journal._run(f"""UPDATE "{table}" SET body = '{{' WHERE doc_id = 2""")
    box.journal.acknowledge("event", box.log().log, 4, "s")
    box.journal.close()
    made = exported(box.root, out)
    assert (made.records, made.lost, made.whole) == (4, 0, True)


def test_whoever_called_sudo_may_carry_it(box, out, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    monkeypatch.setenv("SUDO_UID", "12345")
    monkeypatch.setenv("SUDO_GID", "12345")
    box.journal.close()
    exported(box.root, out)
    assert (out.stat().st_uid, out.stat().st_gid) == (12345, 12345)


def test_photos_that_are_not_what_they_were_stay_and_no_link_is_followed(box, out, tmp_path):
    good, bad, link = (box.photograph(bytes([n]) * 10) for n in range(3))
    waiting = {path.name[11:75]: path for path in (box.state / "photos" / "waiting").iterdir()}
    waiting[bad].write_bytes(b"other")
    waiting[link].rename(tmp_path / "elsewhere")
    waiting[link].symlink_to(tmp_path / "elsewhere")
    box.journal.close()
    made = exported(box.root, out, photos=True)
    assert (made.photos, made.photos_rotten, made.whole) == (1, 2, False)
    file = CarriedFile(out)
    assert file.photos == [good]
    file.close()


def test_the_key_is_not_in_it(box, out):
    box.check_in(1)
    box.journal.close()
    exported(box.root, out)
    with zipfile.ZipFile(out) as parts:
        everything = b"".join(parts.read(name) for name in parts.namelist())
    assert b"PRIVATE" not in everything
    assert box.own.key.private_bytes_raw() not in everything


def test_an_interrupted_export_leaves_nothing(box, out):
    def stop(step, done, of):
        raise Fault("停", f"stop at {step} {done}/{of}")

    box.check_in(1)
    box.journal.close()
    with pytest.raises(Fault, match="stop at copy"):
        exported(box.root, out, saying=stop)
    assert [*out.parent.iterdir()] == []


def test_a_journal_nobody_wrote_into(box, out):
    box.journal.close()
    made = exported(box.root, out)
    assert (made.records, made.logs, made.whole) == (0, 0, True)
    Journal.open(box.path).close()
