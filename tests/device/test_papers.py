"""The unit's papers: read when they are in order, and named when they are not; TLS with them against a real server."""

import os
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from device.papers import Papers, lay
from tests.keys import Site
from wire.keys import holds
from wire.words import Fault

SITE = Site()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "identity"


def test_what_is_laid_is_read_and_signs(folder):
    own = SITE.bearer("v-1")
    lay(folder, own.key, own.pem, SITE.pem)
    papers = Papers("v-1", folder)
    assert papers.certificate is None
    found = papers.load()
    assert papers.certificate == found == own.read(SITE)
    assert papers.kid == own.kid
    assert holds(found.public, b"text", papers.sign(b"text"))
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "ca.crt": 0o600,
        "unit.pem": 0o600,
    }


def test_renewed_papers_are_used_from_the_next_reading_on(folder):
    SITE.lay_papers("v-1", folder)
    papers = Papers("v-1", folder)
    papers.load()
    before, own = papers.kid, SITE.bearer("v-1")
    lay(folder, own.key, own.pem, SITE.pem)
    assert papers.kid == before
    papers.load()
    assert papers.kid == own.kid


def spoil(folder, how):
    own = SITE.bearer("v-1")
    match how:
        case "no papers":
            (folder / "unit.pem").unlink()
        case "no authority":
            (folder / "ca.crt").unlink()
        case "open to others":
            (folder / "unit.pem").chmod(0o644)
        case "another unit's":
            SITE.lay_papers("v-2", folder)
        case "another authority's":
            (folder / "ca.crt").write_bytes(Site().pem)
        case "another key":
            (folder / "unit.pem").write_bytes(SITE.bearer("v-1").key_pem + own.pem)
        case "half a file":
            text = (folder / "unit.pem").read_bytes()
            (folder / "unit.pem").write_bytes(text[: len(text) // 2])
        case "a link":
            (folder / "unit.pem").rename(folder / "other.pem")
            (folder / "unit.pem").symlink_to(folder / "other.pem")
        case "no certificate of an authority":
            (folder / "ca.crt").write_bytes(b"nonsense")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("no papers", "no certificate of this unit"),
        ("no authority", "no certificate of the authority"),
        ("open to others", "open to others"),
        ("another unit's", "made for unit v-2, not v-1"),
        ("another authority's", "not the authority's"),
        ("another key", "do not belong together"),
        ("half a file", "cannot be used"),
        ("a link", "no certificate of this unit"),
        ("no certificate of an authority", "cannot be read"),
    ],
)
def test_what_is_not_in_order_is_named_with_what_to_do(folder, how, why):
    SITE.lay_papers("v-1", folder)
    spoil(folder, how)
    papers = Papers("v-1", folder)
    with pytest.raises(Fault, match=why) as caught:
        papers.load()
    assert "xunkong device enrol" in str(caught.value)
    with pytest.raises(Fault, match="has no certificate"):
        papers.sign(b"text")


class Server:
    """A TLS server that demands a certificate of the site, for one connection."""

    def __init__(self, folder: Path, site, bearer):
        (folder / "server.pem").write_bytes(bearer.key_pem + bearer.pem)
        (folder / "site.crt").write_bytes(site.pem)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "server.pem")
        self.context.load_verify_locations(folder / "site.crt")
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.peer = None
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with self.listener:
            line, _ = self.listener.accept()
        try:
            with self.context.wrap_socket(line, server_side=True) as tls:
                self.peer = dict(part[0] for part in tls.getpeercert()["subject"])["commonName"]
                tls.sendall(b"hello")
        except (ssl.SSLError, OSError):
            line.close()


def connect(papers, port):
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as line,
        papers.tls().wrap_socket(line, server_hostname="localhost") as tls,
    ):
        return tls.recv(5)


def served(tmp_path, bearer, site=SITE):
    return Server(tmp_path, site, bearer)


def broker(site=SITE, days=730, purpose="serve"):
    key = ec.generate_private_key(ec.SECP256R1())
    return site.bearer("broker", purpose, key, days=days, hosts=("localhost",))


def test_a_broker_of_the_site_is_logged_in_to(folder, tmp_path):
    SITE.lay_papers("v-1", folder)
    server = served(tmp_path, broker())
    assert connect(Papers("v-1", folder), server.port) == b"hello"
    server.thread.join(10)
    assert server.peer == "v-1"


def test_a_wrong_clock_does_not_keep_a_unit_out(folder, tmp_path):
    """A broker's certificate that is over by the unit's clock is taken: the unit may be in 2040."""
    SITE.lay_papers("v-1", folder)
    assert connect(Papers("v-1", folder), served(tmp_path, broker(days=-1)).port) == b"hello"


@pytest.mark.parametrize("site", [Site(), Site("another")])
def test_a_broker_of_another_site_is_not(folder, tmp_path, site):
    SITE.lay_papers("v-1", folder)
    server = served(tmp_path, broker(site), site)
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(Papers("v-1", folder), server.port)


def test_a_unit_is_no_broker(folder, tmp_path):
    SITE.lay_papers("v-1", folder)
    server = served(tmp_path, broker(purpose="log-in"))
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        connect(Papers("v-1", folder), server.port)


def test_who_may_see_nothing_of_them_is_told(tmp_path):
    """Not by a traceback: it is whoever forgot sudo."""
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    os.seteuid(65_534)
    try:
        with pytest.raises(Fault, match=r"no certificate of the authority.*Permission denied"):
            Papers(None, tmp_path).load()
    finally:
        os.seteuid(0)
