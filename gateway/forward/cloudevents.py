"""The CloudEvents HTTP sink: batches as `application/cloudevents-batch+json`, answers by the wire contract.

Source: CloudEvents HTTP protocol binding 1.0.2, section 3.3; RFC 9110 for the status codes.
"""

from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from time import time

import urllib3
from urllib3.exceptions import HTTPError

from gateway.config import SinkSection
from gateway.forward.sink import Delivered, Event, Outcome, Refused, Stopped, TryLater

CONTENT_TYPE = "application/cloudevents-batch+json"
LATER = (408, 425, 429)
NOT_THESE = (400, 409, 413, 422)
LONGEST_ASKED_S = 3600.0


class CloudEventsSink:
    """One platform's address. The thread that made it owns it."""

    def __init__(self, section: SinkSection) -> None:
        self._url = section.url
        self._headers = {**section.headers, "Content-Type": CONTENT_TYPE}
        self._pool = urllib3.PoolManager(
            num_pools=1, maxsize=1, timeout=urllib3.Timeout(section.timeout_s), retries=False
        )

    def deliver(self, events: Sequence[Event]) -> Outcome:
        """One POST."""
        body = b"[" + b",".join(event.body for event in events) + b"]"
        try:
            answer = self._pool.request(
                "POST", self._url, body=body, headers=self._headers, redirect=False
            )
        except (HTTPError, OSError) as exc:
            return TryLater(f"{self._url}: {exc}")
        return _outcome(self._url, answer)


def _outcome(url: str, answer: urllib3.BaseHTTPResponse) -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return Delivered()
    said = answer.data[:200].decode("utf-8", "replace").replace("\0", "").strip()
    why = f"{url} answered {status} {said}".strip()
    if status in LATER or status >= 500:
        return TryLater(why, _asked_s(answer.headers.get("Retry-After", "")))
    return Refused(why) if status in NOT_THESE else Stopped(why)


def _asked_s(retry_after: str) -> float:
    """Seconds of a Retry-After header: a number or a date; 0 where it is neither."""
    try:
        asked_s = float(retry_after)
    except ValueError:
        try:
            asked_s = parsedate_to_datetime(retry_after).timestamp() - time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return min(asked_s, LONGEST_ASKED_S) if asked_s > 0 else 0.0
