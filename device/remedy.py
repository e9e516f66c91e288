"""What to do about a part: the self-test and the commands at a reader say the same."""

from wire.words import Words

SILENT_READER = Words(
    "检查供电、TX/RX 是否交叉、模块拨码是否在 HSU（两个都为 0）；再断电上电一次",
    "check its power, that TX and RX are crossed, and its switches (HSU is both at 0); then take its "
    "power away and give it back",
)
