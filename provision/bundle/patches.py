"""Makes patches for units without internet: the Debian packages that are newer than what the units have.

What units have is told by `dpkg-query --show` on one of each kind; an apt with a world of its own (`debs.py`) takes
this for installed, and says what is newer in the archive and all its pockets, security and updates. Its signatures
are checked as ever. The result is a release (`wire.release`), not signed yet.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import file_digest
from pathlib import Path

import msgspec

from provision.bundle.debs import INDEX, Apt, write_index
from provision.bundle.sources import Source
from provision.bundle.tool import run
from provision.kinds import Kind
from wire.files import check_replaceable
from wire.release import MAX_DEBS, MAX_RELEASE_BYTES, Deb, Manifest, head_bytes
from wire.words import Fault, Words

LINE = re.compile(r"([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9]+)?\t(\S*)")
ANY = "0.0"
REMEDY = Words("请在 Debian 上制作", "make patches on a Debian")


def make_patches(
    kind: Kind,
    sources: Sequence[Source],
    lists: Sequence[Path],
    to: Path,
    version: str,
    made_ms: int,
    say: Callable[[Words], None],
) -> Manifest:
    """Makes them at `to`, for units that have what the `lists` say. Raises `Fault`; also where nothing is newer."""
    installed = lowest([read_list(path) for path in lists])
    with tempfile.TemporaryDirectory(prefix="xunkong-patches-") as name:
        folder = Path(name)
        apt = Apt(folder / "apt", kind, sources, status(installed, kind.debian_arch))
        say(Words(f"Debian {kind.os} 的软件包列表", f"the lists of Debian {kind.os}"))
        apt.update()
        newer = apt.newer()
        if not newer:
            raise Fault("单元已是最新，没有补丁", "nothing is newer than what the units have")
        say(Words(f"下载 {len(newer)} 个软件包", f"fetching {len(newer)} packages"))
        debs = apt.download(newer, folder / "debs")
        index = write_index(debs, folder / INDEX)
        return write_patches(to, kind, version, made_ms, [*debs, index])


def read_list(path: Path) -> dict[str, str]:
    """The version of each package, as `dpkg-query --show` printed it. Raises `Fault`, naming the line."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as exc:
        raise Fault(f"无法读取 {path}：{exc}", f"cannot read {path}: {exc}") from exc
    found = {}
    for number, line in enumerate(lines, 1):
        fields = LINE.fullmatch(line)
        if fields is None:
            raise _no_list(path, f"{number}: {line[:60]!r}")
        if fields[2]:
            found[fields[1]] = fields[2]
    if not found:
        raise _no_list(path, "-")
    return found


def _no_list(path: Path, where: str) -> Fault:
    return Fault(
        f"{path}:{where} 不是软件包列表；请在单元上运行 dpkg-query --show >{path.name}",
        f"{path}:{where} is no list of packages; on a unit: dpkg-query --show >{path.name}",
    )


def lowest(lists: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Of each package the lowest version that any unit has, by dpkg's order."""
    found: dict[str, str] = {}
    for one in lists:
        for name, version in one.items():
            if name not in found or (found[name] != version and _is_below(version, found[name])):
                found[name] = version
    return found


def _is_below(one: str, other: str) -> bool:
    try:
        run(["dpkg", "--compare-versions", one, "lt", other], REMEDY)
    except Fault:
        return False
    return True


def status(installed: Mapping[str, str], arch: str) -> str:
    """What dpkg's status says where these are installed; what they need is not known, and not asked for."""
    return "\n".join(
        f"Package: {name}\nStatus: install ok installed\nMaintainer: -\nArchitecture: {arch}\n"
        f"Version: {version}\nDescription: -\n"
        for name, version in installed.items()
    )


def write_patches(
    to: Path, kind: Kind, version: str, made_ms: int, files: Sequence[Path]
) -> Manifest:
    """Writes packages and their index into `to`, whole or not at all. Raises `Fault`."""
    debs = [_deb(path) for path in files]
    size = sum(one.size for one in debs)
    if len(debs) > MAX_DEBS or size > MAX_RELEASE_BYTES:
        raise _too_many(len(debs), size)
    told = {
        "v": 1,
        "version": version,
        "least": ANY,
        "journal": 0,
        "arch": kind.arch,
        "os": kind.os,
    }
    told |= {"made_ms": made_ms, "wheels": [], "debs": msgspec.to_builtins(debs)}
    try:
        made = msgspec.convert(told, Manifest)
    except msgspec.ValidationError as exc:
        raise Fault(f"单元会拒收：{exc}", f"units would refuse it: {exc}") from exc
    draft = to.with_name(f".{to.name}.new")
    try:
        check_replaceable(to)
        with draft.open("wb") as out:
            out.write(head_bytes(made))
            for path in files:
                with path.open("rb") as file:
                    shutil.copyfileobj(file, out)
        draft.replace(to)
    except OSError as exc:
        with suppress(OSError):
            draft.unlink()
        raise Fault(f"无法写入 {to}：{exc.strerror}", f"cannot write {to}: {exc.strerror}") from exc
    return made


def _deb(path: Path) -> Deb:
    with path.open("rb") as file:
        return Deb(path.name, path.stat().st_size, file_digest(file, "sha256").hexdigest())


def _too_many(count: int, size: int) -> Fault:
    most = f"{MAX_DEBS}, {MAX_RELEASE_BYTES // 2**20} MiB"
    return Fault(
        f"{count} 个文件，{size // 2**20} MiB，超过上限（{most}）；这样旧的单元请先重新烧录或联网升级",
        f"{count} files, {size // 2**20} MiB, are more than units take ({most}); units so far behind are to be "
        "flashed anew, or brought up to date where there is internet",
    )
