"""`xunkong release` as somebody types it, from the key to what is published."""

import json

import xunkong
from gateway.site import lay_out
from tests.releases import make_wheel, ours


def test_from_the_key_to_what_is_published(tmp_path, capsys):
    lay_out(tmp_path / "site")
    make_wheel(tmp_path / "wheels", files=ours())
    make_wheel(tmp_path / "wheels", "pip", "25.0")
    config = ["--config", str(tmp_path / "site/gateway.toml")]
    file, key = str(tmp_path / "x.release"), tmp_path / "site/release.key"

    def run(*words, code=0):
        assert xunkong.main(["release", *words]) == code
        return capsys.readouterr()

    def rows(*words):
        return [json.loads(line) for line in run(*words, "--json").out.splitlines()]

    (made,) = rows("keys", str(tmp_path / "site"))
    machine = ["--arch", "aarch64", "--os", "bookworm"]
    (built,) = rows("build", file, "--wheels", str(tmp_path / "wheels"), *machine)
    assert (built["version"], built["machine"]) == ("0.2.0", "aarch64-bookworm")
    assert built["signed"] is None
    assert "not signed" in run("publish", file, *config, code=2).err
    (signed,) = rows("sign", file, "--key", str(key))
    assert signed["signed"] == made["kid"]
    assert rows("show", file, "--public", made["public"]) == [signed]
    assert f"signed={made['kid']}" in run("show", file).out
    (published,) = rows("publish", file, *config)
    assert published["sha256"] == signed["sha256"]
    assert rows("list", *config) == [published]
    assert "published=20" in run("list", *config).out
