"""Who drives and who stands: by net displacement, whatever the way's length."""

from device.core.fences import moved
from device.core.whereabouts import Sight, Whereabouts


def test_libosmscout_1790_the_length_of_a_wobble_is_no_movement():
    """It says 1.2 m/s for ten minutes, there and back: 720 m of way, and it has not moved."""
    where, points = Whereabouts(), []
    for second in range(600):
        lat, lon = moved(27.24, 111.47, 1.2 * (second % 2), 0.0)
        course_deg = 90.0 if second % 2 else 270.0
        points += where.offer(Sight(second * 1_000, lat, lon, 3.0, 1.2, course_deg))
    assert not any(point.under_way for point in points[60:])
