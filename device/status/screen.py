"""A unit's status as lines of a terminal, 80 columns by 24 rows where all is well. Pure.

What is wrong is marked by `!` as well as by colour, which is for a terminal alone.
"""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from device.core.clock import TRUSTED
from device.health_report import supply_word
from device.status.status import PartSaid, Row, Status
from wire.words import Language, Words, clipped, printable, width

WIDTH = 80
HEAD = 10
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
RED, GREEN, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[0m"


class Line:
    """A line: what it is about, what is so, and whether that is well."""

    def __init__(self, about: Words, text: Words, well: bool = True) -> None:
        self.about, self.text, self.well = about, text, well

    def shown(self, language: Language, columns: int, colours: bool) -> list[str]:
        """As printed; one that is wrong is told whole, in as many lines as it needs."""
        name = self.about.say(language)
        mark = " " if self.well else "!"
        head = f"{mark}{name}{' ' * max(1, HEAD - width(name))}"
        room = columns - width(head)
        text = printable(self.text.say(language))
        rows = [clipped(text, room)] if self.well else _wrapped(text, room)
        told = [head + rows[0], *(" " * width(head) + row for row in rows[1:])]
        return [f"{RED}{row}{PLAIN}" for row in told] if colours and not self.well else told


def lines(
    status: Status, language: Language, columns: int = WIDTH, colours: bool = False
) -> list[str]:
    """The whole screen."""
    title = _title(status, language)
    if colours:
        title = f"{GREEN if status.well else RED}{title}{PLAIN}"
    told = [title]
    for line in _lines(status):
        told += line.shown(language, columns, colours)
    told.append(Words("最近记录", "last records").say(language))
    return told + [clipped(_row(status, row, language), columns) for row in status.records]


def _title(status: Status, language: Language) -> str:
    verdict = Words("在岗", "on duty") if status.well else Words("有异常", "SOMETHING IS WRONG")
    role = status.role or "?"
    at = _moment(status, status.at_ms, "%Y-%m-%d %H:%M:%S %z")
    return f"{status.unit or '?'}  {role}  {verdict.say(language)}  {at}"


def _lines(status: Status) -> Iterator[Line]:
    for trouble in status.troubles:
        yield Line(Words(*_ABOUT.get(trouble.about, (trouble.about,) * 2)), trouble.words, False)
    yield from _service(status)
    yield from _parts(status)
    yield from _clock(status)
    yield from _queue(status)
    yield from _link(status)
    yield from _modem(status)
    yield from _papers(status)
    yield from _software(status)
    yield _machine(status)
    for alarm in status.alarms:
        yield Line(Words("告警", "alarm"), Words(alarm, alarm), False)


_ABOUT = {
    "service": ("服务", "service"),
    "configuration": ("配置", "config"),
    "certificate": ("证书", "cert"),
    "journal": ("日志", "journal"),
    "photos": ("照片", "photos"),
}


def _service(status: Status) -> Iterator[Line]:
    said = status.service
    if said is None:
        return
    again = f", {said.restarts}×" if said.restarts else ""
    text = f"{said.active} ({said.sub}{again})  {said.line}"
    yield Line(Words("服务", "service"), Words(text, text))


def _parts(status: Status) -> Iterator[Line]:
    well = [part for part in status.parts if part.well]
    if well:
        yield Line(
            Words("部件", "parts"),
            Words("  ".join(map(_word, well)), "  ".join(map(_word, well))),
        )
    for part in status.parts:
        if not part.well:
            zh = f"{part.name}：{part.word or ''}"
            en = f"{part.name}: {part.word or ''}"
            if part.there is False:
                zh, en = (
                    f"{zh} 没有 {part.port}，请检查接线",
                    f"{en} no {part.port}, check its wires",
                )
            yield Line(Words("部件", "part"), Words(zh, en), False)


def _word(part: PartSaid) -> str:
    ago = "" if part.heard_s is None else f" ({_span(part.heard_s)})"
    return f"{part.name} {part.word or '?'}{ago}"


def _clock(status: Status) -> Iterator[Line]:
    said, about = status.clock, Words("时钟", "clock")
    system = Words("NTP", "steered") if said.steered else Words("未同步", "not synchronised")
    if said.at_ms is None:
        text = Words(
            f"未知：本次启动还没有可信来源；系统时间{system.zh}",
            f"NOT KNOWN, no source in this boot yet; system clock {system.en}",
        )
        yield Line(about, text, False)
        return
    at = _moment(status, said.at_ms, "%H:%M:%S")
    err = "?" if said.err_ms is None else f"{said.err_ms / 1000:.1f}"
    off_s = (said.system_ms - said.at_ms) / 1000
    trusted = said.source in TRUSTED
    yield Line(
        about,
        Words(
            f"{at}，来源 {said.source}{'' if trusted else '（不可信）'}，误差 {err} 秒；"
            f"系统时间偏差 {off_s:+.1f} 秒，{system.zh}",
            f"{at} by {said.source}{'' if trusted else ' (not trusted)'} within {err} s; "
            f"system clock {off_s:+.1f} s, {system.en}",
        ),
        said.well,
    )


def _queue(status: Status) -> Iterator[Line]:
    queue = status.queue
    if queue is None:
        return
    zh = f"事件 {queue.event}，轨迹 {queue.track}，照片 {queue.photos}"
    en = f"events {queue.event}, tracks {queue.track}, photos {queue.photos}"
    if queue.oldest_ms is not None:
        oldest = _span(max(0, status.at_ms - queue.oldest_ms) // 1000)
        zh, en = f"{zh}；最早的已等待 {oldest}", f"{en}; the oldest has waited for {oldest}"
    yield Line(Words("待传", "queue"), Words(zh, en))


def _link(status: Status) -> Iterator[Line]:
    if status.live is None:
        return
    way, since = status.live.way, ""
    if way.since_ms is not None:
        since = _span((status.up_ms - way.since_ms) // 1000)
    heard = "-" if way.heard_ms is None else _span((status.up_ms - way.heard_ms) // 1000)
    if way.broker is None:
        text = Words(
            f"未连接 broker（已 {since or '?'}）：{way.why or '?'}；打卡照常保存",
            f"no broker for {since or '?'}: {way.why or '?'}; check-ins are kept meanwhile",
        )
        yield Line(Words("链路", "link"), text, False)
        return
    zh = f"已连接 {way.broker} {since}；网关 {heard} 前确认过"
    en = f"{way.broker} for {since}; the gateway answered {heard} ago"
    if not way.gateway:
        zh, en = (
            f"已连接 {way.broker} {since}，但网关没有应答",
            f"{way.broker}, but NO GATEWAY there",
        )
    yield Line(Words("链路", "link"), Words(zh, en), status.linked)


def _modem(status: Status) -> Iterator[Line]:
    modem = status.modem
    if modem is None:
        return
    dbm = "-" if modem.signal_dbm is None else f"{modem.signal_dbm:.0f} dBm"
    text = f"{modem.word}  {modem.operator or '-'} {modem.technology or '-'} {dbm}"
    yield Line(Words("移动网络", "modem"), Words(text, text), modem.word == "ok")


def _papers(status: Status) -> Iterator[Line]:
    papers = status.papers
    if papers is None:
        return
    to, renews = (_moment(status, ms, "%Y-%m-%d") for ms in (papers.to_ms, papers.renews_ms))
    yield Line(
        Words("证书", "cert"),
        Words(
            f"{papers.unit} {papers.kid}，{to} 到期，{renews} 起自动更新",
            f"{papers.unit} {papers.kid} until {to}, renews from {renews}",
        ),
        not status.over,
    )


def _software(status: Status) -> Iterator[Line]:
    said, version = status.software, status.configuration or "-"
    zh, en = f"版本 {said.version}", f"version {said.version}"
    if said.slot:
        zh = f"{zh}，槽 {said.slot}，另一槽 {said.other or '空'}"
        en = f"{en}, slot {said.slot}, the other {said.other or 'empty'}"
    yield Line(
        Words("软件", "software"),
        Words(f"{zh}；配置版本 {version}", f"{en}; configuration {version}"),
    )
    if said.trial:
        yield Line(
            Words("试用", "trial"),
            Words(
                f"槽 {said.trial} 试用中，已启动 {said.starts} 次",
                f"slot {said.trial} is ON TRIAL, started {said.starts} times",
            ),
        )
    if not said.release_key:
        yield Line(
            Words("更新", "updates"),
            Words("不能更新：没有 release.pub", "none can be taken: there is no release.pub"),
        )


def _machine(status: Status) -> Line:
    board = status.board
    heat = "-" if board.cpu_c is None else f"{board.cpu_c:.0f} °C"
    free = "-" if board.disk_free_mb is None else f"{board.disk_free_mb} MiB"
    supply = Words(*(supply_word(board.throttled, language) for language in ("zh", "en")))
    return Line(
        Words("机器", "machine"),
        Words(
            f"{heat}  供电 {supply.zh}  磁盘剩余 {free}",
            f"{heat}  supply {supply.en}  disk {free} free",
        ),
    )


def _row(status: Status, row: Row, language: Language) -> str:
    today = _moment(status, status.at_ms, "%m-%d")
    day, time = (
        ("--", "--:--:--")
        if row.at_ms is None
        else (_moment(status, row.at_ms, form) for form in ("%m-%d", "%H:%M:%S"))
    )
    return f"  {time if day in (today, '--') else day + ' ' + time}  {row.words.say(language)}"


def _moment(status: Status, at_ms: int, form: str) -> str:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(status.zone)).strftime(form)


def _span(seconds: int) -> str:
    """A span of time in two figures at the most."""
    for unit, size, less, smaller in (
        ("d", DAY_S, "h", HOUR_S),
        ("h", HOUR_S, "min", MINUTE_S),
        ("min", MINUTE_S, "", 0),
    ):
        if seconds >= size:
            rest = f" {seconds % size // smaller} {less}" if less else ""
            return f"{seconds // size} {unit}{rest}"
    return f"{max(0, seconds)} s"


def _wrapped(text: str, columns: int) -> list[str]:
    """`text` in lines of so many columns, broken at a space where there is one near."""
    rows = []
    while width(text) > columns:
        row = clipped(text, columns)
        at = row.rfind(" ")
        row = row[:at] if at > len(row) // 2 else row
        rows.append(row.rstrip())
        text = text[len(row) :].lstrip()
    return [*rows, text]
