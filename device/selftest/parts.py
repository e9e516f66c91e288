"""Each part on trial: the driver that the unit uses, and a person's hand where one is there."""

from collections.abc import Callable, Iterator

from device.config import DeviceConfig
from device.core import events as ev
from device.parts import Display
from device.remedy import SILENT_READER
from device.selftest.baud import probe
from device.selftest.ears import Ears
from device.selftest.finding import Finding
from device.selftest.person import Person
from wire.words import Words

SPEAKS_S = 6.0
"""A GPS module sends once a second, a reader answers at once; opening twice takes its time."""

FIX_S = 10.0
HAND_S = 20.0

UNREADABLE = Finding(
    "gps", "fault", Words("没有收到能读懂的语句", "sends nothing that can be read")
)

Trial = Callable[[DeviceConfig, Ears, Display, Person], Iterator[Finding]]


def try_nfc(config: DeviceConfig, ears: Ears, panel: Display, person: Person) -> Iterator[Finding]:
    """The reader answers; a card that is tapped is read."""
    del panel
    if config.nfc is None:
        return
    word = _word(ears, "nfc")
    if word != "ok":
        yield Finding("nfc", "fault", _said(word), _nfc_remedy(config.nfc.port, word))
        return
    yield Finding("nfc", "ok", Words("读卡器有应答", "the reader answers"))
    yield _card(ears, person)


def _card(ears: Ears, person: Person) -> Finding:
    if not person.there:
        return Finding("nfc card", "untried", Words("无人刷卡", "nobody there to tap"))
    person.ask(Words("现在请刷一张卡", "tap a card now"))
    shown = ears.wait(lambda event: isinstance(event, ev.CardShown), HAND_S)
    if isinstance(shown, ev.CardShown):
        return Finding("nfc card", "ok", Words(f"读到卡 {shown.uid}", f"read card {shown.uid}"))
    return Finding(
        "nfc card",
        "fault",
        Words(f"{HAND_S:.0f} 秒内没有读到卡", f"no card was read within {HAND_S:.0f} s"),
        Words(
            "卡片贴近天线中心；检查天线与金属外壳的距离；换一张 13.56 MHz 的卡再试",
            "hold it to the middle of the antenna; keep metal away from it; try another 13.56 MHz card",
        ),
    )


def try_gps(config: DeviceConfig, ears: Ears, panel: Display, person: Person) -> Iterator[Finding]:
    """The receiver sends; it has a fix, if the sky can be seen."""
    del panel, person
    if config.gps is None:
        return
    word = _word(ears, "gps")
    if word in ("unplugged", None):
        yield Finding("gps", "fault", _said(word), _port_remedy(config.gps.port))
    elif word == "silent":
        yield UNREADABLE
    elif word == "ok" or ears.wait(lambda event: isinstance(event, ev.Fix), FIX_S):
        yield Finding("gps", "ok", Words("有定位", "has a fix"))
    else:
        yield Finding(
            "gps",
            "warning",
            Words("接收机正常，但没有定位", "the receiver sends, but has no fix"),
            Words(
                "天线移到能看见天空处，等待几分钟再试",
                "let its antenna see the sky, and try again in some minutes",
            ),
        )


def try_baud(config: DeviceConfig) -> Finding | None:
    """Why a receiver cannot be read. For after the unit's own reader let go of the port."""
    if config.gps is None:
        return None
    port, baud = config.gps.port, config.gps.baud
    found = probe(port, but=baud)
    if found:
        return Finding(
            "gps baud",
            "fault",
            Words(
                f"在 {found} 波特下读得懂，不是 {baud}", f"readable at {found} baud, not at {baud}"
            ),
            Words(f"在 [gps] 中写 baud = {found}", f"set baud = {found} in [gps]"),
        )
    return Finding(
        "gps baud",
        "fault",
        Words("任何波特率下都读不懂", "not readable at any rate"),
        Words(
            f"检查供电和接线（模块 TX 接树莓派 RX），以及 {port} 是否被控制台占用（cmdline.txt）",
            f"check its power and wires (its TX to the Pi's RX), and that no console uses {port} (cmdline.txt)",
        ),
    )


