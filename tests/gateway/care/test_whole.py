"""`xunkong fleet show`."""

from gateway.orders import give


def test_one_unit_in_whole(site, rows, typed, unit_log, bench_on):
    log = unit_log("cp-01").grow(12)
    bench_on(site[1]).take(log.message())
    order = give(site[1], "cp-01", "locate", None, 600)
    (row,) = rows("show", "cp-01")
    assert row["health"]["parts"] == {"nfc": "silent"}
    assert [one["seq"] for one in row["records"]] == list(range(3, 13))
    assert [(one["id"], one["what"]) for one in row["orders"]] == [(order, "locate")]
    assert (row["release"], row["certificate"], row["position"]) == (None, None, [27.2, 111.4])
    code, out, _ = typed("show", "cp-01")
    assert (code, "\x1b" in out) == (0, False)
    assert "part nfc      silent, 90 s" in out
    assert out.count('"kind":"checkin"') == 10
    shown = [line for line in out.splitlines() if line.startswith("record")]
    assert len(shown) == 10
    assert all("+08:00" in line and "Z  {" not in line for line in shown)
    assert all(one["time"] is None or one["time"].endswith("Z") for one in row["records"])


def test_who_is_not_known_is_named(typed):
    code, out, err = typed("show", "cp-77")
    assert (code, out) == (2, "")
    assert "no unit 'cp-77' is known; see xunkong fleet list" in err
