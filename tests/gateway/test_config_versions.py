"""Which version a unit uses, by its own signature, and what is made of a claim that nobody signed."""

import pytest

from gateway.config_versions import MOST, MOST_AHEAD
from gateway.roster import Wanted
from gateway.store.schema import configs
from gateway.unit_config import newest, push
from tests.device.core.conftest import Unit
from wire.records import Config
from wire.words import Fault

REFUSED = "version 1 is older than {}, which is in use"


@pytest.fixture
def told(any_store, bench_on, unit_log):
    """Lets `cp-01` say what became of configurations: (version, outcome, why)."""

    def tell(*claims):
        log = unit_log()
        for version, outcome, why in claims:
            log.add(Config, version=version, outcome=outcome, why=why)
        bench_on(any_store).take(log.message())
        return any_store

    return tell


@pytest.mark.parametrize(
    ("claims", "version"),
    [
        ([], 1),
        ([(7, "applied", None)], 8),
        ([(7, "applied", None), (6, "applied", None)], 8),
        ([(1, "refused", REFUSED.format(5))], 6),
        ([(99, "refused", "it is not signed")], 1),
        ([(9, "refused", "it is for unit " + REFUSED.format(77))], 1),
        ([(MOST_AHEAD, "applied", None)], MOST_AHEAD + 1),
        ([(MOST_AHEAD + 1, "applied", None), (MOST, "applied", None)], 1),
        ([(1, "refused", REFUSED.format(2**53))], 1),
    ],
)
def test_the_next_version_is_above_what_the_unit_signed(told, claims, version):
    assert push(told(*claims), "cp-01", Wanted()) == version


def test_a_unit_refuses_what_is_older_in_the_words_that_are_read_here(told):
    unit = Unit()
    for version in (5, 1):
        unit.configure(version)
    said = unit.kept(Config)[-1]
    assert push(told((said.version, said.outcome, said.why)), "cp-01", Wanted()) == 6


def test_a_state_that_nobody_signed_counts_nothing(any_store, bench_on, state):
    bench = bench_on(any_store)
    for conn in (1, 2):
        bench.now_ms += 5_000
        bench.take(state(config=MOST, conn=conn))
    assert push(any_store, "cp-01", Wanted()) == 1
    assert newest(any_store, "cp-01").version == 1


def test_after_the_last_version_there_is_none(store):
    row = {"unit": "cp-01", "version": MOST, "body": b"{}", "pushed_ms": 0}
    with store.changing() as connection:
        connection.execute(configs.insert().values(**row))
    with pytest.raises(Fault, match="used up"):
        push(store, "cp-01", Wanted())
