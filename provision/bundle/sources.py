"""Where a laptop's apt gets Debian from, turned to another release: no mirror is named by the project itself.

Reads both forms of apt's sources: one line each (`*.list`), and deb822 (`*.sources`). See sources.list(5).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from wire.words import Fault

APT = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")
POCKETS = ("", "-updates", "-security")
LINE = re.compile(
    r"^deb(?:\s+\[(?P<options>[^\]]*)\])?\s+(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$"
)
SIGNED = re.compile(r"signed-by=(\S+)", re.IGNORECASE)


class Source(Struct, frozen=True):
    """One suite of one archive. `signed_by`: its keyring; None: those that apt trusts."""

    uri: str
    suite: str
    signed_by: str | None = None

    def line(self, arch: str) -> str:
        """As a line of sources.list, for the processor `arch` (Debian's name)."""
        signed = f" signed-by={self.signed_by}" if self.signed_by else ""
        return f"deb [arch={arch}{signed}] {self.uri} {self.suite} main"


def sources_for(os: str, apt: Path = APT, os_release: Path = OS_RELEASE) -> list[Source]:
    """This machine's Debian sources, for the release `os`. Raises `Fault` where it has none."""
    here = _codename(os_release)
    suites = {f"{here}{pocket}": f"{os}{pocket}" for pocket in POCKETS}
    found = [
        Source(one.uri, suites[one.suite], one.signed_by)
        for one in _read(apt)
        if one.suite in suites
    ]
    if not found:
        raise Fault(
            f"{apt} 中没有 Debian {here} 的软件源；请在 Debian 上制作，或用 --mirror URL 给出",
            f"{apt} names no source of Debian {here}; make the bundle on a Debian, or give --mirror URL",
        )
    return list(dict.fromkeys(found))


def mirror(uri: str, os: str, keyring: str | None) -> list[Source]:
    """The archive at `uri` alone."""
    return [Source(uri, os, keyring)]


def _codename(path: Path) -> str:
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as exc:
        raise Fault(
            f"无法读取 {path}：{exc.strerror}", f"cannot read {path}: {exc.strerror}"
        ) from exc
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    return fields.get("VERSION_CODENAME", "?").strip('"')


def _read(apt: Path) -> Iterator[Source]:
    for path in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))):
        if not path.is_file():
            continue
        text = path.read_text("utf-8", "replace")
        if path.suffix == ".list":
            yield from _lines(text)
        elif path.suffix == ".sources":
            yield from _stanzas(text)


def _lines(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        found = LINE.match(line.strip())
        if found and "main" in found["components"].split():
            signed = SIGNED.search(found["options"] or "")
            yield Source(found["uri"], found["suite"], signed and signed[1])


def _stanzas(text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
            continue
        if "main" not in fields.get("components", "").split():
            continue
        signed = fields.get("signed-by", "")
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri, suite, signed if signed.startswith("/") else None)


def _fields(stanza: str) -> dict[str, str]:
    """A deb822 stanza's fields, by lower-case name; a continued one on one line."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            fields[name] = f"{fields.get(name, '')} {line.strip()}"
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields
