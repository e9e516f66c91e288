"""When the module's state is news."""

from hardware.gps.epoch import Epoch, GpsFix
from hardware.gps.health import Health

FIX = GpsFix(0, None, False, 27.24, 111.47, None, None, None, None, None, None)


def good(up_ms: int) -> Epoch:
    return Epoch(up_ms, up_ms, FIX, "")


def void(up_ms: int) -> Epoch:
    return Epoch(up_ms, up_ms, None, "void")


def test_a_fix_is_news_once() -> None:
    health = Health()
    health.opened(0)
    assert [health.epoch(good(at_ms)) for at_ms in (100, 1100)] == ["ok", ""]


def test_a_void_epoch_is_news_at_the_start_and_not_between_fixes() -> None:
    health = Health()
    health.opened(0)
    assert [health.epoch(void(100)), health.epoch(void(1100))] == ["no fix", ""]
    assert [health.epoch(good(2100)), health.epoch(void(3100))] == ["ok", ""]


def test_a_lost_fix_is_news_after_three_seconds() -> None:
    health = Health()
    health.opened(0)
    health.sentence(1000)
    health.epoch(good(1000))
    health.sentence(3500)
    assert [health.passed(3999), health.passed(4000), health.passed(4001)] == ["", "no fix", ""]


def test_a_silence_is_news_after_three_seconds_and_ends_with_a_fix() -> None:
    health = Health()
    health.opened(500)
    assert [health.passed(3499), health.passed(3500), health.passed(9000)] == ["", "silent", ""]
    health.sentence(9001)
    assert [health.passed(9002), health.epoch(good(9100))] == ["", "ok"]


def test_a_silence_may_end_without_a_fix() -> None:
    health = Health()
    health.opened(0)
    health.passed(3000)
    health.sentence(4000)
    health.sentence(6900)
    assert [health.passed(6999), health.passed(7000)] == ["", "no fix"]


def test_a_port_that_is_gone_is_news_once_and_gets_its_time_when_it_is_back() -> None:
    health = Health()
    assert [health.gone(), health.gone()] == ["unplugged", ""]
    health.opened(60_000)
    assert [health.passed(60_001), health.passed(63_000)] == ["", "silent"]
