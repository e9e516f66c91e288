"""What a unit costs the machine: resident memory, and CPU time from its start to its first publish."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from statistics import median

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from gateway.keys import GatewayKeys
from hardware.gps.synthetic import drive
from hardware.gps.twin import GpsTwin
from hardware.pn532.twin import Pn532Twin
from sim.broker import Broker
from sim.city import Unit
from sim.keys import CityKeys
from sim.measure.armed import armed
from sim.measure.row import Row

STARTS = 5
SETTLE_S = 15.0
WAIT_S = 20.0


def measure(folder: Path) -> Iterator[Row]:
    """A vehicle with GPS, card reader and panel: started some times, left to drive for a while, given keys."""
    broker = Broker(folder).start()
    gps_port, nfc_port = folder / "gps", folder / "nfc"
    gps = GpsTwin(b"".join(drive(time.time_ns() // 1_000_000, 600, seed=1)), restamp=True)
    gps.plug(gps_port)
    nfc = Pn532Twin(nfc_port)
    parts = f'[gps]\nport = "{gps_port}"\nbaud = 115200\n[nfc]\nport = "{nfc_port}"\n'
    unit = Unit("v-bench", "vehicle", folder, broker, parts)
    CityKeys(folder / "keys").enrol("v-bench", unit.identity)
    keys = GatewayKeys(folder / "keys")
    said, listener = _listen(broker.port)
    try:
        yield Row("unit: CPU from start to first publish", _cpu_s(unit, said), "s", at_most=0.6)
        gps.start()
        unit.program.start()
        time.sleep(SETTLE_S)
        yield Row("unit: resident memory", rss_mb(unit.program.pid), "MiB", at_most=45)
        for count in armed(unit, nfc, keys, listener, said):
            what = f"unit: resident memory with keys of {count:,} cards"
            yield Row(what, rss_mb(unit.program.pid), "MiB", at_most=45)
    finally:
        listener.disconnect()
        listener.loop_stop()
        unit.program.stop()
        gps.stop()
        nfc.stop()
        broker.stop()


def _listen(port: int) -> tuple["Queue[MQTTMessage]", Client]:
    said: Queue[MQTTMessage] = Queue()
    client = Client(CallbackAPIVersion.VERSION2, client_id="bench")
    client.on_message = lambda _, __, message: said.put(message) if message.payload else None
    client.connect("127.0.0.1", port)
    client.subscribe("xk/v1/v-bench/up/#", qos=1)
    client.loop_start()
    return said, client


def _cpu_s(unit: Unit, said: "Queue[MQTTMessage]") -> float:
    took = []
    for _ in range(STARTS):
        while not said.empty():
            said.get_nowait()
        unit.program.start()
        said.get(timeout=WAIT_S)
        took.append(cpu_s(unit.program.pid))
        unit.program.stop()
        time.sleep(0.3)
    return median(took)


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used, by proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Resident memory in MiB, by proc(5)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
