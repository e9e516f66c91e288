"""What was carried here by hand is proven like anything, and told of: in the store, and in a bundle."""

import pytest

from gateway.evidence.export import export
from gateway.store.book import Book
from wire import records
from wire.evidence.bundle import Choice
from wire.evidence.check import BundleCheck

LOG = "e" * 16
WHERE = f"cp-01/event/{LOG}"


@pytest.fixture
def scene(scene, unit_log):
    """Of five check-ins the second to the fourth came by hand."""
    scene.take(unit_log().grow(5))
    fields = {"unit": "cp-01", "what": "event", "log": LOG, "first": 2, "last": 4, "count": 3}
    with scene.store.writing() as connection:
        book = Book(scene.store.is_sqlite)
        book.open(connection, scene.now_ms)
        word = {"kid": "k", "sha256": "ab" * 32, "exported_ms": scene.now_ms}
        scene.own.write(book, records.Imported, **fields, **word)
        book.close()
    scene.close_day()
    return scene


def test_verify_tells_of_it_and_all_is_proven(scene):
    findings, notes, total = scene.verify()
    assert (findings, notes) == ([], [("carried", WHERE, 2, 4)])
    assert total.records == total.proven
    (told,) = scene.findings
    assert told.line("en").endswith("(in the file abababababababab)")


def test_only_what_is_verified_is_told_of(scene, unit_log):
    scene.now_ms += 1000
    since_ms = scene.now_ms
    scene.take(unit_log().grow(6), 6)
    assert scene.verify(since_ms=since_ms)[1] == []


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"unit": "cp-01"}, [("carried", WHERE, 2, 4)]),
        ({"ids": (f"{WHERE}/4",)}, [("carried", WHERE, 2, 4)]),
        ({"ids": (f"{WHERE}/1",)}, []),
    ],
)
def test_whoever_checks_a_bundle_is_told(scene, tmp_path, wanted, told):
    path = tmp_path / "case.zip"
    export(scene.store, scene.keys, scene.folder, Choice(**wanted), path, scene.now_ms)
    run = BundleCheck(path, scene.site.authority)
    found = list(run.run())
    assert [(f.what, f.where, f.first, f.last) for f in found if f.what == "carried"] == told
    assert [f for f in found if not f.is_note] == []
    assert run.total.records == run.total.proven
