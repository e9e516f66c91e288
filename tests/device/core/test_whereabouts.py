"""Who drives and who stands: by net displacement, whatever the way's length."""

from device.core.fences import moved
from device.core.whereabouts import Sight, Whereabouts


def test_libosmscout_1790_the_length_of_a_wobble_is_no_movement():
    """Five seconds there and five back at 2 m/s, for ten minutes: 1,200 m of way, and it has not moved."""
    where, points = Whereabouts(), []
    for second in range(600):
        turn = second % 10
        lat, lon = moved(27.24, 111.47, 2.0 * min(turn, 10 - turn), 0.0)
        course_deg = 90.0 if turn < 5 else 270.0
        points += where.offer(Sight(second * 1_000, lat, lon, 3.0, 2.0, course_deg))
    assert len(points) > 500
    assert not any(point.under_way for point in points[60:])
