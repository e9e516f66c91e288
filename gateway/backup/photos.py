"""The photos beside a backup: linked where the disk is the same, else copied; what is there already stays."""

import os
import shutil
from pathlib import Path

from gateway.photos.files import PREFIXES


def link_or_copy(source: Path, target: Path) -> int:
    """Brings every whole photo of `source` into `target`; returns how many were not there yet. Raises OSError.

    A photo's name is its hash, so that one that is there is the same. One that a kill left half has no such name.
    """
    count = 0
    for prefix in PREFIXES:
        folder = source / prefix
        for path in sorted(folder.glob("*.jpg")) if folder.is_dir() else ():
            count += _bring(path, target / prefix / path.name)
    return count


def _bring(path: Path, target: Path) -> bool:
    if target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target)
    except OSError:
        part = target.with_name(f"{target.name}.part")
        shutil.copy2(path, part)
        part.rename(target)
    return True
