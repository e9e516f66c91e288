"""The file that a journal is carried in: read as it was written, and nothing but a clear fault for what is none."""

import random
import zipfile

import pytest

from wire.carried import MANIFEST, Carried, CarriedFile, CarriedWriter
from wire.limits import MAX_PAYLOAD_BYTES
from wire.words import Fault

CARRIED = Carried(1, "cp-01", "k1", 5, "0.1.0", records=2, photos=1)


@pytest.fixture
def path(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        writer = CarriedWriter(packed)
        writer.message(7, "track", b"track")
        writer.message(0, "hello", b"hello")
        writer.message(3, "event", b"event")
        writer.photo("0" * 64, b"jpeg")
        writer.end(CARRIED)
    return tmp_path / "x.zip"


def everything(path):
    file = CarriedFile(path)
    try:
        messages = [file.read(name) for name in file.messages]
        return file.manifest, messages, [file.photo(digest) for digest in file.photos]
    finally:
        file.close()


def test_messages_come_in_the_order_of_their_numbers_on_their_unit_s_topics(path):
    manifest, messages, photos = everything(path)
    assert manifest == CARRIED
    assert messages == [
        ("xk/v1/cp-01/up/hello", b"hello"),
        ("xk/v1/cp-01/up/log/event", b"event"),
        ("xk/v1/cp-01/up/log/track", b"track"),
    ]
    assert photos == [b"jpeg"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("messages/000001.state", b"", "parts of another kind"),
        ("../messages/000001.event", b"", "parts of another kind"),
        ("photos/x.jpg", b"", "parts of another kind"),
        ("messages/000001.event", bytes(MAX_PAYLOAD_BYTES + 1), "more than"),
    ],
)
def test_what_does_not_belong_into_it(path, name, data, said):
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(name, data)
    with pytest.raises(Fault, match=said):
        everything(path)


@pytest.mark.parametrize("unit", ["gw", "a/b", "../x"])
def test_a_name_that_no_unit_has(tmp_path, unit):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr(MANIFEST, f'{{"v":1,"unit":"{unit}","kid":"k","exported_ms":1}}')
    with pytest.raises(Fault, match="run xunkong device journal export anew"):
        CarriedFile(tmp_path / "x.zip")


def test_hostile_bytes_are_a_fault_and_nothing_else(path, tmp_path):
    dice, sound = random.Random(5), path.read_bytes()
    refused = 0
    for _ in range(300):
        data = bytearray(sound)
        for _ in range(dice.randrange(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        (tmp_path / "y.zip").write_bytes(bytes(data[: dice.choice((len(data), len(data) - 30))]))
        try:
            everything(tmp_path / "y.zip")
        except Fault:
            refused += 1
    assert refused > 100
