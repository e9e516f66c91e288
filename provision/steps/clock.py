"""The machine's clock before anything else: a Pi that nobody told the time gets the laptop's."""

import time

from provision.host.job import Done, Work, done

FAR_S = 60


def clock(job: Work) -> Done:
    """Sets a clock that is far off and that nothing steers."""
    off_s = job.known.behind_s
    shown = f"{-off_s:+.0f} s"
    if abs(off_s) < FAR_S:
        return done(False, f"与本机相差 {shown}", f"{shown} from this laptop's")
    if job.known.steered:
        return done(
            False,
            f"与本机相差 {shown}，但已由网络对时；请检查本机时间",
            f"{shown} from this laptop's, but NTP steers it: look at the laptop's clock",
        )
    job.machine.run(f"date -u -s @{time.time():.0f} >/dev/null")
    return done(True, f"相差 {shown}，已按本机校正", f"was {shown} from this laptop's, and was set")
