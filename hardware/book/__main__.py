"""`python -m hardware.book` draws the sheets from the pin tables; `--check` only says what disagrees."""

import sys
from collections.abc import Sequence

from hardware.book.check import findings, write


def main(argv: Sequence[str]) -> int:
    """The command: 0 when all agree."""
    if "--check" not in argv:
        write()
    found = findings()
    for said in found:
        sys.stderr.write(f"hardware/book: {said}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
