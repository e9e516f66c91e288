"""`xunkong sim chaos`: plays a seeded schedule of faults on a small city, and lets the checker judge."""

import sys
import tempfile
import time
from collections import Counter, deque
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from sim.chaos.check import Found, Heal, Wound, check
from sim.chaos.hands import AGAIN_S, Hands, NotYet
from sim.chaos.rig import World
from sim.chaos.schedule import BY_NAME, SHORTEST_S, Fault, schedule
from sim.city import wait_for
from wire.words import Fault as Trouble
from wire.words import Language, Words

TURN_S = 0.02
DRAIN_S = 150.0
BEYOND = ("broker", "ingest", "forward", "gateway", "platform")
"""What lies between every unit and the platform."""


class Done(Struct):
    """A fault that was done: CLOCK_MONOTONIC ns of its beginning and end."""

    fault: Fault
    begun_ns: int
    ended_ns: int = 0


class Plan(Struct, frozen=True):
    """What was asked for."""

    minutes: float
    seed: int
    units: int
    faults: int


class Play:
    """One run: the faults as they are due, each target's one after another."""

    def __init__(self, world: World, plan: Plan) -> None:
        self._world, self._plan = world, plan
        self._hands = Hands(world)
        self.impossible = self._hands.impossible()
        names = list(world.boxes)
        wanted = schedule(plan.seed, plan.minutes * 60, names, plan.faults, self.impossible)
        self._due = deque(wanted)
        self._running: list[tuple[float, Done]] = []
        self.done: list[Done] = []

    def run(self) -> None:
        """Until the time is up, and every fault was there and has ended."""
        begun_s = time.monotonic()
        end_s = begun_s + self._plan.minutes * 60
        while time.monotonic() < end_s or self._due or self._running:
            now_s = time.monotonic() - begun_s
            self._begin_due(now_s)
            self._end_due(now_s)
            time.sleep(TURN_S)

    def _begin_due(self, now_s: float) -> None:
        waiting: list[Fault] = []
        while self._due and self._due[0].at_s <= now_s:
            fault = self._due.popleft()
            if self._is_busy(fault):
                waiting.append(fault)
                continue
            done = Done(fault, time.monotonic_ns())
            self._hands.begin(fault)
            self.done.append(done)
            self._running.append((now_s + fault.lasts_s, done))
        self._due.extendleft(reversed(waiting))

    def _is_busy(self, fault: Fault) -> bool:
        """Whether an earlier fault of the same target is not over yet: it waited for something."""
        gateway = ("ingest", "forward", "platform", "gateway")
        return any(
            done.fault.target == fault.target
            or (
                done.fault.target in gateway
                and fault.target in gateway
                and "gateway" in (done.fault.target, fault.target)
            )
            for _, done in self._running
        )

    def _end_due(self, now_s: float) -> None:
        for entry in list(self._running):
            at_s, done = entry
            if at_s > now_s:
                continue
            self._running.remove(entry)
            try:
                self._hands.end(done.fault)
                done.ended_ns = time.monotonic_ns()
            except NotYet:
                self._running.append((now_s + AGAIN_S, done))

    # What the checker is told

    @property
    def wounds(self) -> list[Wound]:
        """The media that were damaged."""
        return self._hands.wounds

    def heals(self) -> list[Heal]:
        """The moments at which a unit's link was whole again, and all beyond it was."""
        return [
            heal
            for done in self.done
            if BY_NAME[done.fault.kind].cuts
            for unit in self._units_of(done)
            if (heal := self._heal(unit, done))
        ]

    def _units_of(self, done: Done) -> list[str]:
        return (
            [done.fault.target] if done.fault.target in self._world.boxes else [*self._world.boxes]
        )

    def _heal(self, unit: str, healed: Done) -> Heal | None:
        at_ns = healed.ended_ns
        until_ns = time.monotonic_ns()
        for other in self.done:
            hinders = BY_NAME[other.fault.kind].hinders
            if other is healed or not hinders or other.fault.target not in (unit, *BEYOND):
                continue
            if other.begun_ns <= at_ns < other.ended_ns + REST_NS:
                return None
            if other.begun_ns > at_ns:
                until_ns = min(until_ns, other.begun_ns)
        return Heal(unit, healed.fault.kind, at_ns, until_ns)

    def judge(self) -> Found:
        """As it stands now."""
        answers = [a for box in self._world.boxes.values() for a in list(box.officer.answers)]
        return check(
            [answer.tap for answer in answers],
            {(a.tap.unit, a.tap.uid) for a in answers if a.no},
            self._world.arrivals.read(),
            self._hands.wounds,
            self.heals(),
            self._world.parked,
        )


REST_NS = 2_000_000_000


