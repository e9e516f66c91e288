"""The Raspberry Pi's 40-pin header, and which pins and device each serial port takes on each model.

Sources: Raspberry Pi documentation (configuration/uart.adoc), HALPI2 documentation (Pi 5), Zephyr's binding of
the header. The device numbers hold for Raspberry Pi OS 12 and newer.
"""

from typing import NamedTuple

_ROWS = """
3V3 5V / GPIO2 5V / GPIO3 GND / GPIO4 GPIO14 / GND GPIO15 / GPIO17 GPIO18 / GPIO27 GND / GPIO22 GPIO23
/ 3V3 GPIO24 / GPIO10 GND / GPIO9 GPIO25 / GPIO11 GPIO8 / GND GPIO7 / ID_SD ID_SC / GPIO5 GND
/ GPIO6 GPIO12 / GPIO13 GND / GPIO19 GPIO16 / GPIO26 GPIO20 / GND GPIO21
"""
HEADER = dict(enumerate(_ROWS.replace("/", " ").split(), start=1))
"""Physical pin number to name, the same on every model that has 40 pins."""

POWER = ("3V3", "5V", "GND")


class Uart(NamedTuple):
    """A serial port: the config.txt lines that bring it to the header, its pins, and its device."""

    lines: tuple[str, ...]
    tx: str
    rx: str
    device: str


UARTS: dict[str, tuple[Uart, ...]] = {
    "pi3": (Uart(("dtoverlay=disable-bt",), "GPIO14", "GPIO15", "/dev/ttyAMA0"),),
    "zero2w": (Uart(("dtoverlay=disable-bt",), "GPIO14", "GPIO15", "/dev/ttyAMA0"),),
    "pi4": (
        Uart(("enable_uart=1", "dtoverlay=disable-bt"), "GPIO14", "GPIO15", "/dev/ttyAMA0"),
        Uart(("dtoverlay=uart3",), "GPIO4", "GPIO5", "/dev/ttyAMA3"),
    ),
    "pi5": (
        Uart(("dtparam=uart0=on",), "GPIO14", "GPIO15", "/dev/ttyAMA0"),
        Uart(("dtoverlay=uart2-pi5",), "GPIO4", "GPIO5", "/dev/ttyAMA2"),
    ),
}
