"""The bundle's way onto the machine: only where something of it is wanted, and on from where it broke off."""

from provision.host.facts import Facts
from provision.host.job import Done, Work, done
from provision.host.machine import quoted
from provision.steps.versions import software_is_due
from wire.words import Fault

CACHE = "/var/cache/xunkong"


def unpacked(job: Work) -> str:
    """The folder that it lies unpacked in."""
    return f"{CACHE}/{job.bundle.sha256[:16]}"


def lacking(job: Work, facts: Facts) -> list[str]:
    """The Debian packages that the machine lacks."""
    return [name for name in job.packages if name not in facts.packages]


def carry(job: Work) -> Done:
    """Uploads, checks and unpacks it."""
    manifest, facts = job.bundle.manifest, job.known
    if not lacking(job, facts) and not software_is_due(facts, manifest.version, manifest.software):
        return done(False, "不需要", "nothing of it is wanted")
    if job.machine.ask(f"test -d {unpacked(job)}").good:
        return done(False, "已在机器上", "is there already")
    name = job.carried
    if not _whole(job, name):
        _upload(job, name)
    _unpack(job, name)
    size_mb = job.bundle.path.stat().st_size / 1e6
    return done(True, f"{size_mb:.1f} MB", f"{size_mb:.1f} MB")


def _upload(job: Work, name: str) -> None:
    part = f"{name}.part"
    job.machine.upload(job.bundle.path, part, job.say)
    if job.machine.dry:
        return
    if not _whole(job, part):
        job.machine.ask(f"rm -f {part}", root=False)
        raise Fault(
            "上传的部署包与原件不符，已删除；请再次运行",
            "what arrived is not the bundle, and was removed; run again",
        )
    job.machine.ask(f"mv {part} {name}", root=False)


def _whole(job: Work, name: str) -> bool:
    return job.machine.ask(f"sha256sum {name}", root=False).out.startswith(job.bundle.sha256)


def _unpack(job: Work, name: str) -> None:
    path = job.machine.ask(f"readlink -f {name}", root=False).out.strip()
    to, draft = unpacked(job), f"{unpacked(job)}.new"
    job.machine.run(
        f"rm -rf {draft} && mkdir -p {CACHE} && python3 -m zipfile -e {quoted(path)} {draft} "
        f"&& mv -T {draft} {to} && rm -f {quoted(path)}"
    )


def tidy(job: Work) -> None:
    """Takes away what was carried, once it is installed."""
    if job.machine.ask(f"test -d {CACHE}").good:
        job.machine.run(f"rm -rf {CACHE}")
