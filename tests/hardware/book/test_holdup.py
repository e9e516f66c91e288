"""The hold-up figures in the book are those of the unit's own defaults."""

import pytest

from device.config import PowerSection
from hardware.book.holdup import bank_f, holdup_s
from hardware.book.sheet import FOLDER


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_book_names_the_figures_of_the_defaults(name):
    power = PowerSection()
    for_s = holdup_s(power.hold_s, power.farewell_s)
    text = (FOLDER / name).read_text("utf-8")
    assert f"{for_s:.0f} s" in text
    assert f"{bank_f(for_s, 8):.0f} F" in text


def test_the_bank_holds_its_energy_between_its_voltages():
    farads = bank_f(10, 8, full_v=5, empty_v=3, efficiency=1, worn=1)
    assert farads * (5**2 - 3**2) / 2 == pytest.approx(80)
