"""How fast a store is verified, and a bundle checked: chains, signatures, and what stands beside each record."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.daily_root import DailyRoot
from gateway.evidence.export import export
from gateway.evidence.verify import Scope, Total, Verification
from gateway.ingest.intake import Intake, Message
from gateway.ingest.registry import Registry, keep
from gateway.keys import GatewayKeys
from gateway.store.open import Store, open_store
from gateway.store.own_log import OwnLog
from sim.keys import CityKeys
from sim.measure.ingest import NAMES, batches, segment
from sim.measure.journal import a_checkin
from sim.measure.row import Row
from wire.batch import encode_record
from wire.evidence.bundle import Choice
from wire.evidence.check import BundleCheck
from wire.keys import KeySigner

EVENTS, SEGMENTS, PER_BATCH = 2_000, 400, 20
SIGNATURES = len(NAMES) * (EVENTS + SEGMENTS // PER_BATCH)
BARE = 2_000
NOW_MS = 1_795_100_000_000


def measure(folder: Path) -> Iterator[Row]:
    """A store of 20 units: each event signed by itself, tracks 20 in a batch."""
    city = CityKeys(folder / "keys")
    signers = {unit: city.signer(unit) for unit in NAMES}
    with closing(open_store(f"sqlite:///{folder / 'store.db'}")) as store:
        city.introduce(store)
        keys = GatewayKeys(folder / "keys")
        with store.changing() as connection:
            keep(connection, keys.certificate, NOW_MS)
        count = _fill(store, signers, keys)
        DailyRoot(store, OwnLog(keys), ZoneInfo("Asia/Shanghai")).make(NOW_MS)
        begun_s = time.perf_counter()
        *_, total = Verification(store, keys.authority, folder, Scope()).run()
        took_s = time.perf_counter() - begun_s
        if not isinstance(total, Total) or total.proven != total.records or total.records <= count:
            raise RuntimeError(f"not all is proven: {total}")
        yield Row(
            "verify: records, each event signed by itself", total.records / took_s, "records/s"
        )
        bare_s = _bare_s() * SIGNATURES
        yield Row("verify / its bare signature checks", bare_s / took_s, "ratio", at_least=0.4)
        bundle = folder / "case.zip"
        export(store, keys, folder, Choice(unit=NAMES[0]), bundle, NOW_MS)
    check = BundleCheck(bundle, keys.authority)
    begun_s = time.perf_counter()
    found = [one for one in check.run() if not one.is_note]
    took_s = time.perf_counter() - begun_s
    if found:
        raise RuntimeError(f"not all of the bundle is proven: {found[0]}")
    yield Row("evidence check: records of a bundle", check.total.records / took_s, "records/s")
    yield Row("a bundle's size", bundle.stat().st_size / check.total.records, "bytes/record")


def _fill(store: Store, signers: dict[str, KeySigner], keys: GatewayKeys) -> int:
    intake = Intake(store, Registry(keys.authority), keys, lambda point: None)
    events = [a_checkin(number) for number in range(EVENTS)]
    tracks = [encode_record(segment(number)) for number in range(SEGMENTS)]
    for unit, signer in signers.items():
        load = batches(unit, "event", events, 1, signer)
        load += batches(unit, "track", tracks, PER_BATCH, signer)
        intake.take([Message(topic, payload) for topic, payload in load], NOW_MS)
    return len(signers) * (EVENTS + SEGMENTS)


def _bare_s() -> float:
    """What one signature check takes by itself."""
    key, text = Ed25519PrivateKey.generate(), bytes(200)
    public, sig = key.public_key(), key.sign(text)
    begun_s = time.perf_counter()
    for _ in range(BARE):
        public.verify(sig, text)
    return (time.perf_counter() - begun_s) / BARE
