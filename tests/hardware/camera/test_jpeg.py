"""A whole JPEG is measured; whatever is cut off, or none at all, is refused."""

from io import BytesIO

import piexif
import pytest
from PIL import Image

from hardware.camera.jpeg import BadJpeg, Size, measure


def jpeg(**options):
    into = BytesIO()
    Image.effect_noise((64, 48), 50).save(into, "JPEG", **options)
    return into.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_whole_one_is_measured_as_pillow_does(options):
    assert measure(jpeg(**options)) == Size(64, 48)


def test_cut_off_anywhere_it_is_refused():
    data = jpeg()
    for end in range(len(data)):
        with pytest.raises(BadJpeg):
            measure(data[:end])


def test_a_whole_thumbnail_within_is_not_taken_for_the_end():
    exif = piexif.dump({"0th": {}, "1st": {piexif.ImageIFD.Compression: 6}, "thumbnail": jpeg()})
    data = jpeg(exif=exif)
    assert measure(data) == Size(64, 48)
    with pytest.raises(BadJpeg, match="no picture"):
        measure(data[: data.index(b"\xff\xd9") + 2])


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"GIF89a", jpeg() + b"\0", b"\xff\xd8" + jpeg()[3:]],
)
def test_what_is_none_is_refused(data):
    with pytest.raises(BadJpeg):
        measure(data)
