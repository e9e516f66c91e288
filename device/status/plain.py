"""A record in plain words: one line, for whoever does not read JSON."""

from collections.abc import Callable
from typing import Any

from device.core.picture import SILENT
from wire import records as r
from wire.words import Words

STOPS: dict[str, Words] = {
    "power_cut": Words("断电之后", "after a power cut"),
    "clean": Words("正常停止之后", "after a stop in good order"),
    "watchdog": Words("被看门狗重启", "by the watchdog"),
    "update": Words("更新之后", "after an update"),
    "killed": Words("异常退出之后", "after it was killed"),
    "first_start": Words("首次", "for the first time"),
}
RESULTS: dict[str, Words] = {
    "accepted": Words("有效", "accepted"),
    "unknown": Words("未知的卡", "unknown card"),
    "revoked": Words("已吊销的卡", "revoked card"),
    "expired": Words("已过期的卡", "expired card"),
    "weak": Words("证明不足", "too weak a proof"),
    "forged": Words("伪造的卡", "FORGED card"),
    "replayed": Words("重放", "REPLAYED"),
}


def is_silent(record: r.Record) -> bool:
    """Whether the box must show nothing of it."""
    return isinstance(record, r.Alarm) and record.alarm in SILENT


def plain(record: r.Record) -> Words:
    """What `record` says."""
    told = _TABLE.get(type(record))
    name = str(record.__struct_config__.tag)
    return told(record) if told else Words(name, name)


def _boot(record: r.Boot) -> Words:
    why = STOPS[record.last_stop]
    return Words(
        f"启动（{why.zh}），版本 {record.version}", f"started {why.en}, version {record.version}"
    )


def _clock(record: r.Clock) -> Words:
    err_s = record.err_ms / 1000
    return Words(
        f"校时：{record.source}，误差 {err_s:.1f} 秒",
        f"time learned by {record.source}, within {err_s:.1f} s",
    )


def _checkin(record: r.Checkin) -> Words:
    who, where = record.person or record.badge or "?", record.place or "?"
    result = RESULTS[record.result]
    return Words(
        f"打卡：{who} 在 {where}（{record.method}）：{result.zh}",
        f"check-in of {who} at {where} by {record.method}: {result.en}",
    )


def _crew(record: r.Crew) -> Words:
    who, result = record.person or record.badge, RESULTS[record.result]
    on = record.action == "on"
    return Words(
        f"{who} {'上车' if on else '下车'}：{result.zh}",
        f"{who} signed {'on' if on else 'off'}: {result.en}",
    )


def _duty(record: r.Duty) -> Words:
    return Words(f"履职：{record.duty} ×{record.count}", f"duty {record.duty}, {record.count} more")


def _photo(record: r.Photo) -> Words:
    if record.lost is not None:
        return Words(f"照片丢失：{record.lost}", f"a photo was lost: {record.lost}")
    return Words(f"照片（{record.reason}）", f"photo for {record.reason}")


def _alarm(record: r.Alarm) -> Words:
    about = f"{record.part}: {record.what}" if record.part else record.what
    return Words(
        f"告警{'' if record.active else '解除'} {record.alarm}：{about}",
        f"alarm {record.alarm}{'' if record.active else ' is over'}: {about}",
    )


def _order(record: r.Order) -> Words:
    why = f": {record.why}" if record.why else ""
    return Words(
        f"命令 {record.what or record.id}：{record.outcome}{why}",
        f"order {record.what or record.id}: {record.outcome}{why}",
    )


def _config(record: r.Config) -> Words:
    applied, why = record.outcome == "applied", f": {record.why}" if record.why else ""
    return Words(
        f"配置 {record.version} {'已采用' if applied else '被拒绝'}{why}",
        f"configuration {record.version} {record.outcome}{why}",
    )


def _dropped(record: r.Dropped) -> Words:
    span = f"{record.stream} {record.first}-{record.last}"
    return Words(f"缺失 {span}：{record.why}", f"{span} are gone: {record.why}")


_TABLE: dict[type[r.Record], Callable[[Any], Words]] = {
    r.Boot: _boot,
    r.Clock: _clock,
    r.Checkin: _checkin,
    r.Crew: _crew,
    r.Duty: _duty,
    r.Photo: _photo,
    r.Alarm: _alarm,
    r.Arrive: lambda record: Words(f"到达 {record.place}", f"arrived at {record.place}"),
    r.Leave: lambda record: Words(f"离开 {record.place}", f"left {record.place}"),
    r.Order: _order,
    r.Config: _config,
    r.Dropped: _dropped,
}
