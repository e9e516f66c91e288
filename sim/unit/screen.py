"""A picture of the unit in, lines of a terminal out. Pure; a Chinese character takes two columns."""

from msgspec import Struct

from sim.unit.keys import KEYS
from wire.words import Language, Words, clipped, width

WIDTH, HEIGHT = 80, 24
RECORDS = 7


class Picture(Struct, frozen=True):
    """What is shown. `gateway` None: not ours to look into; `lit`: buzzer, green, red."""

    unit: str
    role: str
    running: bool = False
    linked: bool = True
    clock: str = "-"
    position: str = "-"
    lit: dict[str, bool] = {}
    signal: str = "-"
    records: tuple[str, ...] = ()
    queue: str = "-"
    alarms: tuple[str, ...] = ()
    photo: str = "-"
    gateway: str | None = None
    parts: str = ""


def lines(
    picture: Picture, language: Language, columns: int = WIDTH, rows: int = HEIGHT
) -> list[str]:
    """The whole screen; where it is too low, the oldest records go first, and the help stays."""
    head, foot = _head(picture, language), help_lines(language, columns)
    room = max(0, min(RECORDS, rows - len(head) - len(foot)))
    body = [f"  {record}" for record in picture.records[-room:]] if room else []
    body += [""] * (room - len(body))
    return [clipped(line, columns) for line in (*head, *body, *foot)][:rows]


def _head(picture: Picture, language: Language) -> list[str]:
    def say(zh: str, en: str) -> str:
        return Words(zh, en).say(language)

    up = say("运行", "running") if picture.running else say("已停", "STOPPED")
    link = say("通", "up") if picture.linked else say("断", "CUT")
    none = say("本机看不到", "not ours to see")
    return [
        f"{picture.unit} · {picture.role} · {up} · {say('链路', 'link')} {link} · {picture.parts}",
        "─" * WIDTH,
        f"{say('时钟', 'clock')}: {picture.clock}",
        f"{say('位置', 'position')}: {picture.position}",
        "",
        f"{say('面板', 'panel')}: {lamps(picture.lit, language)}",
        f"{say('信号', 'signal')}: {picture.signal}",
        "",
        f"{say('待发', 'queue')}: {picture.queue}",
        f"{say('告警', 'alarms')}: {', '.join(picture.alarms) or '-'}",
        f"{say('照片', 'photo')}: {picture.photo}",
        f"{say('网关', 'gateway')}: {none if picture.gateway is None else picture.gateway}",
        f"{say('最近记录', 'last records')}:",
    ]


def lamps(lit: dict[str, bool], language: Language) -> str:
    """The panel's buzzer and lights, each told by its sign as well as by its name."""
    names = {
        "buzzer": Words("蜂鸣", "buzzer"),
        "green": Words("绿", "green"),
        "red": Words("红", "red"),
    }
    shown = (f"[{'#' if lit.get(n) else ' '}] {words.say(language)}" for n, words in names.items())
    return "   ".join(shown)


def help_lines(language: Language, columns: int = WIDTH) -> list[str]:
    """The keys, in as many lines as they need."""
    rows = [""]
    for key in KEYS:
        cell = f"{key.key} {key.words.say(language)}   "
        if width(rows[-1] + cell.rstrip()) > columns:
            rows.append("")
        rows[-1] += cell
    return [row.rstrip() for row in rows]
