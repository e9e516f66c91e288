"""What can go wrong with a part or a card: each error says what was tried, on what, and what to do now."""


class HardwareError(Exception):
    """The root of the drivers' errors."""


class PortError(HardwareError):
    """A port could not be opened, or went away: check the cable and the path, then wait for it."""


class PartSilent(HardwareError):
    """A part does not answer: check its power and its wires."""


class PartRefused(HardwareError):
    """A part answered that it will not: the command does not suit it."""


class CardError(HardwareError):
    """An exchange with a card failed; `status` is the reader chip's own number for it."""

    def __init__(self, said: str, status: int = 0) -> None:
        super().__init__(said)
        self.status = status


class CardGone(CardError):
    """The card was taken away, or lies too far off to be heard: hold it to the reader again."""


class CardRefused(CardError):
    """The card is there and will not, or answers nonsense: try another card."""
