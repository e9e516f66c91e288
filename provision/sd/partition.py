"""A card's boot partition, mounted on the laptop: told apart, written to, and put back as it was."""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from provision.sd.bookworm import FIRST
from provision.sd.card import BUNDLE, FOLDER, UNIT
from provision.steps.boot import BACKUP
from wire.words import Fault

NEEDED = ("cmdline.txt", "config.txt")
FIRMWARE = ("kernel8.img", "kernel_2712.img", "start4.elf", "bootcode.bin")
CHANGED = ("custom.toml", "user-data", "meta-data", "network-config", "cmdline.txt")
"""What may be changed outside our folder, in the order in which it is."""

MADE = "made.txt"
"""The names of those that were not there before us."""

NEW = ".xunkong-new"
BLOCK = 2**20
SPARE_BYTES = 16 * 2**20


class Partition:
    """`path`: where it is mounted. Raises `Fault` for what is none."""

    def __init__(self, path: Path) -> None:
        self.path, self.own = path, path / FOLDER
        missing = [name for name in NEEDED if not (path / name).is_file()]
        if not missing and not any((path / name).is_file() for name in FIRMWARE):
            missing = [FIRMWARE[0]]
        if missing:
            raise Fault(
                f"{path} 不是 Raspberry Pi OS 的启动分区：没有 {missing[0]}；请挂载卡的第一个分区（bootfs）",
                f"{path} is no boot partition of Raspberry Pi OS: it has no {missing[0]}; mount the card's "
                "first partition (bootfs)",
            )

    def os(self) -> str:
        """The release whose first boot lies there. Raises `Fault` where that is not to be seen."""
        if (self.path / "user-data").is_file():
            return "trixie"
        if FIRST in self.before("cmdline.txt").split():
            return "bookworm"
        raise Fault(
            f"{self.path}：看不出是哪个系统，或卡已启动过；请重新烧录，或用 --os 指明",
            f"{self.path}: no first boot is seen there, the card may have been started already; flash it anew, "
            "or name the system by --os",
        )

    def before(self, name: str) -> str:
        """A file as it was before we came; empty where it was not there."""
        for path in (self.path / f"{name}{BACKUP}", self.path / name):
            if path.is_file():
                return path.read_text("utf-8", "surrogateescape")
        return ""

    def check_room(self, needed: int) -> None:
        """Raises `Fault` where `needed` bytes have no room."""
        free = shutil.disk_usage(self.path).free
        if free < needed + SPARE_BYTES:
            mb = (needed + SPARE_BYTES) // 2**20
            raise Fault(
                f"{self.path} 剩余 {free // 2**20} MB，需要 {mb} MB",
                f"{self.path} has {free // 2**20} MB left, {mb} MB are needed",
            )

    def begun(self) -> bool:
        """Whether we wrote to it already, and the machine has not been started since."""
        return (self.own / UNIT).is_file()

    def write(
        self,
        own: Mapping[str, bytes],
        bundle: Path,
        changed: Mapping[str, str],
        say: Callable[[int], None],
    ) -> None:
        """Our folder first, then what starts it, so that half a card does nothing. `say`: percent. Raises `Fault`."""
        try:
            self.own.mkdir(exist_ok=True)
            _copy(bundle, self.own / BUNDLE, say)
            made = [name for name in changed if not (self.path / name).exists()]
            for name, content in {MADE: "\n".join(made).encode(), **own}.items():
                _put(self.own / name, content)
            for name in CHANGED:
                if name in changed:
                    self._change(name, changed[name])
        except OSError as exc:
            raise _not_written(self.path, exc) from exc

    def _change(self, name: str, text: str) -> None:
        path, backup = self.path / name, self.path / f"{name}{BACKUP}"
        if path.is_file() and not backup.exists():
            _put(backup, path.read_bytes())
        _put(path, text.encode("utf-8", "surrogateescape"))

    def undo(self) -> list[str]:
        """Puts back what was there; the names. Raises `Fault` where there is nothing of ours."""
        if not self.begun():
            raise Fault(
                f"{self.path} 上没有待首次启动的单元；没有什么可撤销",
                f"{self.path} has no unit that waits for its first power-up: there is nothing to undo",
            )
        try:
            return self._put_back()
        except OSError as exc:
            raise _not_written(self.path, exc) from exc

    def _put_back(self) -> list[str]:
        done, made = [], (self.own / MADE).read_text("utf-8").split()
        for name in reversed(CHANGED):
            path, backup = self.path / name, self.path / f"{name}{BACKUP}"
            if name in made:
                path.unlink(missing_ok=True)
            elif backup.is_file():
                backup.replace(path)
            else:
                continue
            done.append(name)
        shutil.rmtree(self.own)
        return [*done, FOLDER]


def _put(path: Path, content: bytes) -> None:
    """Whole and on the medium, before it bears its name."""
    draft = path.with_name(path.name + NEW)
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _copy(bundle: Path, to: Path, say: Callable[[int], None]) -> None:
    draft, size, done = to.with_name(to.name + NEW), bundle.stat().st_size, 0
    with bundle.open("rb") as file, draft.open("wb") as out:
        while block := file.read(BLOCK):
            out.write(block)
            done += len(block)
            say(100 * done // max(size, 1))
        out.flush()
        os.fsync(out.fileno())
    draft.replace(to)


def _not_written(path: Path, exc: OSError) -> Fault:
    with suppress(OSError):
        for draft in path.rglob(f"*{NEW}"):
            draft.unlink()
    why = exc.strerror or str(exc)
    return Fault(
        f"无法写入 {path}：{why}；写保护开关打开了吗？还有空间吗？",
        f"cannot write to {path}: {why}; is it write-protected, or full?",
    )
