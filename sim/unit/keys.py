"""What each key does, as one table: the key, its name, and its words for the help line."""

from msgspec import Struct

from gateway.roster import RosterBadge, RosterDuty
from wire.words import Words

KNOWN, SECOND, UNKNOWN, DURESS, DUTY = "04a1b2c3", "04a1b2c4", "04dead01", "04a1b2ff", "04d0d0d0"
BADGES = [
    RosterBadge(KNOWN, "p-00001"),
    RosterBadge(SECOND, "p-00002"),
    RosterBadge(DURESS, "p-00001", duress=True),
]
DUTIES = [RosterDuty(DUTY, "mediation")]


class Key(Struct, frozen=True):
    """`deed`: the name of what it does; `with_uid`: the card that it holds into the field, None for no tap."""

    key: str
    deed: str
    words: Words
    with_uid: str | None = None


KEYS = (
    Key("1", "tap", Words("打卡", "tap"), KNOWN),
    Key("2", "tap", Words("另一人", "2nd badge"), SECOND),
    Key("3", "tap", Words("未知卡", "unknown"), UNKNOWN),
    Key("4", "tap", Words("胁迫卡", "duress"), DURESS),
    Key("5", "tap", Words("职责卡", "duty card"), DUTY),
    Key("s", "sos", Words("SOS 2 秒", "SOS 2 s")),
    Key("a", "ack", Words("确认", "acknowledge")),
    Key("o", "order", Words("下指令", "give order")),
    Key("e", "over", Words("SOS 解除", "SOS over")),
    Key("i", "ignition", Words("点火", "ignition")),
    Key("r", "reader", Words("拔插读卡器", "plug reader")),
    Key("n", "noise", Words("噪声", "noise")),
    Key("g", "gps", Words("拔插 GPS", "plug GPS")),
    Key("m", "silence", Words("GPS 静默", "mute GPS")),
    Key("l", "link", Words("断/通链路", "cut link")),
    Key("k", "kill", Words("杀死/重启", "kill/restart")),
    Key(".", "wait", Words("等 1 秒", "wait 1 s")),
    Key("q", "quit", Words("退出", "quit")),
)
BY_KEY = {key.key: key for key in KEYS}
