"""Which gateway: the options that `provision host`, `fleet` and `sd` share."""

import argparse
from pathlib import Path

from wire.commands import Commands


def gateway_options(commands: Commands, add: argparse.ArgumentParser) -> None:
    """Declares `--gateway`, and how it is reached where that is over SSH."""
    said = commands.say(
        "网关的 gateway.toml，或 ssh://用户@地址[:端口][/路径]",
        "the gateway's gateway.toml, or ssh://user@host[:port][/path]",
    )
    add.add_argument("--gateway", metavar="FILE|URL", help=said)
    said = commands.say(
        "登录网关的 SSH 私钥；缺省取 ssh-agent 与 ~/.ssh",
        "the SSH key for the gateway; the agent's and ~/.ssh if left out",
    )
    add.add_argument("--gateway-key", type=Path, metavar="FILE", help=said)
    said = commands.say("信任网关的此主机密钥指纹", "trust this host key of the gateway")
    add.add_argument("--gateway-host-key", metavar="SHA256:…", help=said)
