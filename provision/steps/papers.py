"""The unit's key and certificate: the key is made on the unit and stays; the certificate comes from the site.

Where the laptop has the gateway's folder, request and certificate go by hand (`device enrol --csr`, `gateway ca
issue`, `device enrol --cert`); else the unit asks the gateway itself with the one-time code.
"""

import hashlib
import json
from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from provision.host.job import CONFIG, IDENTITY, USER, XUNKONG, Done, Job, done, own
from provision.host.laid import Laid
from wire.keys import kid_of
from wire.words import Fault

AUTHORITY = "/etc/xunkong/ca.crt"
AS_UNIT = f"cd / && runuser -u {USER} --"
ENROL = f"{AS_UNIT} {XUNKONG} device enrol --config {CONFIG}"
CSR, CRT = own("unit.csr"), own("unit.crt")
HELD = f"{IDENTITY}/unit.pem"


def papers(job: Job) -> Done:
    """Gets a certificate where none is held that counts at this site."""
    authority = job.site.authority()
    kid = held(job)
    if kid and _trusts(job, authority) and job.site.counts(job.wish.unit, kid):
        job.report["kid"] = kid
        return done(False, f"密钥 {kid}", f"key {kid}")
    job.machine.lay([Laid(AUTHORITY, authority)])
    if job.machine.dry:
        return done(True, "新密钥与证书", "a new key and certificate")
    _enrol(job)
    job.report["kid"] = kid = held(job)
    return done(True, f"密钥 {kid}", f"key {kid}")


def held(job: Job) -> str | None:
    """The name of the key whose certificate the unit holds; None where it holds none that is fit."""
    answer = job.machine.ask(f"{ENROL} --held --json")
    return json.loads(answer.out)["kid"] if answer.good else None


def _trusts(job: Job, authority: bytes) -> bool:
    answer = job.machine.ask(f"sha256sum <{IDENTITY}/ca.crt")
    return answer.out.startswith(hashlib.sha256(authority).hexdigest())


def _enrol(job: Job) -> None:
    code = job.site.code()
    if code is not None:
        if job.wish.replace:
            job.site.retire(job.wish.unit)
        job.machine.run("systemctl stop xunkong-device.service 2>/dev/null || true")
        job.machine.run(f"{ENROL} --ca {AUTHORITY} --code -", stdin=code)
        return
    job.machine.run(f"{ENROL} --ca {AUTHORITY} --csr {CSR}")
    request = job.machine.run(f"cat {CSR}") + "\n"
    if another_has_it(job, kid_asked(request)):
        job.site.retire(job.wish.unit)
    made = job.site.issue(job.wish.unit, request)
    if made is None:
        raise Fault(
            "没有证书，也没有注册码；请用 --gateway 给出 gateway.toml，或用 --code 给出注册码",
            "no certificate, and no code; give gateway.toml by --gateway, or a one-time code by --code",
        )
    job.machine.lay([Laid(CRT, made)])
    job.machine.run(f"{ENROL} --cert {CRT} && rm -f {CSR} {CRT}")


def another_has_it(job: Job, *kids: str) -> bool:
    """Whether another box has the name. No two bear one: raises `Fault` unless that one is to be replaced.

    `kids`: of this box's own keys, for which an earlier run may have had a certificate made.
    """
    unit, site = job.wish.unit, job.site
    if any(site.counts(unit, kid) for kid in kids) or not site.taken(unit):
        return False
    if job.wish.replace:
        return True
    raise Fault(
        f"{unit} 已是另一台机器（或本机重新烧录之前）的名字；换一个 --unit，或用 --replace 使那一台立即失效",
        f"{unit} is the name of another box already, or of this one before it was flashed; give another "
        "--unit, or --replace to put that one out",
    )


def kid_asked(request: str) -> str:
    """The name of the key that a signing request (PEM) is for. Raises `Fault`."""
    try:
        return _kid(x509.load_pem_x509_csr(request.encode("ascii")))
    except ValueError as exc:
        raise Fault(f"签名请求有误：{exc}", f"the signing request is none: {exc}") from exc


def kids_there(job: Job) -> list[str]:
    """The names of the keys of the certificate and of the request that lie on the machine, whatever else is wrong
    there. A private key stays where it is."""
    found = []
    for path, read in ((HELD, x509.load_pem_x509_certificate), (CSR, x509.load_pem_x509_csr)):
        text = job.machine.ask(f"sed -n '/-BEGIN CERT/,/-END CERT/p' {path}").out
        with suppress(ValueError):
            found.append(_kid(read(f"{text}\n".encode("ascii", "replace"))))
    return found


def _kid(papers: x509.Certificate | x509.CertificateSigningRequest) -> str:
    return kid_of(papers.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
