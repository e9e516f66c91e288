"""Who was put out hears no order: that is said at once, and nothing is waited for."""

import pytest

from gateway.care.waiting import in_service
from gateway.fleet.broker_folder import now_ms
from gateway.fleet.roll import strike_out
from wire.words import Fault


def test_a_unit_that_is_out_is_named_with_why(site, site_store):
    site.unit(site_store, "cp-01")
    in_service(site_store, ["cp-01", "cp-02"])
    with site_store.changing() as connection:
        strike_out(connection, "cp-01", "stolen", now_ms())
    with pytest.raises(Fault, match=r"cp-01 is out of service \(stolen\); xunkong provision host"):
        in_service(site_store, ["cp-02", "cp-01"])
    site.unit(site_store, "cp-01")
    in_service(site_store, ["cp-01"])
