"""`xunkong gateway …` through the front door: what is printed, in both languages, and what is wrong."""

import json
import logging
import os
import signal
import types

import pytest

import xunkong
from gateway import cli
from gateway.config import load
from gateway.ingest.intake import LIVE_EVERY_MS, Message
from gateway.ingest.registry import keep
from gateway.site import lay_out
from gateway.store.schema import quarantine
from tests.sun import sun_url
from wire.cards.keyfile import write_keys
from wire.cards.keys import card_keys
from wire.live import LiveFix
from wire.records import Checkin, Clock, Track

LOG = "e" * 16
LANGUAGES = pytest.mark.parametrize("language", ["zh", "en"])
TRACK = {
    "t0_ms": 1_763_890_000_000, "up0_ms": 1, "dt_ms": [0, 1_000], "lat_e7": [10_000_000, 0],
    "lon_e7": [20_000_000, 0], "speed_cm_s": [1, 0], "course_ddeg": [1, 0], "hacc_dm": [1, 0],
    "sats": [9, 0],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _levels():
    """The front door sets levels of logging; they are put back."""
    levels = {name: logging.getLogger(name).level for name in (None, "alembic")}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def xk(capsys):
    """Runs a command; gives its exit code, and what it said on stdout and stderr."""

    def run(*args, language="en"):
        code = xunkong.main(["--lang", language, "gateway", *map(str, args)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def site(tmp_path):
    """A gateway's folder as `init` makes it."""
    lay_out(tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def keys(site, keys_site):
    """The site's keys, those of the tests."""
    (site / "keys" / "crl.pem").unlink()
    keys_site.lay_gateway_keys(site / "keys")
    return keys_site


@pytest.fixture
def config(site):
    return site / "gateway.toml"


@pytest.fixture
def there(config, opened, bench_on):
    """An intake on the site's store."""
    return bench_on(opened(load(config).store.url))


@pytest.fixture
def busy(there, unit_log, state):
    """The site after some work: records, a track, a unit, something quarantined."""
    log = unit_log().grow(1)
    log.add(Clock, utc_ms=there.now_ms + 1_000, at_ms=there.now_ms + 1_000, source="gnss", err_ms=5)
    track = unit_log(stream="track").add(Track, **TRACK)
    there.take(log.message(), track.message(), Message("xk/v1/cp-01/up/log/event", b"bad"))
    there.take(state(crew=["p-1"], fix=LiveFix(1.5, 2.5, 0)))
    there.now_ms += LIVE_EVERY_MS
    there.take()
    return there


@pytest.fixture
def parked(busy, platform_that_refuses):
    """The same, with all that its platform refused."""
    platform_that_refuses(busy.store)
    return busy


@pytest.fixture
def platform_that_refuses():
    from gateway.forward.parking import Parking
    from gateway.forward.sink import Event

    def park(store):
        for seq in (1, 2):
            body = json.dumps({"id": f"cp-01/event/{LOG}/{seq}"}).encode()
            Parking(store, "platform").park(Event(f"cp-01/event/{LOG}/{seq}", "", body), "no")

    return park


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


# init


def test_init_names_what_it_made(xk, tmp_path):
    code, out, err = xk("init", tmp_path / "new")
    assert (code, err) == (0, "")
    assert [line.rpartition("/")[2] for line in out.splitlines()] == [
        "gateway.toml", "unit.example.toml", "device.example.toml", "store.db", "keys", "broker",
    ]  # fmt: skip
    assert all((tmp_path / "new" / line).exists() for line in out.splitlines())


@pytest.mark.parametrize(
    ("language", "said"),
    [("zh", "已存在，未做任何改动；请换一个目录"), ("en", "is there already, nothing was changed")],
)
def test_init_overwrites_nothing(xk, site, language, said):
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    code, out, err = xk("init", site, language=language)
    assert (code, out) == (2, "")
    assert err.startswith(f"xunkong: {site / 'gateway.toml'} ")
    assert said in err
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("language", "said"), [("zh", "无法写入"), ("en", "cannot write into")])
def test_init_where_nothing_can_be_written(xk, tmp_path, language, said):
    (tmp_path / "file").write_text("")
    code, out, err = xk("init", tmp_path / "file" / "new", language=language)
    assert (code, out) == (2, "")
    assert err.startswith(f"xunkong: {said} {tmp_path}/file/new")
    assert err.count("\n") == 1


# Looking


@LANGUAGES
def test_records_as_json(xk, busy, config, language):
    code, out, err = xk("records", "--config", config, "--json", language=language)
    assert (code, err) == (0, "")
    rows = lines(out)
    assert [row["id"] for row in rows] == [
        f"cp-01/event/{LOG}/1", f"cp-01/event/{LOG}/2", f"cp-01/track/{LOG}/1",
    ]  # fmt: skip
    assert rows[0]["record"]["place"] == "pl-1"
    assert rows[0]["time"] == "2025-11-23T09:26:40.000Z"


@LANGUAGES
def test_records_for_people(xk, busy, config, language):
    _, out, _ = xk("records", "--config", config, language=language)
    first = out.splitlines()[0]
    assert first.startswith(f"id=cp-01/event/{LOG}/1  unit=cp-01  stream=event  log={LOG}  seq=1  ")
    assert '"place":"pl-1"' in first


def test_records_of_a_boot_that_never_learned_the_time(xk, there, unit_log, config):
    log = unit_log().checkin(boot="aaaa0000", at_ms=there.now_ms - 60_000, clock_err_ms=0)
    log.checkin(boot="bbbb0000", up_ms=1_000, at_ms=None, clock="none", clock_err_ms=None)
    there.take(log.message())
    _, shown, _ = xk("records", "--config", config)
    between = "time=between 2025-11-23T09:25:41.000Z and 2025-11-23T09:26:40.000Z"
    assert f"  {between}  timequality=bounded  " in shown.splitlines()[1]
    _, said, _ = xk("records", "--config", config, "--json")
    row = lines(said)[1]
    assert (row["earliest_ms"], row["latest_ms"]) == (there.now_ms - 59_000, there.now_ms)


@pytest.mark.parametrize(
    ("options", "seqs"),
    [
        ((), ["event/1", "event/2", "track/1"]),
        (("--kind", "clock"), ["event/2"]),
        (("--unit", "cp-01", "--kind", "track"), ["track/1"]),
        (("--unit", "nobody"), []),
        (("--since", "2025-11-23T17:26:41"), ["event/2"]),
        (("--since", "2025-11-23T09:26:41Z"), ["event/2"]),
        (("--since", "2025-11-23T09:26:41.001+00:00"), []),
        (("--since", "2025-11-23"), ["event/1", "event/2", "track/1"]),
    ],
)
def test_records_chosen(xk, busy, config, options, seqs):
    code, out, _ = xk("records", "--config", config, "--json", *options)
    assert code == 0
    assert [f"{row['stream']}/{row['seq']}" for row in lines(out)] == seqs


def test_records_unfolded(xk, busy, config):
    _, out, _ = xk("records", "--config", config, "--json", "--fixes")
    assert [(row["n"], row["utc"], row["lat"]) for row in lines(out)] == [
        (0, "2025-11-23T09:26:40.000Z", 1.0), (1, "2025-11-23T09:26:41.000Z", 1.0),
    ]  # fmt: skip


@LANGUAGES
def test_units_as_json(xk, busy, config, language):
    code, out, err = xk("units", "--config", config, "--json", language=language)
    assert (code, err) == (0, "")
    (row,) = lines(out)
    assert (row["unit"], row["online"], row["lat"], row["crew"]) == ("cp-01", True, 1.5, ["p-1"])


@pytest.mark.parametrize(
    ("language", "here", "crew"), [("zh", "在线", "班组"), ("en", "online", "crew")]
)
def test_units_for_people(xk, busy, config, language, here, crew):
    _, out, _ = xk("units", "--config", config, language=language)
    (line,) = out.splitlines()
    assert line.split()[:2] == ["cp-01", here]
    assert "1.500000,2.500000 (" in line
    assert f"{crew} p-1" in line


@pytest.mark.parametrize(("options", "screens"), [((), 3), (("--json",), 0)])
def test_units_watched_until_interrupted(xk, busy, config, monkeypatch, options, screens):
    pauses = []

    class Watched:
        def wait(self, for_s):
            pauses.append(for_s)
            if len(pauses) == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(cli, "threading", types.SimpleNamespace(Event=Watched))
    code, out, _ = xk("units", "--config", config, "--watch", *options)
    assert code == 130
    assert pauses == [1.0] * 3
    assert out.count("\x1b[2J\x1b[H") == screens
    assert out.count("cp-01") == 3


# Configuration of units


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", "cp-01 的配置版本 1 已保存，由 ingest 发布\n"),
        ("en", "configuration 1 of cp-01 is kept; ingest publishes it\n"),
    ],
)
def test_config_push(xk, site, config, language, said):
    push = ("config", "push", "--config", config, "--unit", "cp-01", site / "unit.example.toml")
    assert xk(*push, language=language) == (0, said, "")
    assert xk(*push, "--json", language=language) == (0, '{"unit":"cp-01","version":2}\n', "")


@LANGUAGES
def test_config_show(xk, site, config, there, state, language):
    unit = site / "unit.example.toml"
    xk("config", "push", "--config", config, "--unit", "cp-01", unit)
    show = ("config", "show", "--config", config, "--unit", "cp-01")
    code, out, err = xk(*show, "--json", language=language)
    assert (code, err) == (0, "")
    (row,) = lines(out)
    assert (row["unit"], row["version"], row["in_use"]) == ("cp-01", 1, None)
    assert row["config"]["places"][0]["name"] == "东门"
    there.take(state(config=1))
    there.take()
    _, out, _ = xk(*show, language=language)
    assert json.loads(out) == {**row, "in_use": 1}
    assert "东门" in out


def test_config_push_of_keyed_cards_wants_the_sites_keys(xk, site, config):
    roster = site / "roster.toml"
    roster.write_text('[[badge]]\nuid = "04de5f1eacc040"\nperson = "p"\ncard = "desfire"\n')
    push = ("config", "push", "--config", config, "--unit", "cp-01", roster)
    code, _, err = xk(*push)
    assert (code, "no [cards] keys" in err) == (2, True)
    write_keys(site / "card-keys.toml")
    with config.open("a", encoding="utf-8") as file:
        file.write('[cards]\nkeys = "card-keys.toml"\n')
    assert xk(*push)[0] == 0


# What was set aside


@LANGUAGES
def test_forward_parked(xk, parked, config, language):
    code, out, err = xk("forward", "parked", "--config", config, "--json", language=language)
    assert (code, err) == (0, "")
    assert lines(out) == [
        {"sink": "platform", "id": id_, "why": "no", "retry": False, "event": {"id": id_}}
        for id_ in (f"cp-01/event/{LOG}/1", f"cp-01/event/{LOG}/2")
    ]
    _, out, _ = xk("forward", "parked", "--config", config, language=language)
    assert out.startswith(f"sink=platform  id=cp-01/event/{LOG}/1  why=no  retry=false  event=")


def test_forward_retry(xk, parked, config):
    retry = ("forward", "retry", "--config", config)
    assert xk(*retry, "--id", f"cp-01/event/{LOG}/2") == (0, "asked=1\n", "")
    assert [row["retry"] for row in parked.table("parked")] == [False, True]
    assert xk(*retry, "--json") == (0, '{"asked":2}\n', "")
    assert xk(*retry, "--id", "nothing", "--json") == (1, '{"asked":0}\n', "")


@LANGUAGES
def test_quarantine(xk, busy, config, keys, language):
    code, out, err = xk("quarantine", "list", "--config", config, "--json", language=language)
    assert (code, err) == (0, "")
    (row,) = lines(out)
    assert (row["unit"], row["bytes"], row["times"]) == ("cp-01", 3, 1)
    assert row["last"] == "2025-11-23 17:26:40+08:00"
    show = ("quarantine", "show", "--config", config, row["sha256"][:8])
    (shown,) = lines(xk(*show, "--json", language=language)[1])
    assert shown == {
        "sha256": row["sha256"], "topic": row["topic"], "reason": row["reason"], "text": "bad",
    }  # fmt: skip
    assert xk(*show, language=language)[1].endswith("  text=bad\n")
    code, out, _ = xk("quarantine", "retry", "--config", config, "--json", language=language)
    assert (code, lines(out)) == (
        1,
        [{"sha256": row["sha256"], "taken": False, "why": row["reason"]}],
    )


def test_quarantine_shows_bytes_in_hex(xk, there, config):
    there.take(Message("xk/v1/cp-01/up/log/event", b"\xff\x00"))
    _, out, _ = xk("quarantine", "show", "--config", config, "--json", "")
    assert lines(out)[0]["hex"] == "ff00"


def test_quarantine_retry_has_the_sites_card_keys(xk, there, config, keys, unit_log):
    master = write_keys(config.parent / "card-keys.toml").master
    with config.open("a", encoding="utf-8") as file:
        file.write('[cards]\nkeys = "card-keys.toml"\n')
    card = "04de5f1eacc040"
    log = unit_log().add(
        Checkin, badge=card, person="p", place="pl", method="nfc", proof="sun", result="accepted",
        sun=sun_url(card_keys(master, card).file, card, 5), sun_counter=5,
    )  # fmt: skip
    there.take(Message("xk/v1/cp-01/up/log/event", b"bad"))
    unit = keys.bearer("cp-01")
    with there.store.changing() as connection:
        keep(connection, unit.read(keys), 0)
        connection.execute(quarantine.update().values(payload=log.payload(key=unit)))
    assert xk("quarantine", "retry", "--config", config)[0] == 0
    assert [row["mark"] for row in there.table("records") if row["unit"] == "cp-01"] == [None]


def test_quarantine_retry_of_nothing_is_fine(xk, keys, config):
    assert xk("quarantine", "retry", "--config", config) == (0, "", "")


# Processes


@pytest.mark.parametrize("name", ["run", "ingest", "forward"])
def test_a_process_that_is_told_to_end_ends_well(xk, config, keys, monkeypatch, name):
    stop = cli.threading.Event()
    stop.set()
    monkeypatch.setattr(cli, "_until_told", lambda: stop)
    assert xk(name, "--config", config)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_it_to_end(number):
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        stop = cli._until_told()
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.wait(10)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


# What is wrong

ALL = [
    ("run",), ("ingest",), ("forward",), ("forward", "parked"), ("forward", "retry"), ("records",),
    ("units",), ("config", "push", "--unit", "cp-01", "unit.toml"),
    ("config", "show", "--unit", "cp-01"), ("quarantine", "list"), ("quarantine", "show", "ab"),
    ("quarantine", "retry"),
]  # fmt: skip


@LANGUAGES
@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_every_command_says_which_file_it_cannot_read(xk, tmp_path, command, language):
    path = tmp_path / "none.toml"
    code, out, err = xk(*command, "--config", path, language=language)
    assert (code, out, err.count("\n")) == (2, "", 1)
    said = {"zh": "无法读取 {}：No such file or directory；请检查路径和权限",
            "en": "cannot read {}: No such file or directory; check the path and its permissions"}  # fmt: skip
    assert err == f"xunkong: {said[language].format(path)}\n"


BAD_CONFIGS = {
    "[store\n": {"en": "is not valid TOML", "zh": "不是有效的 TOML"},
    '[[broker]]\nhost="b"\n[store]\nurl="s"\nfile="x"\n': {
        "en": "[store]: Object contains unknown field `file`", "zh": "[store] 有误：",
    },
    '[[broker]]\nhost=5\n[store]\nurl="s"\n': {
        "en": "[broker[0]] host (5): Expected `str`, got `int`", "zh": "[broker[0]] host (5) 有误",
    },
    '[[broker]]\nhost="b"\nport=0\n[store]\nurl="s"\n': {
        "en": "[broker[0]] port (0): Expected `int` >= 1", "zh": "[broker[0]] port (0) 有误",
    },
    '[[broker]]\nhost="b"\n[store]\nurl="nonsense"\n': {
        "en": "store nonsense cannot be used", "zh": "数据库 nonsense 无法使用",
    },
    '[[broker]]\nhost="b"\n[store]\nurl="sqlite:////nowhere/at/all.db"\n': {
        "en": "unable to open database file; check [store] url", "zh": "请检查 [store] url",
    },
    '[[broker]]\nhost="b"\n[store]\nurl="sqlite:///s"\n[site]\nzone="Mars"\n': {
        "en": "[site] zone 'Mars' is no known time zone", "zh": "[site] zone 'Mars' 不是已知时区",
    },
}  # fmt: skip


@LANGUAGES
@pytest.mark.parametrize("text", BAD_CONFIGS, ids=range(len(BAD_CONFIGS)))
def test_a_bad_configuration_is_one_line(xk, tmp_path, text, language):
    path = tmp_path / "gateway.toml"
    path.write_text(text, "utf-8")
    code, out, err = xk("units", "--config", path, language=language)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("xunkong: ")
    assert BAD_CONFIGS[text][language] in err


BAD_WISHES = {
    ("records", "--since", "yesterday"): {
        "en": "--since 'yesterday' is no time; for example 2026-11-23T08:00",
        "zh": "--since 'yesterday' 不是时刻；例如 2026-11-23T08:00",
    },
    ("records", "--since", ""): {"en": "--since '' is no time", "zh": "--since '' 不是时刻"},
    ("config", "push", "--unit", "GW", "unit.example.toml"): {
        "en": "'GW' is no unit's name: 1 to 32 of a-z, 0-9 and -, and not gw",
        "zh": "'GW' 不是单元名；应为 1–32 个 a-z、0-9 或 -，且不是 gw",
    },
    ("config", "push", "--unit", "gw", "unit.example.toml"): {
        "en": "'gw' is no unit's name", "zh": "'gw' 不是单元名",
    },
    ("config", "push", "--unit", "cp-01", "none.toml"): {
        "en": "cannot read none.toml", "zh": "无法读取 none.toml",
    },
    ("config", "push", "--unit", "cp-01", "gateway.toml"): {
        "en": "gateway.toml: [top]: Object contains unknown field", "zh": "gateway.toml：[top] 有误",
    },
    ("config", "show", "--unit", "nobody"): {
        "en": "no unit 'nobody' is known; see xunkong fleet list",
        "zh": "不认识单元 'nobody'；请用 xunkong fleet list 查看",
    },
    ("quarantine", "show", "abcd"): {
        "en": "0 payloads begin with 'abcd'; see `list`", "zh": "隔离区中有 0 项以 'abcd' 开头",
    },
    ("quarantine", "retry", "abcd"): {
        "en": "0 payloads begin with 'abcd'", "zh": "隔离区中有 0 项以 'abcd' 开头",
    },
}  # fmt: skip


@LANGUAGES
@pytest.mark.parametrize("command", BAD_WISHES, ids=" ".join)
def test_a_bad_wish_is_one_line(xk, site, keys, config, monkeypatch, command, language):
    monkeypatch.chdir(site)
    code, out, err = xk(*command, "--config", config, language=language)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert BAD_WISHES[command][language] in err


@pytest.mark.parametrize(
    ("language", "said"), [("zh", "请给出 --config FILE"), ("en", "give --config FILE")]
)
def test_forward_wants_its_configuration(xk, language, said):
    assert xk("forward", language=language) == (2, "", f"xunkong: {said}\n")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "COMMAND"), (("units",), "--config"), (("nothing",), "nothing"), (("config",), "COMMAND"),
        (("units", "--config", "x", "--colour"), "--colour"),
        (("config", "push", "--config", "x", "unit.toml"), "--unit"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_told_with_the_usage(xk, capsys, args, said):
    with pytest.raises(SystemExit) as ended:
        xk(*args)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


@LANGUAGES
@pytest.mark.parametrize("command", [*ALL, ("init",)], ids=" ".join)
def test_every_command_has_help_with_an_example(xk, capsys, command, language):
    names = [word for word in command[:2] if word.isalpha()]
    with pytest.raises(SystemExit) as ended:
        xk(*names, "--help", language=language)
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert {"zh": "示例:", "en": "example:"}[language] in out
    assert f"  xunkong gateway {' '.join(names)}" in out


@pytest.mark.parametrize("command", ["records", "units"])
def test_a_store_that_breaks_while_it_is_read_is_one_line(xk, busy, config, command):
    with busy.store.changing() as connection:
        for table in ("records", "units"):
            connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO away_{table}")
    code, _, err = xk(command, "--config", config)
    assert code == 2
    assert err.startswith("xunkong: store sqlite:///")
    assert "no such table" in err and "check [store] url" in err


def test_retain_says_what_would_go_and_removes_nothing(xk, busy, config):
    code, out, _ = xk("retain", "--config", config, "--dry-run", "--json")
    told = {row["of"]: row["count"] for row in lines(out)}
    assert (code, told) == (0, {"event": 0, "track": 0, "quarantine": 0, "photos": 0})


def test_backup_and_restore(xk, busy, config, keys, tmp_path):
    file = tmp_path / "backup.zip"
    code, out, _ = xk("backup", "--config", config, file, "--json")
    (saved,) = lines(out)
    assert (code, saved["file"]) == (0, str(file))
    busy.store.close()
    code, _, said = xk("restore", "--config", config, file, language="zh")
    assert (code, "用 --force" in said) == (2, True)
    code, _, said = xk("restore", "--config", config, file, "--force")
    assert (code, "is another site's" in said) == (2, True)
    again = ("--force", "--another-authority", "--json")
    code, out, _ = xk("restore", "--config", config, file, *again)
    (done,) = lines(out)
    assert (code, done["records"]) == (0, saved["records"])
    assert done["store"] != saved["store"]


def test_restore_of_a_file_that_is_no_backup(xk, config, keys):
    code, _, said = xk("restore", "--config", config, config)
    assert (code, "is no backup" in said) == (2, True)
