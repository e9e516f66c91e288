"""The laptop's own Debian sources, turned to another release."""

import pytest

from provision.bundle.sources import Source, mirror, sources_for
from tests.provision.conftest import faulty

DEB822 = """\
# comment
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
  bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb deb-src
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://other.example/node
Suites: nodistro
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""
LINES = """\
deb [arch=amd64 signed-by=/k.gpg] https://m.example/debian bookworm main
# deb http://off.example/debian bookworm main
deb-src http://m.example/debian bookworm main
deb http://m.example/security bookworm-security main contrib
deb http://cloud.example cloud-sdk-bookworm main
deb http://m.example/debian bookworm contrib
"""


@pytest.fixture
def apt(tmp_path):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')

    def write(name, text):
        (tmp_path / name).write_text(text)
        return tmp_path, tmp_path / "os-release"

    return write


def test_the_newer_form(apt):
    found = sources_for("trixie", *apt("sources.list.d/debian.sources", DEB822))
    key = "/usr/share/keyrings/debian.gpg"
    assert found == [
        Source("http://mirror.example/debian", "trixie", key),
        Source("http://mirror.example/debian", "trixie-updates", key),
        Source("http://mirror.example/security", "trixie-security", None),
    ]


def test_the_older_form(apt):
    found = sources_for("bookworm", *apt("sources.list", LINES))
    assert found == [
        Source("https://m.example/debian", "bookworm", "/k.gpg"),
        Source("http://m.example/security", "bookworm-security", None),
    ]


def test_a_line_for_another_processor():
    assert Source("http://m", "trixie", "/k").line("arm64") == (
        "deb [arch=arm64 signed-by=/k] http://m trixie main"
    )


def test_a_machine_without_debian_is_told_of_mirror(apt):
    folder, release = apt("sources.list", "deb http://archive.example/ubuntu noble main\n")
    assert "give --mirror URL" in faulty(sources_for, "bookworm", folder, release)
    assert mirror("http://m", "bookworm", None) == [Source("http://m", "bookworm", None)]