def run_chaos(
    minutes: float,
    seed: int,
    report: Path | None,
    units: int,
    faults: int | None,
    kept: Path | None,
    lang: Language,
) -> int:
    """Runs it; 0 when nothing was lost, doubled, out of order or clashed, else 1.

    `faults` None: fifty a minute. `kept`: an empty folder in which the run's files stay; None: they do not.
    Raises `wire.words.Fault` for what cannot be run, and for a report that cannot be written.
    """
    if not SHORTEST_S <= minutes * 60 <= 24 * 3600:
        raise Trouble(
            f"--minutes {minutes:g}：应在 {SHORTEST_S / 60:.1f} 到 1440 之间",
            f"--minutes {minutes:g}: give {SHORTEST_S / 60:.1f} to 1440",
        )
    if not 1 <= units <= 200:
        raise Trouble(f"--units {units}：应在 1 到 200 之间", f"--units {units}: give 1 to 200")
    plan = Plan(minutes, seed, units, int(minutes * 50) if faults is None else faults)
    with ExitStack() as stack:
        said, found = _play(_folder(stack, kept), plan, lang)
    if report:
        _write(report, said)
    _say(lang, _summary(found))
    return 0 if found.good and found.records else 1


def _folder(stack: ExitStack, kept: Path | None) -> Path:
    if kept is None:
        temporary = tempfile.TemporaryDirectory(prefix="xunkong-chaos-")
        return Path(stack.enter_context(temporary))
    try:
        kept.mkdir(parents=True, exist_ok=True)
        empty = not any(kept.iterdir())
    except OSError as exc:
        raise Trouble(
            f"--folder {kept} 不可用：{exc.strerror}；请换一个",
            f"--folder {kept} cannot be used: {exc.strerror}; choose another",
        ) from exc
    if not empty:
        raise Trouble(
            f"--folder {kept} 不是空目录；请换一个", f"--folder {kept} is not empty; choose another"
        )
    return kept.resolve()


def _play(folder: Path, plan: Plan, lang: Language) -> tuple[dict[str, Any], Found]:
    with World(folder, plan.units, plan.minutes * 60, plan.seed) as world:
        play = Play(world, plan)
        for kind, why in play.impossible.items():
            _say(lang, Words(f"本机无法施加 {kind}：{why}", f"{kind} is left out here: {why}"))
        _say(
            lang,
            Words(
                f"启动 {plan.units} 个单元", f"starting {plan.units} units; this may take a while"
            ),
        )
        world.start()
        _say(
            lang,
            Words(
                f"种子 {plan.seed}：{plan.minutes:g} 分钟内 {plan.faults} 次故障",
                f"seed {plan.seed}: {plan.faults} faults in {plan.minutes:g} min",
            ),
        )
        begun_s = time.monotonic()
        play.run()
        world.end_of_shift()
        tapped_s = time.monotonic() - begun_s
        world.ask_for_parked()
        wait_for(lambda: not play.judge().lost, DRAIN_S)
        found = play.judge()
        return _report(plan, play, found, tapped_s), found


def _report(plan: Plan, play: Play, found: Found, tapped_s: float) -> dict[str, Any]:
    kinds = Counter(done.fault.kind for done in play.done)
    return {
        "seed": plan.seed,
        "minutes": plan.minutes,
        "units": plan.units,
        "faults": {
            "count": kinds.total(),
            "by_kind": dict(sorted(kinds.items())),
            "left_out": play.impossible,
            "wounds": msgspec.to_builtins(play.wounds),
            "list": [
                {
                    "at_s": done.fault.at_s,
                    "kind": done.fault.kind,
                    "target": done.fault.target,
                    "lasted_s": round((done.ended_ns - done.begun_ns) / 1e9, 3),
                }
                for done in play.done
            ],
        },
        "taps_s": round((found.records + found.no_beep) / tapped_s, 1),
        **msgspec.to_builtins(found),
    }


def _summary(found: Found) -> Words:
    recovery = found.recovery_ms
    return Words(
        f"打卡 {found.records}，平台 {found.platform}；丢失 {found.lost}，重复 {found.doubled}，"
        f"乱序 {found.out_of_order}，冲突 {found.clashed}，介质损坏且已声明 {found.destroyed_declared}；"
        f"恢复 p50 {recovery.p50} ms，p99 {recovery.p99} ms（{recovery.n} 次）",
        f"{found.records} taps, {found.platform} at the platform; lost {found.lost}, "
        f"doubled {found.doubled}, out of order {found.out_of_order}, clashed {found.clashed}, "
        f"destroyed and declared {found.destroyed_declared}; recovery p50 {recovery.p50} ms, "
        f"p99 {recovery.p99} ms of {recovery.n}",
    )


def _say(language: Language, words: Words) -> None:
    print(words.say(language), file=sys.stderr, flush=True)


def _write(path: Path, said: dict[str, Any]) -> None:
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(said)) + b"\n")
    except OSError as exc:
        raise Trouble(
            f"无法写入 {path}：{exc.strerror}；请检查 --report",
            f"cannot write {path}: {exc.strerror}; check --report",
        ) from exc
