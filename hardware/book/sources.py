"""What the code and the default configuration say, read from their source: constants, not imports.

`hardware` rests on nothing of ours, so the gateway's file is read, not imported.
"""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any


def constants(path: Path) -> dict[str, Any]:
    """Every literal that a module assigns at its top, by name. Raises OSError and SyntaxError."""
    found: dict[str, Any] = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                found |= _assigned(target, node.value)
    return found


def _assigned(target: ast.expr, value: ast.expr) -> dict[str, Any]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=True)
        return {name: said for one, two in pairs for name, said in _assigned(one, two).items()}
    if not isinstance(target, ast.Name):
        return {}
    try:
        return {target.id: ast.literal_eval(value)}
    except ValueError:
        return {}


def panel_pins(path: Path) -> dict[str, int]:
    """The panel's pins (BCM) by their job on the sheets. Raises KeyError for a constant that is gone."""
    said = constants(path)
    return {
        **said["BUTTON_PINS"],
        "ignition": said["IGNITION_PIN"],
        "buzzer": said["BUZZER_PIN"],
        "green": said["GREEN_PIN"],
        "red": said["RED_PIN"],
    }


def default_ports(path: Path) -> dict[str, str]:
    """The serial ports of `device.example.toml` in gateway/site.py, the commented-out ones too."""
    text = constants(path)["FILES"]["device.example.toml"]
    table = tomllib.loads(re.sub(r"(?m)^#(?=\[|\w+ *=)", "", text))
    return {name: part["port"] for name, part in table.items() if name in ("nfc", "gps")}
