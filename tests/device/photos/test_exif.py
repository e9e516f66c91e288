"""What is stamped into a photo, read back by Pillow: the record's time, place, unit and identity."""

from io import BytesIO

import msgspec
import piexif
import pytest
from PIL import ExifTags, Image

from device.photos.exif import About, about, stamp
from wire.records import Position, Ref

WHOSE = About("cp-01", "checkin", Ref("event", "e" * 16, 42))
EXIF, GPS = ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo


def read(data):
    """Pillow's word: the first directory, EXIF and GPS by the tags' names."""
    with Image.open(BytesIO(data)) as image:
        image.load()
        found = image.getexif()
    names, gps = ExifTags.TAGS, ExifTags.GPSTAGS
    return (
        {names[k]: v for k, v in found.items()},
        {names[k]: v for k, v in found.get_ifd(EXIF).items()},
        {gps[k]: v for k, v in found.get_ifd(GPS).items()},
    )


def degrees(values):
    return float(values[0] + values[1] / 60 + values[2] / 3600)


def test_pillow_reads_the_records_time_in_utc_with_its_offset(jpeg, checkin):
    zeroth, exif, _ = read(stamp(jpeg(), WHOSE, checkin()))
    assert zeroth["DateTime"] == exif["DateTimeOriginal"] == "2025:11:23 09:28:43"
    assert exif["OffsetTime"] == exif["OffsetTimeOriginal"] == "+00:00"
    assert exif["SubsecTimeOriginal"] == "456"


def test_pillow_reads_the_records_position_and_when_it_was_measured(jpeg, checkin):
    _, _, gps = read(stamp(jpeg(), WHOSE, checkin()))
    assert (gps["GPSLatitudeRef"], gps["GPSLongitudeRef"], gps["GPSMapDatum"]) == (
        "N",
        "E",
        "WGS-84",
    )
    assert degrees(gps["GPSLatitude"]) == pytest.approx(27.2418, abs=1e-8)
    assert degrees(gps["GPSLongitude"]) == pytest.approx(111.4725, abs=1e-8)
    assert (gps["GPSDateStamp"], gps["GPSTimeStamp"]) == ("2025:11:23", (9.0, 28.0, 40.0))
    assert gps["GPSHPositioningError"] == 2.5


@pytest.mark.parametrize(
    ("lat", "lon"), [(-33.9999999, -70.6), (0.0, 179.9999999), (59.99999999, 0.0)]
)
def test_every_hemisphere_and_the_edges_of_a_minute(jpeg, checkin, lat, lon):
    _, _, gps = read(stamp(jpeg(), WHOSE, checkin(pos=Position(lat, lon))))
    sign = {"N": 1, "S": -1, "E": 1, "W": -1}
    assert sign[gps["GPSLatitudeRef"]] * degrees(gps["GPSLatitude"]) == pytest.approx(lat, abs=1e-8)
    assert sign[gps["GPSLongitudeRef"]] * degrees(gps["GPSLongitude"]) == pytest.approx(
        lon, abs=1e-8
    )
    assert all(0 <= gps[name][2] < 60 for name in ("GPSLatitude", "GPSLongitude"))


def test_pillow_reads_unit_and_record(jpeg, checkin):
    zeroth, exif, _ = read(stamp(jpeg(), WHOSE, checkin(), exposure_us=20_000, iso=200))
    assert zeroth["HostComputer"] == "cp-01"
    assert zeroth["ImageDescription"] == f"cp-01/event/{'e' * 16}/42"
    comment = exif["UserComment"].removeprefix(b"ASCII\0\0\0")
    assert msgspec.json.decode(comment, type=About) == WHOSE
    assert (exif["ExposureTime"], exif["ISOSpeedRatings"]) == (0.02, 200)


def test_a_record_that_knows_neither_time_nor_place_says_neither(jpeg, checkin):
    zeroth, exif, gps = read(stamp(jpeg(), WHOSE, checkin(at_ms=None, pos=None)))
    assert not gps
    assert not [name for name in (*zeroth, *exif) if "Time" in name]


def test_a_position_without_a_time_has_no_date(jpeg, checkin):
    _, _, gps = read(stamp(jpeg(), WHOSE, checkin(at_ms=None)))
    assert "GPSLatitude" in gps
    assert not [name for name in gps if "Stamp" in name]


def test_what_picamera2_stamped_of_the_local_clock_is_gone(jpeg, checkin):
    local = {piexif.ImageIFD.DateTime: "1970:01:01 08:00:00", piexif.ImageIFD.Make: "Raspberry Pi"}
    into = BytesIO()
    piexif.insert(piexif.dump({"0th": local}), jpeg(), into)
    zeroth, _, _ = read(stamp(into.getvalue(), WHOSE, checkin()))
    assert zeroth["DateTime"] == "2025:11:23 09:28:43"
    assert "Make" not in zeroth


def test_the_picture_itself_is_untouched(jpeg, checkin):
    def pixels(data):
        with Image.open(BytesIO(data)) as image:
            return image.tobytes()

    assert pixels(stamp(jpeg(), WHOSE, checkin())) == pixels(jpeg())


def test_whose_it_is_is_read_back(jpeg, checkin):
    assert about(stamp(jpeg(), WHOSE, checkin())) == WHOSE


@pytest.mark.parametrize("cut", [0, 3, 40, 200])
def test_a_rotten_file_says_nothing(jpeg, checkin, cut):
    data = stamp(jpeg(), WHOSE, checkin())
    assert about(data[:cut]) is None
    assert about(data[:cut] + bytes(500)) is None
    assert about(jpeg()) is None


def test_what_is_no_jpeg_is_not_stamped(checkin):
    with pytest.raises(ValueError, match="no JPEG"):
        stamp(b"\xff\xd8\xff", WHOSE, checkin())
