"""The way to the gateway, walked for a while: the time to a broker and back, what is lost, the modem's signal.

A connection is opened and closed once a second: its time is that of one round trip (TCP's own handshake). The
unit's session stays as it is, since nothing is said to the broker. A unit that runs beside it shares the link.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from statistics import median

from msgspec import Struct

from device.link.mqtt import Broker
from device.papers import Papers
from device.selftest.finding import Finding, Verdict
from hardware.modem.meaning import OK, ModemReading
from wire.words import Fault, Words

EVERY_S, ANSWER_S, MODEM_EVERY_S = 1.0, 3.0, 15.0
SLOW_MS = 1_500.0
SOME_PCT, MUCH_PCT = 2.0, 20.0
WEAK = {True: (-110.0, -120.0), False: (-95.0, -105.0)}
"""dBm below which a signal is weak, and useless: RSRP (LTE, 5G), else RSSI."""

CLEAR = Words(
    "检查网线、Wi-Fi 或天线，以及 broker 的地址与防火墙",
    "check cable, Wi-Fi or antenna, the broker's address, firewalls",
)
AERIAL = Words(
    "天线移高或移到窗外，换一家运营商的 SIM 卡，或改用有线",
    "move the antenna up or outdoors, try another operator's SIM, or use a cable",
)


class Walk(Struct, frozen=True):
    """`rtt_ms`: of those connections that came about; `sent`: of how many tries. `signals`: dBm, as they came."""

    broker: str
    sent: int
    rtt_ms: tuple[float, ...]
    signals: tuple[float, ...] = ()
    modem: ModemReading | None = None

    @property
    def lost_pct(self) -> float:
        """What did not come about."""
        return 100 * (self.sent - len(self.rtt_ms)) / self.sent if self.sent else 100.0

    def row(self) -> dict[str, object]:
        """For machines."""
        row: dict[str, object] = {"broker": self.broker, "sent": self.sent}
        row |= {"answered": len(self.rtt_ms), "lost_pct": round(self.lost_pct, 1)}
        row["median_ms"] = round(median(self.rtt_ms), 1) if self.rtt_ms else None
        row["worst_ms"] = round(max(self.rtt_ms), 1) if self.rtt_ms else None
        row["signal_dbm"] = median(self.signals) if self.signals else None
        return row


def walk(
    broker: Broker,
    seconds: float,
    look: Callable[[], ModemReading] | None,
    waiting: Callable[[float, float], None],
) -> Walk:
    """Takes `seconds`, and one try at least. `look` asks the modem, None: there is none."""
    rtt_ms: list[float] = []
    readings: list[ModemReading] = []
    began_s, sent = time.monotonic(), 0
    while not sent or time.monotonic() - began_s < seconds:
        waiting(max(0.0, began_s + seconds - time.monotonic()), seconds)
        tried_s = time.monotonic()
        sent += 1
        took_ms = _round_trip_ms(broker)
        rtt_ms += [] if took_ms is None else [took_ms]
        if look and tried_s - began_s >= MODEM_EVERY_S * len(readings):
            readings.append(look())
        time.sleep(max(0.0, min(tried_s + EVERY_S, began_s + seconds) - time.monotonic()))
    signals = tuple(one.signal_dbm for one in readings if one.signal_dbm is not None)
    return Walk(str(broker), sent, tuple(rtt_ms), signals, readings[-1] if readings else None)


def _round_trip_ms(broker: Broker) -> float | None:
    began_s = time.monotonic()
    try:
        with socket.create_connection((broker.host, broker.port), ANSWER_S):
            return (time.monotonic() - began_s) * 1000
    except OSError:
        return None


def reachable(brokers: Sequence[Broker]) -> Broker:
    """The first that answers, else the first."""
    return next((one for one in brokers if _round_trip_ms(one) is not None), brokers[0])


def judge_trust(broker: Broker, papers: Papers) -> Iterator[Finding]:
    """Whether the broker is the site's, and lets the unit's certificate in."""
    if not broker.tls:
        return
    try:
        with (
            socket.create_connection((broker.host, broker.port), ANSWER_S) as line,
            papers.tls().wrap_socket(line, server_hostname=broker.host) as secured,
        ):
            secured.settimeout(EVERY_S)
            with suppress(TimeoutError):
                secured.recv(
                    1
                )  # a certificate that is not taken is refused after the handshake (TLS 1.3)
    except (OSError, ssl.SSLError) as exc:
        what = Words(f"{broker} 的证书：{exc}", f"{broker}: {exc}")
        remedy = Words(
            "地址是本站的 broker 吗？单元的证书有效吗（xunkong device enrol --held）？",
            "is that the site's broker, and the unit's certificate in force (xunkong device enrol --held)?",
        )
        yield Finding("broker", "fault", what, remedy)
    except Fault as exc:
        yield Finding("broker", "fault", exc.words)
    else:
        yield Finding("broker", "ok", Words(f"{broker} 是本站的", f"{broker} is the site's"))


def judge_walk(found: Walk) -> Iterator[Finding]:
    """What is to be said of it."""
    row = found.row()
    if not found.rtt_ms:
        what = Words(f"{found.broker} 没有应答", f"{found.broker} never answered")
        yield Finding("link", "fault", what, CLEAR)
    else:
        what = Words(
            f"往返 {row['median_ms']} 毫秒（最差 {row['worst_ms']}），丢失 {row['lost_pct']}%",
            f"round trip {row['median_ms']} ms (worst {row['worst_ms']}), {row['lost_pct']} % lost",
        )
        verdict = _link_verdict(found)
        yield Finding("link", verdict, what, None if verdict == "ok" else CLEAR)
    if found.modem:
        yield _signal(found, found.modem)


def _link_verdict(found: Walk) -> Verdict:
    if found.lost_pct > MUCH_PCT:
        return "fault"
    return "warning" if found.lost_pct > SOME_PCT or median(found.rtt_ms) > SLOW_MS else "ok"


def _signal(found: Walk, modem: ModemReading) -> Finding:
    if modem.word != OK:
        return Finding("modem", "fault", Words(modem.word, modem.word), AERIAL)
    named = f"{modem.operator or '?'} {modem.technology or ''}".strip()
    if not found.signals:
        return Finding(
            "modem", "untried", Words(f"{named}，信号未知", f"{named}, signal not known")
        )
    dbm = median(found.signals)
    weak, useless = WEAK[modem.technology in ("lte", "5gnr", "5g")]
    verdict: Verdict = "fault" if dbm < useless else "warning" if dbm < weak else "ok"
    what = Words(f"{named} {dbm:.0f} dBm", f"{named} {dbm:.0f} dBm")
    return Finding("modem", verdict, what, None if verdict == "ok" else AERIAL)
