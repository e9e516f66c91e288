"""The screen as lines: never wider than the terminal, also in Chinese."""

import pytest

from sim.unit.keys import BY_KEY, KEYS
from sim.unit.screen import Picture, help_lines, lines
from wire.words import Language, width

FULL = Picture(
    "v-sim",
    "vehicle",
    lit={"red": True},
    signal="sos_sent",
    records=tuple(f"{n:>4} 打卡 " + "巡" * 60 for n in range(20)),
    alarms=("sos", "part nfc") * 20,
    gateway="12 · checkin",
)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_fits_on_80_by_24(language: Language) -> None:
    shown = lines(FULL, language)
    assert len(shown) <= 24
    assert max(map(width, shown)) <= 80
    assert shown[-len(help_lines(language)) :] == help_lines(language)
    assert any("sos_sent" in line for line in shown)
    assert any(line.startswith("    19 打卡") for line in shown)


def test_the_lights_are_told_by_sign_and_name() -> None:
    assert "panel: [ ] buzzer   [ ] green   [#] red" in lines(FULL, "en")


def test_every_key_is_there_once_and_in_the_help() -> None:
    assert len(BY_KEY) == len(KEYS)
    for language in ("zh", "en"):
        said = "\n".join(help_lines(language))
        assert all(f"{key.key} {key.words.say(language)}" in said for key in KEYS)