def try_panel(
    config: DeviceConfig, ears: Ears, panel: Display, person: Person
) -> Iterator[Finding]:
    """Its pins open; whoever is there hears and sees it, and presses each button."""
    if config.panel.kind == "none":
        return
    yield Finding("panel", "ok", Words("引脚可用", "its pins can be used"))
    yield from _buttons(ears, panel, person)
    if config.power:
        yield _ignition(ears)


def _buttons(ears: Ears, panel: Display, person: Person) -> Iterator[Finding]:
    if not person.there:
        yield Finding("panel buttons", "untried", Words("无人按键", "nobody there to press"))
        return
    panel.signal("accepted")
    person.ask(
        Words(
            "刚才应有一声短响和绿灯。听到且看到了，请按确认键",
            "there was one short beep and a green light. If you heard and saw both, press acknowledge",
        )
    )
    yield _pressed(ears, "ack", "beep and green")
    panel.signal("refused")
    person.ask(
        Words(
            "刚才应有三声长响和红灯。听到且看到了，请按 SOS 键",
            "there were three long beeps and a red light. If you heard and saw both, press SOS",
        )
    )
    yield _pressed(ears, "sos", "beeps and red")


def _pressed(ears: Ears, button: str, what: str) -> Finding:
    def is_it(event: ev.Event) -> bool:
        return isinstance(event, ev.ButtonMoved) and event.pressed and event.name == button

    part = f"panel {button}"
    if ears.wait(is_it, HAND_S):
        return Finding(part, "ok", Words("按键与提示正常", f"the button works; {what} was noticed"))
    return Finding(
        part,
        "fault",
        Words(f"{HAND_S:.0f} 秒内没有按下", f"not pressed within {HAND_S:.0f} s"),
        Words(
            "没有声光：检查蜂鸣器与指示灯接线；按了没反应：检查该按键到 GND 的接线",
            "no sound or light: check their wires; pressed in vain: check the button's wire and its ground",
        ),
    )


def _ignition(ears: Ears) -> Finding:
    moved = [e for e in ears.heard if isinstance(e, ev.ButtonMoved) and e.name == "ignition"]
    if moved and moved[-1].pressed:
        return Finding("ignition", "ok", Words("点火已接通", "the ignition is on"))
    return Finding(
        "ignition",
        "warning",
        Words("点火未接通，单元会关机", "the ignition is off: the unit would power off"),
        Words(
            "接通点火再试；若已接通，检查光耦接线", "switch it on; if it is, check the optocoupler"
        ),
    )


def _word(ears: Ears, part: str) -> str | None:
    """A part's word of itself: `ok` as soon as it comes, else the last within the time; None: not a word."""

    def about(event: ev.Event) -> bool:
        return isinstance(event, ev.PartSpoke) and event.part == part

    said = [e.word for e in ears.heard if isinstance(e, ev.PartSpoke) and e.part == part]
    if not said or said[-1] not in ("ok", "no fix"):
        spoke = ears.wait(about, SPEAKS_S)
        said += [spoke.word] if isinstance(spoke, ev.PartSpoke) else []
    return said[-1] if said else None


def _said(word: str | None) -> Words:
    if word is None:
        return Words("没有任何消息", "says nothing")
    return {
        "silent": Words("没有应答", "does not answer"),
        "unplugged": Words("端口不存在或无法打开", "its port is not there, or cannot be opened"),
    }.get(word, Words(word, word))


def _nfc_remedy(port: str, word: str | None) -> Words:
    if word == "unplugged":
        return _port_remedy(port)
    return SILENT_READER


def _port_remedy(port: str) -> Words:
    return Words(
        f"检查 {port} 的拼写与接线；用户是否在 dialout 组；config.txt 是否启用该串口；有无其他程序占用",
        f"check {port}: its spelling and cable, that the user is in group dialout, that config.txt "
        "enables it, and that no other program holds it",
    )


TRIALS: tuple[Trial, ...] = (try_nfc, try_gps, try_panel)
