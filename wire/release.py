"""A release in one file: a manifest, its signature, and the files that it names: the software's wheels, or patches.

    XKR1 <the manifest's bytes, decimal> <signature, or - where nobody has signed>\\n
    the manifest, JSON
    the files' bytes, in the manifest's order, and nothing after them

Patches are Debian packages for the operating system, with the index by which an apt takes them from a folder.

The signature (`wire.keys`) covers `xkr1|` and the manifest's exact bytes, by the release key, which is not the
gateway's: who holds the gateway can send nothing that a unit would run. All that is trusted of a file follows
from it: sizes, hashes, platform, and what it may follow.
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Meta, Struct

from wire.chain import Signer
from wire.keys import SIG_CHARS, holds, kid_of
from wire.limits import END, AtMs, Digest, Name
from wire.words import Fault

MAX_MANIFEST_BYTES = 64 * 1024
MAX_RELEASE_BYTES = 256 * 1024 * 1024
MAX_WHEELS, MAX_DEBS = 200, 350
STEP_BYTES = 256 * 1024
UNSIGNED = "-"
COUNT = re.compile(rb"[1-9][0-9]{0,4}")
"""How many bytes a unit asks for at once, in decimal."""

PUBLIC = "release.pub"

Arch = Literal["aarch64", "x86_64"]
System = Literal["bookworm", "trixie"]
ARCHES: tuple[Arch, ...] = ("aarch64", "x86_64")
PYTHONS: dict[System, str] = {"bookworm": "3.11", "trixie": "3.13"}
"""Debian's releases that a unit may run, and the Python of each."""

_NUMBER = r"(0|[1-9][0-9]{0,5})"
Version = Annotated[str, Meta(pattern=rf"^{_NUMBER}(\.{_NUMBER}){{1,3}}" + END)]
WheelName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}\.whl" + END, max_length=204)
]
DebName = Annotated[
    str, Meta(pattern=r"^(Packages|[A-Za-z0-9][A-Za-z0-9._+~-]{0,199}\.deb)" + END, max_length=204)
]
_HEAD = re.compile(rb"XKR1 ([1-9][0-9]{0,5}) (-|[A-Za-z0-9_-]{%d})\n" % SIG_CHARS)
_HEAD_BYTES = 160


class BadRelease(Fault):
    """A file that is no release, not whole, or not signed by the key that counts."""


