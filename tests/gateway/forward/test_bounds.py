"""A record of a boot that never learned the time, as the platform gets it."""

NOW_MS = 1_763_890_000_000
DAY_MS = 86_400_000
LOST = {"at_ms": None, "clock": "none", "clock_err_ms": None}


def test_the_platform_is_told_the_bounds_and_no_time(any_forward, any_bench, unit_log, platform):
    log = unit_log().checkin(boot="aaaa0000", at_ms=NOW_MS - 2 * DAY_MS, clock_err_ms=300)
    log.checkin(boot="bbbb0000", up_ms=20_000, **LOST)
    log.checkin(boot="cccc0000", up_ms=30_000, at_ms=NOW_MS - DAY_MS, clock_err_ms=50)
    any_bench.take(log.message())
    any_forward.all()
    known, bounded, later = platform.taken
    assert "time" not in bounded
    assert bounded["timequality"] == "bounded"
    assert (bounded["timeearliest"], bounded["timelatest"]) == (
        "2025-11-21T09:26:59.699Z",
        "2025-11-22T09:26:10.053Z",
    )
    for dated in (known, later):
        assert "time" in dated
        assert not {"timeearliest", "timelatest"} & set(dated)


def test_without_neighbours_the_receipt_is_the_latest(any_forward, any_bench, unit_log, platform):
    any_bench.take(unit_log().checkin(up_ms=0, **LOST).message())
    any_forward.all()
    (event,) = platform.taken
    assert (event["timequality"], event["timelatest"]) == ("none", "2025-11-23T09:26:40.000Z")
    assert not {"time", "timeearliest"} & set(event)
