"""What the demo shows: what happens, how far it is, and the table at the end."""

import sys
import time

from sim.tally import Percentiles, Report
from wire.words import Language, Words


class Show:
    """Prints in `language`; on a terminal the progress line is written over."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._begun_s = time.monotonic()
        self._tty = sys.stdout.isatty()
        self._open_line = False

    def say(self, words: Words) -> None:
        """A line on what happens now."""
        if self._open_line:
            print()
            self._open_line = False
        print(f"{time.monotonic() - self._begun_s:5.1f} s  {words.say(self._language)}", flush=True)

    def progress(self, taps: int, beeps: int, arrived: int, fixes: int) -> None:
        """How it stands: on a terminal in place, else a line each."""
        words = Words(
            f"打卡 {taps}  已响 {beeps}  平台已收 {arrived}  在途 {beeps - arrived}  定位 {fixes}",
            f"taps {taps}  beeps {beeps}  at the platform {arrived}  "
            f"on their way {beeps - arrived}  fixes {fixes}",
        )
        line = f"{time.monotonic() - self._begun_s:5.1f} s    {words.say(self._language)}"
        print(f"\r{line}\x1b[K" if self._tty else line, end="" if self._tty else "\n", flush=True)
        self._open_line = self._tty

    def table(self, found: Report) -> None:
        """The result."""
        self.say(Words("结果", "result"))
        zh = ("单元", "记录", "入库", "平台", "丢失", "重复", "重发", "无声")
        en = (
            "unit",
            "recorded",
            "committed",
            "platform",
            "lost",
            "doubled",
            "redelivered",
            "no beep",
        )
        names = zh if self._language == "zh" else en
        print("  " + "".join(f"{name:>12}" for name in names))
        for unit in found.units:
            cells = (unit.recorded, unit.committed, unit.platform, unit.lost, unit.doubled)
            rest = (unit.redelivered, unit.no_beep)
            print("  " + f"{unit.unit:>12}" + "".join(f"{cell:>12}" for cell in (*cells, *rest)))
        self._latency(Words("打卡到蜂鸣", "tap to beep"), found.tap_to_beep_ms)
        self._latency(Words("打卡到平台", "tap to platform"), found.tap_to_platform_ms)
        self._latency(
            Words("打卡到平台（断线或重启时）", "tap to platform, disturbed"),
            found.tap_to_platform_disturbed_ms,
        )
        self._no_beeps(found)
        good = found.lost == found.doubled == 0
        verdict = (
            Words("没有丢失，没有重复", "nothing lost, nothing doubled")
            if good
            else Words("有丢失或重复！", "SOMETHING WAS LOST OR DOUBLED")
        )
        print(f"  {verdict.say(self._language)}", flush=True)

    def _latency(self, words: Words, found: Percentiles) -> None:
        if found.n:
            print(
                f"  {words.say(self._language)}: p50 {found.p50} ms, p99 {found.p99} ms, "
                f"max {found.max} ms (n {found.n})"
            )

    def _no_beeps(self, found: Report) -> None:
        for tap in found.no_beep:
            fate = (
                Words("已入库（断电前已写入日志）", "it had reached the journal, and was delivered")
                if tap["committed"]
                else Words("未入库，需重新打卡", "it was not kept; the officer taps again")
            )
            words = Words(
                f"{tap['unit']} 有一次打卡未响：", f"{tap['unit']}: one tap got no beep: "
            )
            print(f"  {words.say(self._language)}{fate.say(self._language)}")
