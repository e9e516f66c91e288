"""The forward process: one thread per sink, ended by an event; what nobody foresaw ends it all."""

import threading

import pytest
import sqlalchemy as sa
from msgspec import structs

from gateway.config import BrokerSection, GatewayConfig, KeysSection, SinkSection, StoreSection
from gateway.forward import worker
from gateway.forward.worker import Forwarder
from tests.notified import SILENT_S, WATCH_S, Heard
from wire.service import Service


@pytest.fixture
def forwarder(any_store, any_url, platform, keys_folder):
    """Makes a forwarder to `platform` under the given names."""

    def make(*names, reached=lambda point: None, service=None):
        sinks = [SinkSection("cloudevents", platform.url, name) for name in names]
        keys = KeysSection(str(keys_folder))
        config = GatewayConfig(
            [BrokerSection("127.0.0.1")], StoreSection(any_url), sinks, keys=keys
        )
        return Forwarder(config, any_store, reached, service)

    return make


@pytest.fixture
def until():
    """Gives a judge of a platform that sets `stop` once `number` events have come."""

    def make(platform, stop, number):
        def judge(events):
            if len(platform.ids) + len(events) >= number:
                stop.set()
            return 200

        return judge

    return make


def test_every_sink_gets_all(any_store, bench_on, unit_log, forwarder, platform, until):
    log = unit_log().grow(3)
    bench_on(any_store).take(log.message())
    stop = threading.Event()
    platform.judge = until(platform, stop, 6)
    forwarder("one", "two").run(stop)
    ids = [f"cp-01/event/{log.log}/{seq}" for seq in (1, 2, 3)]
    assert sorted(platform.ids) == sorted(ids * 2)


def test_what_comes_later_is_sent_too(any_store, bench_on, unit_log, forwarder, platform, until):
    stop, idle, log = threading.Event(), threading.Event(), unit_log().grow(2)
    bench = bench_on(any_store)
    bench.take(log.message(1, 1))
    platform.judge = until(platform, stop, 2)
    thread = threading.Thread(
        target=forwarder("one", reached=lambda p: p == "forward.after_cursor" and idle.set()).run,
        args=(stop,),
    )
    thread.start()
    assert idle.wait(30)
    bench.take(log.message(2, 2))
    thread.join(30)
    assert not thread.is_alive()
    assert [one.rpartition("/")[2] for one in platform.ids] == ["1", "2"]


def test_without_a_sink_it_only_waits_for_its_end(forwarder):
    stop = threading.Event()
    stop.set()
    forwarder().run(stop)
    assert stop.is_set()


def test_it_ends_while_a_platform_is_down(any_store, bench_on, unit_log, forwarder, platform):
    bench_on(any_store).take(unit_log().grow(1).message())
    stop = threading.Event()

    def judge(events):
        stop.set()
        return 503

    platform.judge = judge
    forwarder("one").run(stop)
    assert platform.ids == []
    assert len(platform.requests) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_nobody_foresaw_ends_the_process(any_store, bench_on, unit_log, forwarder):
    bench_on(any_store).take(unit_log().grow(1).message())

    def reached(point):
        raise InterruptedError(point)

    stop = threading.Event()
    with pytest.raises(InterruptedError, match=r"forward\.before_post"):
        forwarder("one", "two", reached=reached).run(stop)
    assert stop.is_set()


class Mending:
    """A stop event: at the first pause the database works again; later pauses are real."""

    def __init__(self, stop, mend):
        self.stop, self.mend = stop, mend

    def wait(self, for_s):
        mend, self.mend = self.mend, None
        if mend:
            mend()
            return False
        return self.stop.wait(for_s)

    def is_set(self):
        return self.stop.is_set()


def test_a_database_that_fails_is_waited_for(
    any_store, bench_on, unit_log, forwarder, platform, until, caplog
):
    bench_on(any_store).take(unit_log().grow(1).message())

    def rename(old, new):
        with any_store.engine.begin() as connection:
            connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))

    stop = threading.Event()
    platform.judge = until(platform, stop, 1)
    one = forwarder("one")
    (section,) = one._config.sink
    rename("cursors", "away")
    one._pump(structs.replace(section), Mending(stop, lambda: rename("away", "cursors")))
    assert len(platform.ids) == 1
    assert "check [store] url, disk space and permissions; nothing moves until then" in caplog.text


@pytest.fixture
def heard(tmp_path):
    manager = Heard(tmp_path / "notify")
    yield manager
    manager.close()


@pytest.fixture
def running():
    """Runs a forwarder on a thread until the test's end."""
    stop, threads = threading.Event(), []

    def start(one):
        threads.append(threading.Thread(target=one.run, args=(stop,)))
        threads[-1].start()
        return stop

    yield start
    stop.set()
    for thread in threads:
        thread.join(30)


def test_it_is_ready_alive_and_takes_its_leave(forwarder, running, heard):
    stop = running(forwarder("one", service=Service(heard.environ)))
    assert heard.next() == ["READY=1", "STATUS=forwards to one"]
    assert [heard.next() for _ in range(3)] == [["WATCHDOG=1"]] * 3
    stop.set()
    assert heard.until("STOPPING=1")[-1] == "STOPPING=1"


def test_a_sink_s_pump_that_hangs_ends_the_signs_of_life(
    any_store, bench_on, unit_log, forwarder, running, heard, monkeypatch
):
    monkeypatch.setattr(worker, "SLACK_S", WATCH_S - worker.POSTS * 10.0)
    bench_on(any_store).take(unit_log().grow(1).message())
    hangs, goes_on = threading.Event(), threading.Event()

    def reached(point):
        if point == "forward.before_post":
            hangs.set()
            goes_on.wait(60)

    running(forwarder("one", reached=reached, service=Service(heard.environ)))
    try:
        assert hangs.wait(30)
        with pytest.raises(TimeoutError):
            while True:
                heard.next(SILENT_S)
    finally:
        goes_on.set()
    assert heard.until("WATCHDOG=1")
