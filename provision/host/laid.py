"""Files as they are wanted on a machine: one question finds those that differ, each is replaced by one rename."""

import base64
import hashlib
import shlex
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from pyinfra.api.command import StringCommand
from pyinfra.api.facts import FactBase
from pyinfra.api.operation import operation
from pyinfra.context import host

NEW = ".xunkong-new"


class Laid(Struct, frozen=True):
    """One file: its place, content and rights. `mode` None: as its file system has it (FAT knows no rights)."""

    path: str
    content: bytes
    mode: str | None = "644"
    owner: str = "root"
    group: str = "root"

    @property
    def shown(self) -> str:
        """Content and rights in one line, as `FilesThere` shows them."""
        digest = hashlib.sha256(self.content).hexdigest()
        return f"{digest} {self.mode} {self.owner} {self.group}" if self.mode else digest


class FilesThere(FactBase[dict[str, str]]):
    """SHA-256, mode, owner and group of each of `paths` that is a regular file."""

    def command(self, paths: Sequence[str]) -> str:
        names = " ".join(shlex.quote(path) for path in paths)
        return (
            f'for f in {names}; do [ -f "$f" ] && [ ! -L "$f" ] && '
            'echo "$(sha256sum <"$f" | cut -c1-64) $(stat -c "%a %U %G %n" "$f")"; done; true'
        )

    @staticmethod
    def default() -> dict[str, str]:
        return {}

    def process(self, output: list[str]) -> dict[str, str]:
        return {path: shown for shown, path in (_split(line) for line in output)}


def _split(line: str) -> tuple[str, str]:
    digest, mode, owner, group, path = line.split(" ", 4)
    return f"{digest} {mode} {owner} {group}", path


def differing(wanted: Sequence[Laid], there: Mapping[str, str]) -> list[Laid]:
    """Those of `wanted` that are missing, or have another content or other rights."""
    return [one for one in wanted if not there.get(one.path, "").startswith(one.shown)]


@operation()
def lay(wanted: Sequence[Laid], due: str | None = None) -> Generator[Any, None, None]:
    """Puts each file of `wanted` in place that is not as it should be.

    `due`: a file made before the first of them: what must follow is still to be done, also by a later run.
    """
    there = host.get_fact(FilesThere, paths=[one.path for one in wanted])
    differ = differing(wanted, there)
    if differ and due:
        yield StringCommand(
            f"mkdir -p {shlex.quote(due.rpartition('/')[0])} && touch {shlex.quote(due)}"
        )
    for one in differ:
        yield StringCommand(put_command(one), _stdin=base64.b64encode(one.content).decode())


def put_command(one: Laid) -> str:
    """Takes the content in base64 on stdin; the file is whole and on the medium before it bears its name."""
    path, draft = shlex.quote(one.path), shlex.quote(one.path + NEW)
    folder = shlex.quote(one.path.rpartition("/")[0] or "/")
    rights = ""
    if one.mode:
        rights = f" && chown {one.owner}:{one.group} {draft} && chmod {one.mode} {draft}"
    return (
        f"mkdir -p {folder} && (umask 077 && base64 -d >{draft}){rights} "
        f"&& sync {draft} && mv -f {draft} {path} && sync {folder}"
    )
