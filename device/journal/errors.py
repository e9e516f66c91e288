"""The family of what can go wrong with the journal: each says what, on which file, and what to do now."""

import errno
import sqlite3
from pathlib import Path

from wire.records import Stream
from wire.words import Fault


class JournalError(Fault):
    """The journal could not do what was asked; what stood in it before still stands."""


class JournalFull(JournalError):
    """No room on the medium: nothing was written; taking up again works as soon as there is room."""


class JournalReadOnly(JournalError):
    """The medium or the file cannot be written."""


class JournalCorrupt(JournalError):
    """The file is damaged; opening it again sets it aside and keeps what can still be read."""


class JournalNewer(JournalError):
    """The file is of a newer version of this software, and was not touched."""


class JournalBusy(JournalError):
    """Another process owns the journal."""


class JournalMissing(JournalError):
    """There is no journal at the path, or no folder to put it in."""


class RottenRow(Fault):
    """A row's bytes no longer give its chain value. `stream`, `log`, `seq` say which."""

    def __init__(self, stream: Stream, log: str, seq: int) -> None:
        super().__init__(
            f"{stream} 日志 {log} 的第 {seq} 条记录已不是写入时的内容；请运行 journal verify 查看全部损坏",
            f"record {seq} of {stream} log {log} is not what was written; "
            "journal verify lists all that is damaged",
        )
        self.stream, self.log, self.seq = stream, log, seq


def translated(path: Path, exc: sqlite3.Error | OSError) -> JournalError:
    """What `exc` means for the journal at `path`."""
    text = str(exc)
    code = getattr(exc, "sqlite_errorname", "") or errno.errorcode.get(
        getattr(exc, "errno", 0) or 0, ""
    )
    for kind, names, zh, en in _MEANINGS:
        if any(code.startswith(name) for name in names):
            return kind(f"日志 {path}：{zh}（{text}）", f"journal {path}: {en} ({text})")
    return JournalError(
        f"日志 {path} 读写出错：{text}；请检查存储卡",
        f"journal {path} failed: {text}; check the card",
    )


_MEANINGS: tuple[tuple[type[JournalError], tuple[str, ...], str, str], ...] = (
    (
        JournalFull,
        ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "ENOSPC", "EFBIG", "EDQUOT"),
        "磁盘已满，未写入；请腾出空间",
        "no room on the disk, nothing was written; make room",
    ),
    (
        JournalReadOnly,
        ("SQLITE_READONLY", "SQLITE_PERM", "EROFS", "EACCES", "EPERM"),
        "无法写入；请检查挂载方式与权限",
        "cannot be written; check how the disk is mounted, and the permissions",
    ),
    (
        JournalCorrupt,
        ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ"),
        "文件已损坏；重新打开时会移到一旁并保留可读的部分",
        "the file is damaged; it is set aside when opened again, and what can be read is kept",
    ),
    (
        JournalBusy,
        ("SQLITE_BUSY", "SQLITE_LOCKED"),
        "被另一进程占用；请先停止它",
        "another process holds it; stop that first",
    ),
    (
        JournalMissing,
        ("SQLITE_CANTOPEN", "ENOENT", "ENOTDIR", "EISDIR"),
        "打不开；请检查目录是否存在、路径是否为文件",
        "cannot be opened; check that its folder exists, and that the path is a file",
    ),
)
