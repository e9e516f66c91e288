"""From bare sshd to duty, without internet on the Pi; the same again; and broken off wherever one can."""

import json
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from provision.host.steps import STEPS
from provision.sd.bookworm import FIRST
from sim.broker import find_mosquitto
from sim.city import wait_for
from tests.virtual_pi.depot import (
    CMDLINE,
    CONFIG_TXT,
    WAIT_S,
    Depot,
    depot,
    flashed,
    make_bundle,
    reported,
)
from tests.virtual_pi.pi import Pi
from tests.virtual_pi.reboot import left_on
from tests.virtual_pi.root import debian_root
from tests.virtual_pi.yard import Yard

pytestmark = [pytest.mark.virtual_pi, pytest.mark.timeout(2400)]

BROKEN = {
    "clock": "session",
    "carry": "laptop",
    "packages": "laptop",
    "boot": "session",
    "account": "laptop",
    "software": "cable",
    "settings": "session",
    "papers": "laptop",
    "chrony": "cable",
    "services": "session",
}
"""Where a run is broken off, and what is lost: the laptop, the SSH session, the network."""

HANG_UP = 'for p in /proc/[0-9]*; do [ "$(stat -c %U $p)" = pi ] && kill ${p#/proc/}; done; true'
SOON_S = 0.2
"""After which a step is under way; whether it is or has just ended is no matter."""


