"""The store's opening: schema, identity, and what is wrong said to a person."""

import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway.store.open import StoreFault, fault, open_store
from gateway.store.schema import metadata


def test_migrations_make_the_schema(any_store):
    with any_store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        held = set(sa.inspect(connection).get_table_names())
    assert held == {*metadata.tables, "alembic_version"}


def test_the_identity_is_kept_and_each_stores_own(any_url, opened, tmp_path):
    first, again = opened(any_url), opened(any_url)
    other = opened(f"sqlite:///{tmp_path / 'other.db'}")
    assert first.identity == again.identity
    assert len(first.identity) == 16
    assert first.identity != other.identity


def test_opening_again_changes_nothing(any_url, opened, bench_on, unit_log):
    log = unit_log().grow(2)
    bench_on(opened(any_url)).take(log.message())
    assert bench_on(opened(any_url)).kept() == log.raws


def test_one_of_a_newer_version_is_refused_and_not_touched(any_url, opened):
    with opened(any_url).engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(
        StoreFault, match=r"newer version .*: update the software; the store was not"
    ):
        opened(any_url)
    engine = sa.create_engine(any_url)
    with engine.connect() as connection:
        held = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    engine.dispose()
    assert held == "9999"


def test_sqlite_is_opened_for_safety_before_speed(store):
    with store.reading() as connection:
        said = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous")
        ]
    assert said == ["wal", 2]


def test_many_processes_may_open_a_new_store_at_once(any_url, opened):
    at_once, identities = threading.Barrier(4, timeout=30), []

    def open_it():
        at_once.wait()
        identities.append(opened(any_url).identity)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(identities) == 4
    assert len(set(identities)) == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:////nowhere/at/all/store.db", "unable to open database file"),
        ("nonsense", "Could not parse SQLAlchemy URL"),
        ("oracel://user@host/db", "Can't load plugin"),
        ("mysql://user@host/db", "No module named 'MySQLdb'"),
        ("postgresql+psycopg://user@host:port/db", "invalid literal for int"),
        ("postgresql+psycopg://u:secret@127.0.0.1:1/db", "connection failed|refused"),
    ],
)
def test_what_cannot_be_opened_says_which_why_and_what_to_do(url, why):
    with pytest.raises(StoreFault, match=why) as caught:
        open_store(url)
    en, zh = str(caught.value), caught.value.words.zh
    assert "check [store] url" in en
    assert "请检查 [store] url" in zh
    assert "secret" not in en + zh
    assert "\n" not in en


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path):
    path = tmp_path / "store.db"
    path.write_text("this is a letter, and no database at all\n" * 100)
    with pytest.raises(StoreFault, match="file is not a database"):
        open_store(f"sqlite:///{path}")
    assert path.read_text().startswith("this is a letter")


def test_a_password_is_not_shown():
    said = fault("postgresql+psycopg://user:p%40ss@host/db", OSError("down"))
    assert "user:***@host/db cannot be used: down" in str(said)


def test_a_new_file_is_not_for_everybody(tmp_path, opened):
    opened(f"sqlite:///{tmp_path / 'store.db'}")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("store.db*")}
    assert len(modes) > 1
    assert set(modes.values()) == {0o640}
