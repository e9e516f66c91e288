"""For all tests: the slow ones only with --all, no test left out on a machine of CI's, and a small city."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from sim.broker import find_mosquitto
from sim.chaos.check import out_of_order
from sim.city import City, wait_for
from sim.demo import Checkpoint
from sim.tally import UnitTally
from sim.tally import checkpoint as checkpoint_tally

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

SLOW = ("postgres", "browser", "virtual_pi", "chaos")
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--all`."""
    parser.addoption("--all", action="store_true", help=f"the slow tests too: {', '.join(SLOW)}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the slow tests out, unless all are wanted."""
    if config.getoption("--all"):
        return
    slow = [item for item in items if any(item.get_closest_marker(name) for name in SLOW)]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


NULL = pytest.StashKey[list[str]]()
"""Before which tests the machine's /dev/null had to be put back."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """As root a slip of anybody's takes /dev/null from the whole machine, and hundreds of tests fail for want of it."""
    if os.geteuid() != 0 or Path(os.devnull).is_char_device():
        return
    Path(os.devnull).unlink(missing_ok=True)
    os.mknod(os.devnull, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    Path(os.devnull).chmod(0o666)
    item.config.stash.setdefault(NULL, []).append(item.nodeid)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says so."""
    for nodeid in config.stash.get(NULL, []):
        terminalreporter.write_line(f"/dev/null was gone, and was put back before {nodeid}")


def _not_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    """With CI=true a test that was skipped has failed: the machine was to have all that is needed."""
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"CI=true, and this was skipped: {why}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """A test, or what it needs, said that it cannot run here."""
    report = yield
    _not_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """A whole file said so."""
    report = yield
    _not_in_ci(report)
    return report


@pytest.fixture
def shared_data() -> Path:
    """The recordings made by others: `../shared/data` beside the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there: it comes beside the project, not with it")
    return SHARED


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """A running city with a mosquitto, without units yet; its files are in `tmp_path`."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    with City(tmp_path) as town:
        yield town


@pytest.fixture
def checkpoint(city: City) -> Iterator[Callable[..., Checkpoint]]:
    """Makes checkpoints of `city`: a unit that is not started yet, its reader, and who taps at it."""
    made: list[Checkpoint] = []

    def make(name: str = "cp-1") -> Checkpoint:
        made.append(Checkpoint(city, name, seed=len(made)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def settled(city: City) -> Callable[..., list[UnitTally]]:
    """Waits until every tap that beeped is at the platform; says how it then stands."""

    def settle(*at: Checkpoint, most_s: float = 90.0) -> list[UnitTally]:
        wait_for(lambda: not any(one.lost for one in _tallies(city, at)), most_s)
        found = _tallies(city, at)
        assert [one.lost for one in found] == [0] * len(at), city.rows()
        assert [one.doubled for one in found] == [0] * len(at)
        assert out_of_order(event["id"] for _, event in city.received()) == []
        return found

    return settle


def _tallies(city: City, at: Iterable[Checkpoint]) -> list[UnitTally]:
    checkins, received = city.committed("checkin"), list(city.received())
    return [checkpoint_tally(one.unit.name, one.tapper.taps, checkins, received) for one in at]
