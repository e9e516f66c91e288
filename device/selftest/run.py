"""The self-test: machine first, then parts, then brokers; a line each, and whether the unit is fit."""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from device.config import DeviceConfig, identity_folder
from device.papers import Papers
from device.parts import Parts
from device.selftest.camera import try_camera, try_photos
from device.selftest.ears import Ears
from device.selftest.finding import Finding, finding_json, fit, line
from device.selftest.machine import (
    try_brokers,
    try_clock,
    try_journal,
    try_modem,
    try_temperature,
)
from device.selftest.parts import TRIALS, UNREADABLE, try_baud
from device.selftest.person import Person
from wire.words import Language, Words


def selftest(
    path: Path, config: DeviceConfig, touch: bool, as_json: bool, language: Language
) -> int:
    """Tests the unit of `path`. 0 when it is fit for duty, else 1. `touch`: a person is at the box."""
    person = Person(language, touch)
    findings = []
    for finding in _findings(path, config, person):
        person.done()
        findings.append(finding)
        print(finding_json(finding) if as_json else line(finding, language), flush=True)
    ready = fit(findings)
    if as_json:
        print(msgspec.json.encode({"fit": ready}).decode())
    else:
        verdict = (
            Words("可以上岗", "fit for duty") if ready else Words("不可上岗", "NOT fit for duty")
        )
        print(verdict.say(language))
    sys.stdout.flush()
    return 0 if ready else 1


def _findings(path: Path, config: DeviceConfig, person: Person) -> Iterator[Finding]:
    journal = try_journal(path, config)
    yield journal
    if journal.verdict == "fault":
        return
    yield try_clock()
    yield try_temperature(path.parent)
    yield from try_photos(path, config)
    yield from _parts(path, config, person)
    yield from try_modem(config)
    yield from try_brokers(config, Papers(config.unit.id, identity_folder(path, config)))


def _parts(path: Path, config: DeviceConfig, person: Person) -> Iterator[Finding]:
    ears = Ears(person.waiting)
    parts = Parts(config, path.parent, ears.put)
    parts.start()
    unreadable = False
    try:
        for trial in (*TRIALS, try_camera):
            for finding in trial(config, ears, parts.panel, person):
                unreadable |= finding is UNREADABLE
                yield finding
    finally:
        parts.stop()
    why = try_baud(config) if unreadable else None
    if why:
        yield why
