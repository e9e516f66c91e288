"""The unit's certificate is renewed by itself: asked for when two thirds of its time have passed."""

from collections.abc import Callable, Mapping

from device.core.desk import Desk, Handler
from device.core.effects import AskForPapers, Effect, LayPapers, Publish
from device.core.events import Heard, PapersLaid, RequestMade
from device.core.moment import Now
from device.core.picture import Picture
from device.core.station import Means
from device.core.timekeeper import Timekeeper
from device.link.delivery import Delivery
from wire import codec, topics
from wire.batch import BadPayload
from wire.certificates import Certificate, is_ageing
from wire.orders import CertGrant, CertRequest

AGAIN_MS = 6 * 3_600_000
"""Between two requests: nobody is in a hurry with a third of the time left."""

ALARM = "certificate"
OVER = "certificate over"
WAY_BACK = (
    "the unit's certificate is over: no broker lets it in; xunkong device enrol with a new code"
)


class Renewal(Desk):
    """Asks, with the key that the unit has, for a certificate of its next one."""

    def __init__(
        self,
        unit: str,
        means: Means,
        timekeeper: Timekeeper,
        picture: Picture,
        delivery: Delivery,
        token: Callable[[], int],
    ) -> None:
        self._unit, self._means = unit, means
        self._timekeeper, self._picture, self._delivery = timekeeper, picture, delivery
        self._token = token
        self._asked_ms: int | None = None
        self._laid: int | None = None

    def handlers(self) -> Mapping[type, Handler]:
        return {RequestMade: self._made, Heard: self._heard, PapersLaid: self._answered}

    def due(self, now: Now) -> list[Effect]:
        held = self._means.certificate()
        if held is None:
            return []
        self._tell_of_end(held, now)
        if held.serial == self._laid or not self._delivery.online:
            return []
        if self._asked_ms is not None and now.up_ms - self._asked_ms < AGAIN_MS:
            return []
        if not is_ageing(held.serial, held.to_ms, self._timekeeper.utc_ms(now)):
            return []
        self._asked_ms = now.up_ms
        return [AskForPapers()]

    def _tell_of_end(self, held: Certificate, now: Now) -> None:
        """A broker only shuts the door on one whose certificate is over; here it is said why."""
        over = not self._delivery.online and self._timekeeper.utc_ms(now) > held.to_ms
        self._picture.alarm(OVER, WAY_BACK if over else None)

    def _made(self, made: RequestMade, now: Now) -> list[Effect]:
        del now
        topic = topics.csr(self._unit)
        payload = codec.encode_signed(CertRequest(1, made.csr), topic, self._means.signer)
        return [Publish(topic, payload, 1, False, self._token())]

    def _heard(self, heard: Heard, now: Now) -> list[Effect]:
        """An answer that was not asked for is passed over; what is wrong is told, and asked for again later."""
        del now
        if heard.topic != topics.cert(self._unit) or self._asked_ms is None:
            return []
        try:
            signed = codec.decode_signed(heard.payload, heard.topic, CertGrant)
        except BadPayload as exc:
            return self._failed(f"unreadable answer: {exc}")
        verifier = self._means.verifier
        fault = verifier.check(topics.GATEWAY, signed.text, signed.kid, signed.sig)
        if fault:
            return self._failed(f"answer not believed: {fault}")
        if signed.message.cert is None:
            return self._failed(signed.message.refused or "refused")
        return [LayPapers(signed.message.cert)]

    def _answered(self, laid: PapersLaid, now: Now) -> list[Effect]:
        del now
        if laid.why is not None:
            return self._failed(laid.why)
        held = self._means.certificate()
        self._laid = held.serial if held else None
        self._picture.alarm(ALARM, None)
        return []

    def _failed(self, why: str) -> list[Effect]:
        self._picture.alarm(ALARM, f"certificate not renewed: {why}")
        return []
