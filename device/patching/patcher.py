"""The patcher: sees to the unit's wish for patches of the operating system, which apt installs from a folder.

There is no way back: `before-<version>` in the folder `keep` has the versions that there were.
"""

import logging
import os
import re
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from device.patching.place import Job, Place, Said, State, read, wished, write
from device.patching.tools import Failed, run
from device.patching.unpack import Refused, unpack

MAX_WHY, RECORDS, LOCK_S = 400, 5, 600
KEPT_BACK = re.compile(r"^The following packages have been kept back:\n((?: .*\n)+)", re.MULTILINE)
log = logging.getLogger("xunkong.patcher")


def serve(place: Place, here: tuple[str, str]) -> None:
    """Ends what was begun, or sees to the wish. Raises OSError where nothing can be written: the unit wishes again."""
    state, wish = read(place), wished(place)
    try:
        if state.job is None and wish and not (state.said and state.said.order == wish.order):
            state = _begun(place, state, wish, here)
        job = state.job
        if job is not None:
            log.info("patches %s, order %s", job.version, job.order)
            said = _installed(place, job)
            log.info("%s: %s", said.outcome, said.why)
            version = job.version if said.outcome == "installed" else state.version
            write(place, State(version, None, said))
    except OSError:
        _done(place)
        raise
    shutil.rmtree(place.debs, ignore_errors=True)
    if wish is None or (state.said and state.said.order == wish.order) or job == wish:
        _done(place)


def _begun(place: Place, state: State, wish: Job, here: tuple[str, str]) -> State:
    """From here on a power cut does not end it."""
    try:
        unpack(place, wish, state.version, here)
        state = replace(state, job=wish)
    except Refused as exc:
        log.warning("patches %s refused: %s", wish.version, exc)
        state = replace(state, said=Said(wish.order, "refused", _short(str(exc))))
    write(place, state)
    place.reached("begun")
    (place.inbox / f"{wish.sha256}.release").unlink(missing_ok=True)
    return state


def _done(place: Place) -> None:
    place.wish.unlink(missing_ok=True)


def _installed(place: Place, job: Job) -> Said:
    """Raises OSError."""
    record = place.keep / f"before-{job.version}"
    try:
        if not record.exists():
            _note(place, record)
        _end_what_was_begun(place)
        _apt(place, "update")
        told = _apt(place, "--with-new-pkgs", "--no-install-recommends", "upgrade")
        left = run([*_dpkg(place), "--audit"])
        changed = _changed(record.read_text("utf-8"), _versions(place))
    except Failed as exc:
        return Said(job.order, "failed", _short(str(exc)))
    if left.strip():
        return Said(job.order, "failed", _short(f"dpkg finds packages half installed: {left}"))
    place.run.mkdir(mode=0o755, exist_ok=True)
    place.due.touch()
    os.sync()
    why = ", ".join(changed) or "nothing was newer"
    return Said(job.order, "installed", _short(f"{_kept_back(told)}{why}"))


def _kept_back(told: str) -> str:
    """What apt left as it was, since it needs what is not there."""
    found = KEPT_BACK.search(told)
    return f"left as it was: {' '.join(found[1].split())}; " if found else ""


def _end_what_was_begun(place: Place) -> None:
    """What cannot be configured may be what these patches mend; where it is not, apt and the audit say so."""
    with suppress(Failed):
        run([*_dpkg(place), "--configure", "-a"])


def _note(place: Place, record: Path) -> None:
    """The versions that there are, kept with those of a few times before."""
    new = place.keep / ".before.new"
    new.write_text(_versions(place), "utf-8")
    new.replace(record)
    for old in sorted(place.keep.glob("before-*"), key=lambda path: path.stat().st_mtime)[
        :-RECORDS
    ]:
        old.unlink()


def _versions(place: Place) -> str:
    return run(["dpkg-query", f"--admindir={place.root / 'var/lib/dpkg'}", "--show"])


def _changed(before: str, after: str) -> list[str]:
    """`openssl 3.0.15-1 to 3.0.17-1`, and the like."""
    old = dict(line.split("\t") for line in before.splitlines())
    new = dict(line.split("\t") for line in after.splitlines())
    return [
        f"{name} {old.get(name) or 'none'} to {new[name]}"
        for name in new
        if old.get(name) != new[name]
    ]


def _dpkg(place: Place) -> list[str]:
    root = [] if place.root == Path("/") else [f"--root={place.root}"]
    return ["dpkg", *root, "--force-confdef", "--force-confold", *place.options]


def _apt(place: Place, *words: str) -> str:
    """apt-get, for which there are the packages in `debs` and no others in the world."""
    own = place.keep / "apt"
    (own / "lists/partial").mkdir(parents=True, exist_ok=True)
    (own / "sources.list").write_text(f"deb [trusted=yes] file:{place.debs} ./\n", "utf-8")
    options = {
        "Dir": place.root,
        "Dir::Etc::sourcelist": own / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": own / "lists",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
        "DPkg::Lock::Timeout": LOCK_S,
    }
    said = [f"-o{name}={value}" for name, value in options.items()]
    said += [f"-oDPkg::Options::={option}" for option in _dpkg(place)[1:]]
    return run(["apt-get", "-q", "-y", *said, *words])


def _short(text: str) -> str:
    return text if len(text) <= MAX_WHY else f"{text[: MAX_WHY - 1]}…"
