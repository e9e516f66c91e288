"""Bundles of evidence: made here, checked with the authority alone; each thing done to one is found and named."""

import io
import json
import zipfile
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config import RetentionSection
from gateway.evidence.export import export
from gateway.photos.holds import hold
from gateway.retention.records import Retention
from tests.gateway.evidence.conftest import NOW_MS, say_removed
from tests.keys import Site
from wire.evidence.bundle import PREFIX, Choice
from wire.evidence.check import BundleCheck
from wire.records import Dropped, Photo
from wire.words import Fault

LOG = "e" * 16
WHERE = f"cp-01/event/{LOG}"


class Bundle:
    """A bundle on disk, and hands that change it."""

    def __init__(self, path, site, keys):
        self.path, self.site, self.keys = path, site, keys

    def check(self, authority=..., forwarded=None, struck=None):
        """(findings, notes), each as (what, where, first, last)."""
        authority = self.site.authority if authority is ... else authority
        run = BundleCheck(self.path, authority, forwarded, struck)
        self.findings = list(run.run())
        self.total = run.total
        found = [(f.is_note, (f.what, f.where, f.first, f.last)) for f in self.findings]
        return [f for note, f in found if not note], [f for note, f in found if note]

    def parts(self):
        with zipfile.ZipFile(self.path) as file:
            return {name: file.read(name) for name in file.namelist()}

    @property
    def manifest(self):
        return json.loads(self.parts()["manifest.json"])

    def write(self, parts, compress=zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(self.path, "w", compress) as file:
            for name, content in parts.items():
                file.writestr(name, content)

    def change(self, name, old, new):
        parts = self.parts()
        assert old in parts[name]
        self.write(parts | {name: parts[name].replace(old, new)})

    def reseal(self, parts, key):
        """The parts with a manifest that names them as they are, signed with `key`."""
        manifest = json.loads(parts["manifest.json"])
        manifest["parts"] = {
            name: {"sha256": sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in parts.items()
            if not name.startswith("manifest")
        }
        text = json.dumps(manifest).encode()
        sig = {"kid": key.kid, "sig": key.sign(PREFIX + text)}
        self.write(parts | {"manifest.json": text, "manifest.sig": json.dumps(sig).encode()})


@pytest.fixture
def bundle(scene, tmp_path):
    """Exports what a `Choice` asks for."""

    def make(scene=scene, **choice):
        path = tmp_path / "case.zip"
        wanted = Choice(**choice or {"unit": "cp-01"})
        scene.done = export(scene.store, scene.keys, scene.folder, wanted, path, scene.now_ms)
        return Bundle(path, scene.site, scene.keys)

    return make


@pytest.fixture
def case(scene, bundle, unit_log):
    """A bundle of five check-ins and a photo, covered by a daily root."""
    log = unit_log().grow(5)
    scene.take(log, 1, 2)
    scene.take(log, 3, 5)
    scene.photo(log)
    scene.take(unit_log("v-1", "track", "f" * 16).grow(2))
    scene.close_day()
    return bundle()


def lines(parts, name="records/1.jsonl"):
    """The lines of a run."""
    return parts[name].splitlines(keepends=True)


class TestWhatIsWell:
    def test_it_is_proven_with_nothing_but_the_authority(self, case):
        assert case.check() == ([], [])
        total = case.total
        assert (total.records, total.proven, total.photos_proven, total.days) == (7, 7, 1, 1)

    def test_on_either_database(self, scene_on, any_store, bundle, unit_log):
        scene = scene_on(any_store)
        scene.take(unit_log().grow(5))
        scene.close_day()
        assert bundle(scene).check() == ([], [])

    def test_the_exact_bytes_are_in_it_for_people_to_read(self, case, scene):
        raws = [json.loads(line)["text"].encode() for line in lines(case.parts())]
        assert raws == [row["raw"] for row in scene.rows("records", unit="cp-01")]

    def test_a_record_in_the_midst_brings_only_what_its_proof_needs(self, scene, bundle, unit_log):
        log = unit_log().grow(9)
        scene.take(log, 1, 6)
        scene.take(log, 7, 9)
        one = bundle(ids=(f"{WHERE}/5",))
        assert one.check() == ([], [("waiting", WHERE, None, None)])
        assert [json.loads(line)["seq"] for line in lines(one.parts())] == [5, 6]

    def test_it_goes_on_to_the_head_that_the_next_root_has(self, scene, bundle, unit_log):
        log = unit_log().grow(9)
        scene.take(log, 1, 6)
        scene.close_day()
        scene.take(log, 7, 9)
        scene.close_day()
        one = bundle(ids=(f"{WHERE}/2", f"{WHERE}/8"))
        assert one.check() == ([], [("outside", WHERE, 7, 7)])
        runs = [
            (run["first"], run["last"]) for run in one.manifest["runs"] if run["unit"] == "cp-01"
        ]
        assert runs == [(2, 6), (8, 9)]
        assert one.total.days == 2

    def test_a_span_of_time(self, scene, bundle, unit_log):
        log = unit_log()
        for number in range(6):
            log.checkin(at_ms=NOW_MS + number * 1000)
            scene.take(log, number + 1)
        one = bundle(unit="cp-01", from_ms=NOW_MS + 2000, to_ms=NOW_MS + 4000)
        assert one.manifest["wanted"] == [
            {"unit": "cp-01", "stream": "event", "log": LOG, "first": 3, "last": 4}
        ]
        assert one.check()[0] == []

    def test_an_incident_is_its_photos_and_what_they_are_of(self, scene, bundle, unit_log):
        log = unit_log().grow(3)
        scene.take(log)
        path = scene.photo(log, ref={"stream": "event", "log": LOG, "seq": 2})
        scene.photo(log, b"another one")
        hold(scene.store, "case 17", [path.stem], NOW_MS)
        one = bundle(incident="case 17")
        assert [(w["first"], w["last"]) for w in one.manifest["wanted"]] == [(2, 2), (4, 4)]
        assert one.check()[0] == []
        assert one.total.photos_proven == 1

    def test_a_gap_and_a_fork_are_in_it_as_they_are(self, scene, bundle, unit_log):
        log, other = unit_log().grow(9), unit_log(log="f" * 16)
        scene.take(log, 1, 3)
        fields = {"first": 4, "last": 6, "h_last": log.hs[6].hex(), "why": "evicted"}
        scene.take(other.add(Dropped, stream="event", log=LOG, **fields))
        scene.take(log, 7, 9)
        scene.take(log.branch(2).grow(2, up_ms=99))
        scene.close_day()
        one = bundle()
        assert one.check()[0] == []
        assert one.total.proven == one.total.records

    def test_a_photo_that_is_not_here_is_named(self, scene, bundle, unit_log):
        fields = {"sha256": "ab" * 32, "bytes": 6, "width": 4, "height": 3, "reason": "checkin"}
        scene.take(unit_log().add(Photo, **fields))
        one = bundle()
        assert scene.done.photos_missing == 1
        assert ("outside", "ab" * 32, None, None) in one.check()[1]

    def test_bytes_that_are_no_text_come_back_as_they_were(self, scene, bundle, unit_log):
        scene.take(unit_log().add_raw(b'{"kind":"\xff"}').add_raw(b'{"kind":\n"x"}'))
        assert bundle().check()[0] == []

    def test_roots_as_a_platform_has_them(self, case, scene):
        root = json.loads(scene.rows("records", unit="gw")[0]["raw"])
        assert case.check(forwarded={root["date"]: root["root"]})[0] == []
        assert case.check(forwarded={root["date"]: "ab" * 32})[0] == [
            ("root", root["date"], None, None)
        ]

    @pytest.mark.parametrize("choice", [{"unit": "cp-9"}, {"ids": ("cp-01/event/1",)}, {}])
    def test_what_is_not_here_is_said_and_leaves_no_file(self, scene, bundle, choice, tmp_path):
        with pytest.raises(Fault):
            bundle(**choice or {"ids": (f"{WHERE}/1",)})
        assert [path.suffix for path in tmp_path.iterdir() if "zip" in path.name] == []

    def test_it_overwrites_nothing(self, case, bundle):
        with pytest.raises(Fault, match="is there already"):
            bundle()


class TestHoles:
    """Records that the store has no longer, with all that stands beside them in the store set right."""

    @pytest.fixture
    def log(self, scene, unit_log):
        log = unit_log()
        for number in range(9):
            log.checkin(at_ms=NOW_MS + number * 1000)
            scene.take(log, number + 1)
        return log

    def cut(self, scene, log, seq):
        scene.change("records", {"unit": "cp-01", "seq": seq})
        row = {"unit": "cp-01", "seq": seq + 1}
        scene.change("records", row, prev=log.hs[seq], batch_prev=log.hs[seq])

    @pytest.mark.parametrize(
        "choice",
        [
            {},
            {"from_ms": NOW_MS + 2000, "to_ms": NOW_MS + 8000},
            {"ids": (f"{WHERE}/2", f"{WHERE}/9")},
        ],
    )
    def test_cut_out_of_the_middle(self, scene, bundle, log, choice):
        self.cut(scene, log, 5)
        one = bundle(**choice if "ids" in choice else {"unit": "cp-01", **choice})
        assert one.check()[0] == [("missing", WHERE, 5, 5)]

    def test_cut_off_the_beginning(self, scene, bundle, log):
        self.cut(scene, log, 1)
        assert bundle(unit="cp-01", from_ms=NOW_MS + 4000).check()[0] == [("missing", WHERE, 1, 1)]

    def test_cut_off_the_end_after_a_root_was_made(self, scene, bundle, log):
        scene.close_day()
        scene.change("records", {"unit": "cp-01", "seq": 9})
        one = bundle()
        assert "root" in [what for what, *_ in one.check()[0]]
        assert f"the head of {WHERE}" in str(one.findings)

    def test_cut_out_and_called_unasked(self, scene, bundle, log):
        one = bundle()
        parts = one.parts()
        manifest = json.loads(parts["manifest.json"])
        (run,) = manifest["runs"]
        first = b"".join(lines(parts)[:4])
        second = parts["records/1.jsonl"][len(first) :].partition(b"\n")[2]
        manifest["runs"] = [
            run | {"last": 4},
            run | {"first": 6, "prev": log.hs[5].hex(), "part": "records/2.jsonl"},
        ]
        manifest["wanted"] = [
            {k: r[k] for k in ("unit", "stream", "log", "first", "last")} for r in manifest["runs"]
        ]
        manifest["unasked"] = [manifest["wanted"][0] | {"first": 5, "last": 5}]
        parts |= {"manifest.json": json.dumps(manifest).encode()}
        one.reseal(parts | {"records/1.jsonl": first, "records/2.jsonl": second}, one.keys)
        assert ("missing", WHERE, 5, 5) in one.check()[0]

    def test_what_its_unit_declared_later_brings_the_declaration(self, scene, bundle, unit_log):
        log, other = unit_log(), unit_log(log="f" * 16)
        for number in range(9):
            log.checkin(at_ms=NOW_MS + number * 1000)
        scene.take(log, 1, 3)
        fields = {"first": 4, "last": 6, "h_last": log.hs[6].hex(), "why": "evicted"}
        scene.take(other.grow(3).add(Dropped, stream="event", log=LOG, **fields).grow(3))
        scene.take(log, 7, 9)
        one = bundle(unit="cp-01", from_ms=NOW_MS + 1000, to_ms=NOW_MS + 8000)
        assert one.check() == ([], [("declared", WHERE, 4, 6), ("waiting", WHERE, None, None)])

    def test_what_the_policy_removed_brings_the_gateways_word(self, scene, bundle, log):
        scene.now_ms += 40 * 86_400_000
        scene.take(log.grow(4), 10, 13)
        policy = RetentionSection(event_days=30)
        Retention(scene.store, policy, (), scene.own, scene.now_ms).run()
        assert bundle().check() == ([], [("removed", WHERE, 1, 9), ("waiting", WHERE, None, None)])

    def test_a_word_of_the_policy_does_not_reach_the_middle(self, scene, bundle, log):
        self.cut(scene, log, 5)
        say_removed(scene, log, 5)
        assert bundle().check()[0] == [("missing", WHERE, 5, 5)]

    def test_a_span_that_ends_before_it_begins(self, case):
        parts = case.parts()
        manifest = json.loads(parts["manifest.json"])
        manifest["unasked"] = [manifest["wanted"][0] | {"first": 9, "last": 2}]
        case.reseal(parts | {"manifest.json": json.dumps(manifest).encode()}, case.keys)
        assert case.check()[0] == [("bundle", "case.zip", None, None)]


class TestAttacks:
    NAME = "records/1.jsonl"

    def test_a_changed_record(self, case):
        case.change(self.NAME, b"pl-3", b"pl-9")
        assert case.check()[0] == [
            ("bundle", self.NAME, None, None), ("changed", WHERE, 3, 3),
        ]  # fmt: skip

    def test_a_changed_record_with_all_hashes_made_anew(self, case):
        parts = case.parts()
        parts[self.NAME] = parts[self.NAME].replace(b"pl-3", b"pl-9")
        case.reseal(parts, case.site.bearer("cp-01"))
        found = [what for what, *_ in case.check()[0]]
        assert found == ["signature", "changed"]

    def test_even_the_gateway_cannot_change_a_units_record(self, case):
        parts = case.parts()
        parts[self.NAME] = parts[self.NAME].replace(b"pl-3", b"pl-9")
        case.reseal(parts, case.keys)
        assert case.check()[0] == [("changed", WHERE, 3, 3)]

    def test_a_removed_record(self, case):
        parts = case.parts()
        kept = lines(parts)
        parts[self.NAME] = b"".join(kept[:2] + kept[3:])
        case.reseal(parts, case.keys)
        assert ("missing", WHERE, 3, 3) in case.check()[0]

    def test_a_removed_end(self, case):
        parts = case.parts()
        parts[self.NAME] = b"".join(lines(parts)[:2])
        case.reseal(parts, case.keys)
        assert ("missing", WHERE, 3, 6) in case.check()[0]

    def test_a_removed_run(self, case):
        parts = case.parts()
        manifest = json.loads(parts["manifest.json"])
        manifest["runs"] = manifest["runs"][1:]
        del parts[self.NAME]
        case.reseal(parts | {"manifest.json": json.dumps(manifest).encode()}, case.keys)
        assert ("missing", WHERE, 1, 6) in case.check()[0]

    def test_reordered_records(self, case):
        parts = case.parts()
        kept = lines(parts)
        parts[self.NAME] = b"".join([kept[1], kept[0], *kept[2:]])
        case.reseal(parts, case.keys)
        assert [what for what, *_ in case.check()[0]][:2] == ["missing", "broken"]

    def test_a_swapped_photo(self, case):
        name = next(name for name in case.parts() if name.startswith("photos/"))
        parts = case.parts() | {name: b"another jpeg"}
        case.write(parts)
        assert case.check()[0] == [("bundle", name, None, None)]
        case.reseal(parts, case.keys)
        assert case.check()[0] == [("photo", name[7:-4], None, None)]

    def test_a_missing_photo(self, case):
        parts = case.parts()
        name = next(name for name in parts if name.startswith("photos/"))
        del parts[name]
        case.write(parts)
        assert case.check()[0] == [("bundle", name, None, None)]
        manifest = json.loads(parts["manifest.json"])
        manifest["photos"] = []
        case.reseal(parts | {"manifest.json": json.dumps(manifest).encode()}, case.keys)
        assert case.check()[0] == [("photo", name[7:-4], None, None)]

    def test_a_foreign_certificate(self, case):
        forger = Site("another site").bearer("cp-01")
        parts = case.parts()
        manifest = json.loads(parts["manifest.json"])
        kid = case.manifest["certificates"][0]["kid"]
        name = case.manifest["certificates"][0]["part"]
        case.reseal(parts | {name: forger.der}, case.keys)
        assert "signature" in [what for what, *_ in case.check()[0]]
        assert kid in str(case.findings)
        assert manifest["v"] == 1

    def test_the_wrong_authority(self, case):
        findings, _ = case.check(Site("another site").authority)
        assert {what for what, *_ in findings} == {"signature"}
        assert case.total.proven == 0

    def test_no_authority_at_all_tells_the_fingerprint_to_compare(self, case):
        findings, _ = case.check(None)
        assert findings == [("certificate", "ca.crt", None, None)]
        assert case.site.authority.fingerprint in case.findings[0].why

    def test_a_manifest_that_somebody_else_signed(self, case):
        case.reseal(case.parts(), case.site.bearer("cp-01"))
        assert [what for what, *_ in case.check()[0]] == ["signature"]

    def test_a_root_with_another_proof(self, case):
        parts = case.parts()
        manifest = json.loads(parts["manifest.json"])
        manifest["roots"][0]["proofs"][0]["path"] = ["ab" * 32]
        case.reseal(parts | {"manifest.json": json.dumps(manifest).encode()}, case.keys)
        assert case.check()[0] == [("day", WHERE, 6, 6)]

    def test_a_bundle_without_roots_where_roots_were_given(self, case):
        parts = case.parts()
        manifest = json.loads(parts["manifest.json"])
        manifest["roots"] = []
        case.reseal(parts | {"manifest.json": json.dumps(manifest).encode()}, case.keys)
        assert case.check()[0] == []
        assert case.check(forwarded={"2025-11-23": "ab" * 32})[0] == [
            ("root", "case.zip", None, None)
        ]

    def test_a_gateways_key_that_leaked(self, case, scene):
        case.reseal(case.parts(), case.keys)
        assert case.check()[0] == []
        serial = scene.keys.certificate.serial
        found = case.check(struck={serial: scene.now_ms})[0]
        assert found == [("signature", "manifest.json", None, None)]
        assert "was revoked" in case.findings[0].why
        assert ("signature", "gw/event") in [
            (what, where[:8]) for what, where, *_ in case.check(struck={serial: NOW_MS})[0]
        ]

    def test_a_units_key_on_the_list_proves_what_came_before(self, case, scene):
        serial = scene.key().read(scene.site).serial
        assert case.check(struck={serial: NOW_MS})[0] == []
        assert case.check(struck={serial: NOW_MS - 1})[0] == [("signature", WHERE, 1, 6)]

    def test_a_part_that_nobody_named(self, case):
        case.write(case.parts() | {"photos/extra.jpg": b"x"})
        assert case.check()[0] == [("bundle", "photos/extra.jpg", None, None)]


class TestHostileFiles:
    @pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "records/..\\x", "a\nb"])
    def test_a_path_that_leads_out(self, case, name, tmp_path):
        before = sorted(tmp_path.rglob("*"))
        parts = case.parts() | {name: b"x"}
        case.write(parts)
        assert [what for what, *_ in case.check()[0]] == ["bundle"]
        case.reseal(parts, case.keys)
        assert [what for what, *_ in case.check()[0]] == ["bundle"]
        assert sorted(tmp_path.rglob("*")) == before

    def test_a_zip_bomb(self, case):
        case.write(case.parts() | {"records/1.jsonl": bytes(64 * 1024 * 1024)})
        findings, _ = case.check()
        assert findings == [("bundle", "case.zip", None, None)]
        assert "times its size" in case.findings[0].why

    def test_a_bomb_that_lies_about_its_size(self, case):
        bomb = io.BytesIO()
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("manifest.json", bytes(64 * 1024 * 1024))
        content = bomb.getvalue().replace((64 * 1024 * 1024).to_bytes(4, "little"), b"\x10\0\0\0")
        case.path.write_bytes(content)
        assert [what for what, *_ in case.check()[0]] == ["bundle"]

    def test_a_line_without_end(self, case):
        parts = case.parts() | {"records/1.jsonl": b"x" * (9 * 1024 * 1024)}
        case.write(parts, zipfile.ZIP_STORED)
        assert "is longer than" in str(case.check() and case.findings)

    def test_the_same_part_twice(self, case):
        with pytest.warns(UserWarning), zipfile.ZipFile(case.path, "a") as file:
            file.writestr("manifest.json", b"{}")
        assert "2 times" in str(case.check() and case.findings)

    @pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", b"{}"])
    def test_no_zip_at_all(self, case, content):
        case.path.write_bytes(content)
        assert case.check()[0] == [("bundle", "case.zip", None, None)]

    def test_no_file_at_all(self, case):
        case.path.unlink()
        assert case.check()[0] == [("bundle", "case.zip", None, None)]

    def test_half_a_file(self, case):
        content = case.path.read_bytes()
        for at in range(0, len(content), len(content) // 20):
            case.path.write_bytes(content[:at])
            assert case.check()[0] == [("bundle", "case.zip", None, None)]

    @pytest.mark.parametrize(
        "manifest", [b"", b"{", b"[]", b"{}", b'{"v":2}', b"\xff", b"[" * 9999]
    )
    def test_a_manifest_that_is_none(self, case, manifest):
        case.write(case.parts() | {"manifest.json": manifest})
        assert case.check()[0] == [("bundle", "case.zip", None, None)]

    def test_json_of_any_depth(self, case):
        deep = b'{"x":' + b"[" * 100_000 + b"]" * 100_000
        for name in ("manifest.json", "manifest.sig", "records/1.jsonl"):
            case.write(case.parts() | {name: deep + b"}"}, zipfile.ZIP_STORED)
            assert case.check()[0]

    def test_one_part_of_records_named_again_and_again(self, case):
        parts = case.parts()
        manifest = json.loads(parts["manifest.json"])
        manifest["runs"] *= 1000
        case.reseal(parts | {"manifest.json": json.dumps(manifest).encode()}, case.keys)
        assert case.check()[0] == [("bundle", "case.zip", None, None)]

    def test_ever_so_many_spans_take_no_longer_than_their_reading(self, case):
        parts = case.parts()
        manifest = json.loads(parts["manifest.json"])
        span = manifest["wanted"][0]
        many = [span | {"first": 10 * n, "last": 10 * n + 1} for n in range(1, 20_001)]
        manifest["wanted"] += many
        case.reseal(parts | {"manifest.json": json.dumps(manifest).encode()}, case.keys)
        assert case.check()[0] == [("missing", WHERE, 7, 200_001)]

    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_bytes_changed_anywhere_are_found_and_never_a_traceback(self, case, data):
        if not hasattr(case, "sound"):
            case.sound = case.path.read_bytes()
        content = bytearray(case.sound)
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        case.path.write_bytes(content)
        findings, notes = case.check()
        assert findings or (notes == [] and case.total.proven == 7)

    @settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_lines_and_manifests_of_any_json_are_never_a_traceback(self, case, data):
        if not hasattr(case, "whole"):
            case.whole = case.parts()
        name = data.draw(st.sampled_from(["manifest.json", "manifest.sig", "records/1.jsonl"]))
        text = case.whole[name]
        at = data.draw(st.integers(0, len(text) - 1))
        end = data.draw(st.integers(at, min(len(text), at + 40)))
        new = data.draw(
            st.binary(max_size=12) | st.sampled_from([b"null", b"-1", b'""', b"{}", b"9" * 30])
        )
        if text[:at] + new + text[end:] == text:
            return
        case.write(case.whole | {name: text[:at] + new + text[end:]})
        assert case.check()[0]
