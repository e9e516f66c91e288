"""Patches that are believed: signed by the release key, whole, for this machine, and above those that are in.

`wire.release` says what the file is like. This has nothing of it, as root runs nothing that another user may write:
the signature is checked by openssl.
"""

import json
import os
import re
import shutil
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from device.patching.place import Job, Place, plain, rank, sync
from device.patching.tools import Failed, run

HEAD = re.compile(rb"XKR1 ([1-9][0-9]{0,4}) ([A-Za-z0-9_-]{86})\n")
COVERED, HEAD_BYTES, STEP_BYTES = b"xkr1|", 160, 256 * 1024
MAX_BYTES = 256 * 1024 * 1024
ROOM_TIMES, SPARE_BYTES = 5, 64 * 1024 * 1024
"""Packages unpacked and installed take so many times their size, and so much of the disk is left to others."""

DEB = re.compile(r"Packages|[A-Za-z0-9][A-Za-z0-9._+~-]{0,199}\.deb")


class Refused(Exception):
    """Patches that are not for this machine as it is; nothing of it was changed."""


def unpack(place: Place, job: Job, version: str, here: tuple[str, str]) -> None:
    """The packages of `job` into `debs`, on the medium, each as the signed manifest says. Raises `Refused`, OSError.

    `version`: of the patches that are in; `here`: the machine's processor and Debian release.
    """
    shutil.rmtree(place.debs, ignore_errors=True)
    with _opened(place.inbox / f"{job.sha256}.release") as file:
        manifest = _manifest(place, file)
        _check(manifest, job, version, here)
        _check_room(place, job.size)
        place.debs.mkdir()
        for part in manifest["debs"]:
            _copy(file, part, place.debs)
        if file.read(1):
            raise Refused("something follows the last file")
    sync(place.debs)


def _opened(path: Path) -> BinaryIO:
    try:
        return plain(path)
    except OSError as exc:
        raise Refused(f"{path.name} cannot be read: {exc}") from exc


def _manifest(place: Place, file: BinaryIO) -> dict[str, Any]:
    """The manifest in `file`, signed; what follows it is read next."""
    found = HEAD.match(file.read(HEAD_BYTES))
    if found is None:
        raise Refused("it is no signed release")
    file.seek(found.end())
    text = file.read(int(found[1]))
    signed, sig = place.keep / ".signed", place.keep / ".sig"
    try:
        signed.write_bytes(COVERED + text)
        sig.write_bytes(urlsafe_b64decode(found[2] + b"=="))
        words = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(place.key)]
        run([*words, "-in", str(signed), "-sigfile", str(sig)])
        return dict(json.loads(text))
    except Failed as exc:
        raise Refused(f"the release key {place.key} did not sign it ({exc})") from exc
    except ValueError as exc:
        raise Refused(f"its manifest cannot be read: {exc}") from exc
    finally:
        for path in (signed, sig):
            path.unlink(missing_ok=True)


def _check(manifest: Mapping[str, Any], job: Job, version: str, here: tuple[str, str]) -> None:
    if not manifest.get("debs") or manifest.get("wheels"):
        raise Refused("it is no patches")
    made_for = (manifest.get("arch"), manifest.get("os"))
    if made_for != here:
        raise Refused(f"made for {'-'.join(map(str, made_for))}, this is {'-'.join(here)}")
    if manifest.get("version") != job.version:
        raise Refused(f"it is version {manifest.get('version')}, the order says {job.version}")
    if rank(job.version) <= rank(version):
        raise Refused(f"version {job.version} is not above {version}, which is in")
    if not 0 < job.size <= MAX_BYTES or sum(part["size"] for part in manifest["debs"]) > job.size:
        raise Refused(f"it is larger than the {job.size} bytes that were ordered")


def _check_room(place: Place, size: int) -> None:
    need, free = size * ROOM_TIMES + SPARE_BYTES, shutil.disk_usage(place.keep).free
    if free < need:
        raise Refused(f"{free // 2**20} MiB are free, {need // 2**20} are needed")


def _copy(file: BinaryIO, part: Mapping[str, Any], into: Path) -> None:
    """Hashed as it is copied, since another process may write `file`."""
    name, left, digest = part["name"], part["size"], sha256()
    if not DEB.fullmatch(name):
        raise Refused(f"{name!r} is no package's file")
    with (into / name).open("xb") as out:
        while left and (piece := file.read(min(STEP_BYTES, left))):
            digest.update(piece)
            out.write(piece)
            left -= len(piece)
        out.flush()
        os.fsync(out.fileno())
    if left or digest.hexdigest() != part["sha256"]:
        raise Refused(f"{name} is not what the manifest says")
