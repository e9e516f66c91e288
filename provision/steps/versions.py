"""Whether a machine's software is to be replaced by a bundle's: an older or another one is, a newer one is not."""

from provision.host.facts import Facts
from wire.release import rank


def software_is_due(facts: Facts, version: str, software: str) -> bool:
    """`version`, `software`: the bundle's. What an update brought of the same version stays too."""
    if facts.version is None:
        return True
    if facts.software == software or _rank(facts.version) > _rank(version):
        return False
    return facts.software is not None or facts.version != version


def _rank(version: str) -> tuple[int, ...]:
    """A version that is none is below all."""
    try:
        return rank(version)
    except ValueError:
        return ()
