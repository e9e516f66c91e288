"""What can go wrong with a part: each error says what was tried, on which port, and what to do now."""


class HardwareError(Exception):
    """The root of the drivers' errors."""


class PortError(HardwareError):
    """A port could not be opened, or went away: check the cable and the path, then wait for it."""


class PartSilent(HardwareError):
    """A part does not answer: check its power and its wires."""


class PartRefused(HardwareError):
    """A part answered that it will not: the command does not suit it."""
