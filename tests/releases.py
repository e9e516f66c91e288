"""Releases for tests: wheels made by hand, which pip takes, and a release of them."""

import base64
import hashlib
import zipfile
from importlib.metadata import distribution

from gateway.releases.build import build, sign

MADE_MS = 1_763_890_000_000
FORMAT = "device/journal/format.py"


def make_wheel(
    folder, name="xunkong", version="0.2.0", tags="py3-none-any", files=None, metadata=None
):
    """A wheel (PEP 427) with `files` in it, {path: text}; gives its path."""
    files = dict(files or {})
    info = f"{name}-{version}.dist-info"
    plain = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{info}/METADATA"] = metadata or plain
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n"
    rows = [f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tags}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for inside, text in files.items():
            wheel.writestr(inside, text)
    return path


def _digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def ours(version="0.2.0", journal=1, answer=None):
    """What is in xunkong's own wheel: the journal's format, and a command that tells its version."""
    said = f"xunkong {version}" if answer is None else answer
    return {
        FORMAT: f"WRITES = {journal}\nREADS = {journal}\n",
        "xunkong.py": f"def main():\n    print({said!r})\n",
        f"xunkong-{version}.dist-info/entry_points.txt": "[console_scripts]\nxunkong = xunkong:main\n",
    }


def zip_pip(folder):
    """pip's own wheel, of what is installed here."""
    pip = distribution("pip")
    with zipfile.ZipFile(folder / f"pip-{pip.version}-py3-none-any.whl", "w") as wheel:
        for path in pip.files:
            if ".." not in path.parts and path.suffix != ".pyc":
                wheel.write(path.locate(), str(path))


def make_release(
    folder,
    key=None,
    version="0.2.0",
    journal=1,
    least="0.0",
    arch="x86_64",
    system="bookworm",
    answer=None,
    pip=False,
):
    """A release of three wheels; `key`: signs it; `pip`: its wheel is a real one. Gives its path."""
    wheels = folder / f"wheels-{version}-{journal}"
    make_wheel(wheels, version=version, files=ours(version, journal, answer))
    make_wheel(wheels, "lamp", "1.0", files={"lamp.py": "LIT = True\n"})
    zip_pip(wheels) if pip else make_wheel(wheels, "pip", "25.0")
    path = folder / f"xunkong-{version}.release"
    build(wheels, path, arch, system, least, MADE_MS)
    if key:
        sign(path, key)
    return path


def raised(wheel, version, folder, without=()):
    """Our own wheel under another version; what `without` names is not in it."""
    with zipfile.ZipFile(wheel) as there:
        files = {name: there.read(name).decode() for name in there.namelist()}
    old = wheel.name.split("-")[1]
    before, info = f"xunkong-{old}.dist-info", f"xunkong-{version}.dist-info"
    kept = {
        name: text for name, text in files.items() if name not in (*without, f"{before}/RECORD")
    }
    kept = {name.replace(before, info): text for name, text in kept.items()}
    meta = kept.pop(f"{info}/METADATA").replace(f"Version: {old}\n", f"Version: {version}\n", 1)
    kept.pop(f"{info}/WHEEL")
    return make_wheel(folder, version=version, files=kept, metadata=meta)
