"""Who may log in at the machine: a user, with keys or with a password."""

import re
import subprocess
from pathlib import Path

from msgspec import Struct

from wire.words import Fault

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
KEY = re.compile(r"(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+( .*)?")


class User(Struct, frozen=True):
    """`keys`: lines of an authorized_keys file. `password`: hashed as crypt(5) has it; None: none."""

    name: str
    keys: tuple[str, ...] = ()
    password: str | None = None


def user_of(name: str, key_file: Path | None, password: str | None) -> User:
    """Raises `Fault` where nobody could log in, or the file has no public key."""
    if not NAME.fullmatch(name):
        raise Fault(f"--user {name!r} 不是用户名", f"--user {name!r} is no user's name")
    keys = _keys(key_file) if key_file else ()
    if not (keys or password):
        raise Fault(
            "请给出 --ssh-key FILE.pub（建议）或 --ask-password，否则谁也登录不了",
            "give --ssh-key FILE.pub (better) or --ask-password, else nobody could log in",
        )
    return User(name, keys, hashed(password) if password else None)


def _keys(path: Path) -> tuple[str, ...]:
    try:
        lines = [line.strip() for line in path.expanduser().read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as exc:
        raise Fault(f"无法读取 {path}：{exc}", f"cannot read {path}: {exc}") from exc
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    odd = [key for key in keys if not KEY.fullmatch(key)]
    if odd or not keys:
        raise Fault(
            f"{path} 不是 SSH 公钥文件（应为 *.pub）",
            f"{path} is no file of public SSH keys; give the one that ends in .pub",
        )
    return keys


def hashed(password: str) -> str:
    """By SHA-512 of crypt(5), which both releases take. Raises `Fault`."""
    command = ["openssl", "passwd", "-6", "-stdin"]
    try:
        done = subprocess.run(command, input=password, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise Fault(
            f"openssl 失败：{exc}；请安装 openssl", f"openssl failed: {exc}; install it"
        ) from exc
    return done.stdout.strip()
