"""`xunkong fleet locate|reboot|config`: given, waited for, printed."""

import pytest

from gateway.orders import listed
from wire.records import Position

HERE = Position(27.24, 111.47, 2.5, 1200)


def received(order):
    return [{"outcome": "received"}]


class TestLocate:
    def test_where_each_is(self, rows, answering, monkeypatch):
        answering(monkeypatch, lambda o: [*received(o), {"outcome": "done", "pos": HERE}])
        one, two = rows("locate", "cp-01", "v-01", "cp-01")
        assert (one["unit"], one["outcome"], two["unit"]) == ("cp-01", "done", "v-01")
        assert (one["lat"], one["lon"], one["hacc_m"], one["age_s"]) == (27.24, 111.47, 2.5, 1.2)

    def test_why_not(self, typed, answering, monkeypatch):
        answering(monkeypatch, lambda o: [{"outcome": "failed", "why": "no \x1b[2Jposition"}])
        code, out, _ = typed("locate", "cp-01")
        assert code == 1
        assert "failed: no \ufffd[2Jposition" in out

    def test_nobody_waits_longer_than_was_said(self, site, typed):
        code, out, _ = typed("locate", "v-01", "--wait", "1")
        assert code == 1
        assert "no answer" in out
        (order,) = listed(site[1])
        assert order.expires_ms - order.issued_ms == 1000

    def test_a_refusal_is_not_the_last_word(self, typed, answering, monkeypatch):
        answering(monkeypatch, lambda o: [{"outcome": "refused"}, {"outcome": "done"}])
        assert typed("locate", "cp-01")[0] == 0


class TestReboot:
    def test_when_it_started(self, rows, answering, monkeypatch):
        answering(monkeypatch, lambda o: [{"outcome": "done", "boot": "00c0ffee"}])
        (row,) = rows("reboot", "cp-01")
        assert row["boot"] == "00c0ffee"
        assert row["started"] == "2025-11-23T09:25:39.000Z"

    def test_without_waiting(self, site, typed):
        code, out, _ = typed("reboot", "cp-01", "cp-02", "--no-wait")
        given = listed(site[1])
        assert (code, [order.what for order in given]) == (0, ["reboot", "reboot"])
        assert all(order.id in out for order in given)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("locate", "cp-77"), "no unit 'cp-77'"),
        (("reboot", "cp-01", "--wait", "0"), "--wait 0: give 1 to 86400"),
        (("locate", "cp-01", "--wait", "nan"), "--wait nan"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_ordered(site, typed, words, said):
    code, out, err = typed(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert listed(site[1]) == []


def test_configurations_are_the_gateway_s_own(typed, tmp_path):
    file = tmp_path / "unit.toml"
    file.write_text('checkpoint = "pl-1"\n')
    said = "pushed for cp-01 yet: xunkong fleet config cp-01 UNIT.toml pushes one"
    assert said in typed("config", "cp-01")[2]
    assert "no unit 'nope' is known" in typed("config", "nope")[2]
    assert typed("config", "cp-01", str(file))[0] == 0
    assert '"pl-1"' in typed("config", "cp-01")[1]
    assert " pl-1 " in typed("list", "cp-01")[1]