class Wheel(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a release of the software."""

    name: WheelName
    size: Annotated[int, Meta(ge=1, le=MAX_RELEASE_BYTES)]
    sha256: Digest


class Deb(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of patches: a Debian package, or the index of all of them."""

    name: DebName
    size: Annotated[int, Meta(ge=1, le=MAX_RELEASE_BYTES)]
    sha256: Digest


Part = Wheel | Deb
Kind = Literal["software", "patches"]


class Manifest(Struct, frozen=True, omit_defaults=True):
    """What a release is. `least`: the lowest version that it may follow. `journal`: the format that it writes.

    It has wheels, or debs; patches have versions of their own, and write no journal (0). `kid` names the key that
    signed; None: nobody has.
    """

    v: Literal[1]
    version: Version
    least: Version
    journal: Annotated[int, Meta(ge=0, le=1_000)]
    arch: Arch
    os: System
    made_ms: AtMs
    wheels: Annotated[list[Wheel], Meta(max_length=MAX_WHEELS)]
    kid: Name | None = None
    debs: Annotated[list[Deb], Meta(max_length=MAX_DEBS)] = []

    @property
    def kind(self) -> Kind:
        """What it changes on a unit."""
        return "patches" if self.debs else "software"

    @property
    def files(self) -> Sequence[Part]:
        """In the order in which they follow."""
        return [*self.wheels, *self.debs]

    @property
    def machine(self) -> str:
        """For which machines it is, as a unit's state tells its own."""
        return machine_of(self.arch, self.os)


class Head(Struct, frozen=True):
    """A release's beginning. `text`: the manifest's bytes; `sig` None: not signed; `size`: the whole file's."""

    manifest: Manifest
    text: bytes
    sig: str | None
    body_at: int

    @property
    def size(self) -> int:
        """Of the whole file, in bytes."""
        return self.body_at + sum(part.size for part in self.manifest.files)


class Named(Struct, frozen=True):
    """Which release an order means: the file's own hash and size, beside the version. `str()`: its text."""

    version: Version
    sha256: Digest
    size: Annotated[int, Meta(ge=1, le=MAX_RELEASE_BYTES)]

    def __str__(self) -> str:
        return f"{self.version} {self.sha256} {self.size}"


def named(text: str | None) -> Named | None:
    """What an order's text names, `<version> <sha256> <bytes>`; None where it is not that."""
    parts = (text or "").split(" ")
    if len(parts) != 3 or not re.fullmatch(r"[1-9][0-9]{0,9}", parts[2]):
        return None
    fields = {"version": parts[0], "sha256": parts[1], "size": int(parts[2])}
    try:
        return msgspec.convert(fields, Named)
    except msgspec.ValidationError:
        return None


def rank(version: str) -> tuple[int, ...]:
    """By which versions are ordered: 0.10 is after 0.9, and 1.0 is 1.0.0. Raises ValueError for what is none."""
    numbers = [int(part) for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def machine_of(arch: str, system: str) -> str:
    """`aarch64-bookworm` and the like."""
    return f"{arch}-{system}"


# Writing


def head_bytes(manifest: Manifest, signer: Signer | None = None) -> bytes:
    """A release's beginning, signed where there is a `signer`; the wheels follow."""
    kid = signer.kid if signer else None
    text = msgspec.json.encode(msgspec.structs.replace(manifest, kid=kid))
    sig = signer.sign(_covered(text)) if signer else UNSIGNED
    return f"XKR1 {len(text)} {sig}\n".encode("ascii") + text


def _covered(text: bytes) -> bytes:
    return b"xkr1|" + text


# Reading


def read_head(file: BinaryIO) -> Head:
    """The beginning of the release in `file`; nothing of it is believed yet. Raises `BadRelease`."""
    file.seek(0)
    found = _HEAD.match(file.read(_HEAD_BYTES))
    if found is None:
        raise _bad("不是发行文件", "it is no release")
    size = int(found[1])
    if size > MAX_MANIFEST_BYTES:
        raise _bad("清单过长", f"its manifest has {size} bytes, more than {MAX_MANIFEST_BYTES}")
    file.seek(found.end())
    text = file.read(size)
    if len(text) < size:
        raise _bad("文件不完整", "only a part of it is here")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise _bad(f"清单无法读取：{exc}", f"its manifest cannot be read: {exc}") from exc
    _check_files(manifest)
    sig = None if found[2] == UNSIGNED.encode() else found[2].decode("ascii")
    head = Head(manifest, text, sig, found.end() + size)
    if head.size > MAX_RELEASE_BYTES:
        raise _bad("文件过大", f"it has {head.size} bytes, more than {MAX_RELEASE_BYTES}")
    return head


def _check_files(manifest: Manifest) -> None:
    names = {part.name for part in manifest.files}
    if len(names) < len(manifest.files):
        raise _bad("清单中有重名文件", "its manifest names a file twice")
    if bool(manifest.wheels) == bool(manifest.debs):
        raise _bad("应只含 wheel 或只含 deb", "it has to have wheels, or debs, and not both")
    if bool(manifest.wheels) != bool(manifest.journal):
        raise _bad("日志格式不符", "software names its journal's format, and patches have none")


def verify(file: BinaryIO, public: bytes | None) -> Head:
    """The release in `file`, whole and signed by `public` (32 raw bytes); None: the signature is passed over.

    Every byte is read; nothing is unpacked. Raises `BadRelease`.
    """
    head = read_head(file)
    if public is not None:
        check_signature(head, public)
    for part in head.manifest.files:
        for _ in part_bytes(file, head, part):
            pass
    file.seek(head.size)
    if file.read(1):
        raise _bad("文件末尾有多余内容", "something follows the last file")
    return head


def check_signature(head: Head, public: bytes) -> None:
    """Raises `BadRelease` unless the key `public` signed."""
    if head.sig is None:
        raise _bad("没有签名", "it is not signed: xunkong release sign")
    if not holds(public, _covered(head.text), head.sig):
        by = f"signed by key {head.manifest.kid}, while {kid_of(public)} counts here"
        raise _bad(
            f"签名无效（应由密钥 {kid_of(public)} 签署）", f"its signature does not hold: {by}"
        )


def part_bytes(file: BinaryIO, head: Head, part: Part) -> Iterator[bytes]:
    """The bytes of one file, a piece at a time. Raises `BadRelease` at its end if they are not the manifest's:
    what was taken until then is to be thrown away."""
    before = head.manifest.files[: head.manifest.files.index(part)]
    file.seek(head.body_at + sum(other.size for other in before))
    digest, left = sha256(), part.size
    while left:
        piece = file.read(min(STEP_BYTES, left))
        if not piece:
            raise _bad("文件不完整", f"only a part of it is here: {part.name} is cut")
        digest.update(piece)
        left -= len(piece)
        yield piece
    if digest.hexdigest() != part.sha256:
        raise _bad(f"{part.name} 已被改动", f"{part.name} is not what the manifest says")


def public_key(path: Path) -> bytes:
    """The release key's public half (32 raw bytes) in the PEM file at `path`. Raises `Fault`."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as exc:
        raise Fault(
            f"发行公钥 {path} 无法使用：{exc}；它由 xunkong release keys 生成（{PUBLIC}）",
            f"the release key's public half, {path}, cannot be used: {exc}; xunkong release keys makes it "
            f"({PUBLIC})",
        ) from exc
    if not isinstance(key, Ed25519PublicKey):
        raise Fault(f"{path} 不是 Ed25519 公钥", f"{path} is no Ed25519 key; take {PUBLIC}")
    return key.public_bytes_raw()


def _bad(zh: str, en: str) -> BadRelease:
    return BadRelease(
        f"发行文件不可用：{zh}；请重新取得", f"the release cannot be used: {en}; get it anew"
    )
