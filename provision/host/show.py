"""What a technician sees: a line for each step, its progress while it lasts, and the result."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from provision.host.job import Step
from provision.host.run import Line
from wire.words import Language, Words

TO_DO = Words("待执行", "to do")
RESULTS = {
    "changed": Words("已完成", "done"),
    "unchanged": Words("无需改动", "as it was"),
    "failed": Words("失败", "FAILED"),
}
STOPPED = Words(
    "已中断；已完成的保持不变，再次运行同一命令即可继续",
    "stopped; what was done stays, and the same command goes on",
)
CLEAR = "\r\x1b[K"
WIDTH = 26


class Show:
    """Lines of so many `steps` for people, or one JSON object a line. Progress is drawn on a terminal alone.

    `dry`: what is changed is still to be done.
    """

    def __init__(self, steps: int, as_json: bool, language: Language, dry: bool = False) -> None:
        self._steps, self._json, self._language = steps, as_json, language
        self._results = RESULTS | ({"changed": TO_DO} if dry else {})
        self._live = not as_json and sys.stdout.isatty()
        self._head = ""

    def begins(self, number: int, step: Step[Any]) -> None:
        """A step begins."""
        name = step.words.say(self._language)
        self._head = f"[{number:2}/{self._steps}] {name}{' ' * (WIDTH - _width(name))}"
        if self._live:
            print(f"{self._head}…", end="", flush=True)

    def percent(self, percent: int) -> None:
        """How far the step is."""
        if self._live:
            bar = "#" * (percent // 5)
            print(f"{CLEAR}{self._head}[{bar:<20}] {percent} %", end="", flush=True)

    def ended(self, line: Line) -> None:
        """A step ended."""
        if self._json:
            print(json.dumps(line.row(), ensure_ascii=False), flush=True)
            return
        result = self._results[line.result].say(self._language)
        gap = " " * (10 - _width(result))
        start = CLEAR if self._live else ""
        said = line.words.say(self._language)
        print(f"{start}{self._head}{result}{gap}{line.duration_s:6.1f} s  {said}", flush=True)
        if line.remedy:
            print(f"       → {line.remedy.say(self._language)}", flush=True)

    @contextmanager
    def told_of_a_stop(self) -> Iterator[None]:
        """Who stops it half way is told that nothing is lost."""
        try:
            yield
        except KeyboardInterrupt:
            print(f"\n{STOPPED.say(self._language)}", file=sys.stderr, flush=True)
            raise

    def result(self, report: dict[str, Any], files: Sequence[Path]) -> None:
        """The end: what was changed, and where the report lies."""
        if self._json:
            print(json.dumps(report, ensure_ascii=False), flush=True)
            return
        print(verdict(report).say(self._language))
        if files:
            names = "  ".join(map(str, files))
            print(Words(f"报告：{names}", f"report: {names}").say(self._language))


def verdict(report: dict[str, Any]) -> Words:
    """In one line."""
    unit, changed = report["unit"], " ".join(report["changed"])
    if not report["done"]:
        step = report["steps"][-1]["step"]
        return Words(f"{unit} 未完成：{step}", f"{unit} is not done: {step}")
    if report["dry_run"]:
        return Words(
            f"{unit} 将改动：{changed or '无'}", f"{unit}: would change: {changed or 'nothing'}"
        )
    if not changed:
        return Words(f"{unit} 已在岗，没有任何改动", f"{unit} is on duty, nothing was changed")
    return Words(f"{unit} 已上岗；改动：{changed}", f"{unit} is on duty; changed: {changed}")


def _width(text: str) -> int:
    """Columns on a terminal: a Chinese character takes two."""
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in text)
