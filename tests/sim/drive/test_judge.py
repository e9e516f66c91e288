"""What counts as a true stay: back soon after grazing outwards is the same one."""

import pytest

from sim.drive.judge import FLAP_M, passes
from sim.drive.truth import Circle, Truth


@pytest.mark.parametrize(("outside_m", "stays"), [(FLAP_M - 5, 1), (FLAP_M + 5, 2)])
def test_who_comes_back_without_having_gone_far_has_not_left(outside_m, stays):
    metres = [-100.0, -10.0, 50.0 + outside_m, 0.0, 100.0]
    way = [Truth(n * 1000, east_m, 0.0, 10.0, 90.0) for n, east_m in enumerate(metres)]
    found = list(passes(way, [Circle("pl-1", 0.0, 0.0, 50.0)]))
    assert len(found) == stays
    assert (found[0].enter_ms, found[-1].leave_ms, found[-1].deep_m) == (1000, 3000, 50.0)
