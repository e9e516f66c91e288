"""Which machines there are, and what pip and apt call them."""

import pytest

from provision.kinds import kind_of
from tests.provision.conftest import faulty


@pytest.mark.parametrize(
    ("os", "python", "newest"), [("bookworm", "3.11", 36), ("trixie", "3.13", 41)]
)
def test_a_kind_names_python_processor_and_c_library(os, python, newest):
    kind = kind_of(os, "aarch64")
    assert (kind.python, kind.debian_arch, str(kind)) == (python, "arm64", f"{os} aarch64")
    assert kind.platforms[0] == f"manylinux_2_{newest}_aarch64"
    assert "manylinux_2_17_aarch64" in kind.platforms


@pytest.mark.parametrize(("os", "arch"), [("bullseye", "aarch64"), ("bookworm", "armhf")])
def test_another_machine_is_refused_by_name(os, arch):
    assert f"{os} {arch} is not supported" in faulty(kind_of, os, arch)