@pytest.fixture(scope="module")
def home(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    with depot(tmp_path_factory.mktemp("depot"), yard, "bookworm") as made:
        yield made


@pytest.fixture(scope="module")
def pi(home: Depot, yard: Yard) -> Iterator[Pi]:
    made = flashed(yard.pi("cp1", debian_root("bookworm"), home.parts.binds)).power_on()
    with left_on(made):
        yield made


def test_a_dry_run_changes_nothing_and_says_what_it_would(home: Depot, pi: Pi) -> None:
    code, report = home.provision(pi, "cp-1", "--dry-run")
    assert (code, report["done"]) == (0, True), report
    assert {"carry", "packages", "boot", "software", "papers", "services"} <= {*report["changed"]}
    assert not pi.tries("test -e /opt/xunkong || test -e /etc/xunkong")
    assert pi.run("cat /boot/firmware/config.txt") == CONFIG_TXT


def test_from_bare_sshd_to_duty(home: Depot, pi: Pi) -> None:
    (home.folder / "wifi").write_text("hunter2hunter2\n", "utf-8")
    wifi = ("--wifi", "Station 5", "--wifi-password", home.folder / "wifi")
    code, report = home.provision(pi, "cp-1", "--keys-only", *wifi)
    assert (code, report["done"]) == (0, True), report["steps"][-1]
    assert {"network", "restart", "ssh"} <= {*report["changed"]}
    assert "hunter2" not in json.dumps(report)
    assert "xunkong-wifi:802-11-wireless" in pi.run("nmcli -t -f NAME,TYPE connection")
    assert "eth0:unmanaged" in pi.run("nmcli -t -f DEVICE,STATE device")
    assert "passwordauthentication no" in pi.run("sshd -T")
    row = home.row("cp-1")
    assert row is not None and row.online and row.role == "checkpoint"
    assert pi.run("systemctl --failed --no-legend --plain") == ""
    config = pi.run("cat /boot/firmware/config.txt")
    assert config.startswith(CONFIG_TXT) and "dtoverlay=uart3" in config
    assert pi.run("cat /boot/firmware/config.txt.before-xunkong") == CONFIG_TXT
    assert pi.run("cat /boot/firmware/cmdline.txt") == CMDLINE.replace(
        "console=serial0,115200 ", ""
    ).replace("\n", " cfg80211.ieee80211_regdom=CN\n")
    assert pi.run("stat -c '%a %U' /var/lib/xunkong/device/identity/unit.pem").split() == [
        "600",
        "xunkong-device",
    ]
    sheet = (home.folder / "cp-1.html").read_text("utf-8")
    assert "cp-1" in sheet and "Raspberry Pi 4" in sheet and "GPIO4" in sheet


def test_a_tap_at_its_reader_is_at_the_platform(home: Depot, pi: Pi) -> None:
    event = home.tapped("cp-1")
    assert pi.tries("journalctl -u xunkong-device -o cat | grep -q 'gps: ok'")
    assert event["source"] == "/units/cp-1"
    assert (event["data"]["person"], event["data"]["place"]) == ("p-1", "east-gate")


def awaited(
    look: Callable[[], dict[str, Any]], good: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """What was seen when it was good for the first time; the next look may see something else."""
    seen: list[dict[str, Any]] = []

    def found() -> bool:
        seen.append(look())
        return good(seen[-1])

    assert wait_for(found, WAIT_S), seen[-1]
    return seen[-1]


def commissioned(pi: Pi) -> dict[str, Any]:
    """What a technician on site sees."""
    said = pi.run("sudo -n xunkong device commission --seconds 1 --json || true", user="pi")
    told: dict[str, Any] = json.loads(said)
    return told


def test_its_place_and_link_are_looked_at_beside_the_running_unit(home: Depot, pi: Pi) -> None:
    """It has the receiver, and keeps it; its session with the broker is the one that it had before."""
    shown = f"ss -Htn state established dport = :{home.broker.port} | awk '{{print $3, $4}}'"
    before = pi.run(shown)
    told = awaited(
        lambda: commissioned(pi), lambda told: told["fit"] and told["link"]["lost_pct"] == 0.0
    )
    assert told["place"]["fixes"] > 0
    assert "broker" in {one["part"] for one in told["findings"] if one["verdict"] == "ok"}
    assert before and pi.run(shown) == before
    assert "WGS-84" in pi.run("cat /var/lib/xunkong/device/commission.html")


def status(pi: Pi) -> dict[str, Any]:
    """What a technician who logs in as pi sees."""
    said = pi.run("sudo -n xunkong device status --json || true", user="pi")
    told: dict[str, Any] = json.loads(said)
    return told


def test_at_the_box_one_screen_tells_whether_the_service_runs_or_not(home: Depot, pi: Pi) -> None:
    told = awaited(lambda: status(pi), lambda told: told["troubles"] == [])
    assert (told["unit"], told["service"]["active"]) == ("cp-1", "active")
    assert {part["name"]: part["word"] for part in told["parts"]} == {"nfc": "ok", "gps": "ok"}
    assert told["present"]["way"]["gateway"] and told["papers"]["unit"] == "cp-1"
    newest = "check-in of p-1 at east-gate by nfc: accepted"
    assert newest in [row["words"][1] for row in told["records"]]
    pi.run("systemctl stop xunkong-device")
    told = status(pi)
    assert [one["about"] for one in told["troubles"]] == ["service"]
    assert newest in [row["words"][1] for row in told["records"]]
    export = "sudo -n xunkong device journal export --root / cp-1.zip --json"
    assert json.loads(pi.run(export, user="pi"))["whole"]
    others = "find /var/lib/xunkong/device /run/xunkong-device ! -user xunkong-device"
    assert pi.run(others) == ""
    file = pi.tree / "home/pi/cp-1.zip"
    (taken,) = home.gateway_says("journal", "import", str(file))
    assert taken["whole"], taken
    pi.run("systemctl start xunkong-device")


def test_a_second_run_changes_nothing(home: Depot, pi: Pi) -> None:
    shown = "systemctl show -P ActiveEnterTimestampMonotonic xunkong-device"
    before = pi.run(shown)
    code, report = home.provision(pi, "cp-1")
    assert (code, report["changed"], report["done"]) == (0, [], True), report["steps"]
    assert pi.run(shown) == before


def test_what_was_changed_by_hand_is_put_right_and_runs(home: Depot, pi: Pi) -> None:
    """With it the unit cannot start."""
    pi.run("sed -i 's#\"/dev/ttyAMA0\"#5#' /etc/xunkong/device.toml")
    assert not pi.tries("systemctl restart xunkong-device")
    code, report = home.provision(pi, "cp-1")
    assert (code, report["changed"]) == (0, ["settings", "selftest"]), report["steps"]
    assert wait_for(lambda: {"name": "gps", "word": "ok"}.items() <= gps(pi).items(), WAIT_S)


def gps(pi: Pi) -> dict[str, Any]:
    """What the running unit says of its receiver."""
    return next((part for part in status(pi)["parts"] if part["name"] == "gps"), {})


def test_a_box_gets_another_name_by_a_code_alone(home: Depot, pi: Pi) -> None:
    code = home.gateway_says("ca", "code", "--unit", "cp-9")[0]["code"]
    words = home.by_code(pi, "cp-9")
    _, refused = reported(words, f"{code}\n")
    assert "this machine is the unit cp-1" in refused["steps"][-1]["words"]
    words.append("--rename")
    ended, report = reported(words, f"{code}\n")
    assert (ended, report["done"]) == (0, True), report["steps"][-1]
    assert {"settings", "papers", "selftest"} == {*report["changed"]}
    assert report["steps"][-2]["words"] == "the gateway acknowledged its records"
    row = home.row("cp-9")
    assert row is not None and row.online
    assert reported(words, "\n")[1]["changed"] == []


def test_a_fleet_of_two_debians_and_one_that_is_not_there(home: Depot, pi: Pi, yard: Yard) -> None:
    newer = flashed(yard.pi("cp3", debian_root("trixie")), sudo="ALL").power_on()
    make_bundle(home.folder, "trixie")
    known = home.folder / "known_hosts"
    gone = f"{yard.host}:1"
    lines = [
        "host,unit,role,parts,bundle",
        f"{pi.address},cp-9,checkpoint,{home.differs(pi)},",
        f"{newer.address},cp-3,checkpoint,{home.differs(newer)},{home.folder}",
        f"{gone},cp-4,checkpoint,,",
    ]
    known.write_text("".join(one.known_hosts.read_text("utf-8") for one in (pi, newer)), "utf-8")
    (home.folder / "fleet.csv").write_text("\n".join(lines), "utf-8")
    unheard = subprocess.run(home.words(newer, "cp-3"), capture_output=True, text=True, check=False)
    assert unheard.returncode == 2 and "--ask-password" in unheard.stderr
    with left_on(newer):
        rows = home.fleet(known, pi.place.key)
    assert {row["unit"]: row["done"] for row in rows} == {"cp-9": True, "cp-3": True, "cp-4": False}
    assert "cannot reach" in rows[0]["why"]
    row = home.row("cp-3")
    assert row is not None and row.online
    assert newer.run("/opt/xunkong/current/bin/python --version").startswith("Python 3.13")
    assert newer.run("systemctl --failed --no-legend --plain") == ""
    newer.shut_down()


@pytest.fixture(scope="module")
def spare(yard: Yard) -> Iterator[Pi]:
    made = flashed(yard.pi("cp2", debian_root("bookworm"))).power_on()
    with left_on(made):
        yield made


def test_broken_off_anywhere_it_is_run_again(home: Depot, spare: Pi) -> None:
    """The next run goes on from there; what the broken one left running on the Pi does no harm."""
    for step, loss in BROKEN.items():
        break_off(home, spare, step, loss)
    code, report = home.provision(spare, "cp-2")
    assert (code, report["done"]) == (0, True), report["steps"][-1]
    assert home.provision(spare, "cp-2")[1]["changed"] == []
    row = home.row("cp-2")
    assert row is not None and row.online


def test_a_spare_box_takes_the_name_of_a_dead_one_and_none_has_it_twice(
    home: Depot, pi: Pi, spare: Pi
) -> None:
    pi.run("systemctl stop xunkong-device")
    code, report = home.provision(spare, "cp-9", "--rename")
    assert (code, report["changed"], len(report["steps"])) == (1, [], 1)
    assert "--replace" in report["steps"][-1]["words"]
    code, report = home.provision(spare, "cp-9", "--rename", "--replace")
    assert (code, report["done"]) == (0, True), report["steps"][-1]
    row = home.row("cp-9")
    assert row is not None and row.online
    kids = {
        one["kid"] for one in home.gateway_says("ca", "list", "--unit", "cp-9") if not one["why"]
    }
    assert kids == {report["kid"]}


def test_a_card_makes_its_machine_a_unit_and_nobody_logs_in(home: Depot, yard: Yard) -> None:
    pi = flashed(yard.pi("cp5", debian_root("bookworm")))
    boot = pi.tree / "boot/firmware"
    (boot / "kernel8.img").touch()
    (boot / "cmdline.txt").write_text(f"{CMDLINE.strip()} {FIRST}\n", "utf-8")
    code, written = reported(home.card_words(pi, "cp-5"))
    assert (code, written["os"]) == (0, "bookworm"), written
    first_boot(pi)
    pi.spark()
    with left_on(pi):
        report = boot / "xunkong/cp-5.json"
        log = "journalctl -q -o cat -n 40 -u first-boot-xunkong"
        assert wait_for(lambda: (row := home.row("cp-5")) and row.online, 2 * WAIT_S), pi.run(log)
        assert wait_for(lambda: not (boot / "xunkong/unit.json").exists(), WAIT_S), pi.run(log)
        told = json.loads(report.read_text("utf-8"))
        assert told["done"], told["steps"][-1]
        assert wait_for(lambda: not pi.tries("ls /var/lib/xunkong-first-boot/*"), WAIT_S)
        assert pi.run("ls /boot/firmware/xunkong").split() == ["cp-5.html", "cp-5.json"]
        assert pi.run("systemctl --failed --no-legend --plain") == ""
        assert not pi.tries("systemctl cat first-boot-xunkong.service")
        assert pi.run("cat /boot/firmware/cmdline.txt.before-xunkong") == CMDLINE
        assert "passwordauthentication no" in pi.run("sshd -T")
        pi.shut_down()


def first_boot(pi: Pi) -> None:
    """What the image's own first boot does with what lies there, as far as this machine has it."""
    boot = pi.tree / "boot/firmware"
    assert tomllib.loads((boot / "custom.toml").read_text("utf-8"))["system"]["hostname"] == "cp-5"
    (boot / "custom.toml").unlink()
    line = (boot / "cmdline.txt").read_text("utf-8")
    (boot / "cmdline.txt").write_text(line.replace(f" {FIRST}", ""), "utf-8")
    (run,) = [word for word in line.split() if word.startswith("systemd.run=")]
    script = run.removeprefix("systemd.run=")
    subprocess.run(["chroot", str(pi.tree), "sh", script], check=True)
    assert "systemd." not in (boot / "cmdline.txt").read_text("utf-8")


def break_off(home: Depot, pi: Pi, step: str, loss: str) -> None:
    """Soon after the step before has ended. Who is left at the laptop is told to run it again."""
    names = [one.name for one in STEPS]
    before = names[names.index(step) - 1]
    with subprocess.Popen(home.words(pi, "cp-2"), stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        lines = iter(run.stdout.readline, "")
        assert any(json.loads(line).get("step") == before for line in lines)
        time.sleep(SOON_S)
        if loss == "laptop":
            run.send_signal(signal.SIGKILL)
            return
        pi.unplug() if loss == "cable" else pi.run(HANG_UP)
        *_, failed, report = [json.loads(line) for line in lines]
        pi.plug()
    assert (failed["result"], report["done"]) == ("failed", False)
    assert "run the same command again" in failed["words"]
