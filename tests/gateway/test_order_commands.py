"""`xunkong gateway order …`, as somebody types it."""

import json
import re

import pytest

import xunkong
from gateway.site import lay_out


@pytest.fixture
def xk(tmp_path, capsys):
    toml = tmp_path / "site" / "gateway.toml"
    lay_out(toml.parent)

    def run(*words, language="en"):
        command = ["--lang", language, "gateway", "order", *words, "--config", str(toml)]
        code = xunkong.main(command)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_an_order_is_kept_and_listed(xk):
    assert xk("send", "--unit", "cp-01", "text", "come in")[0] == 0
    assert xk("send", "--unit", "cp-01", "locate")[0] == 0
    listed = [json.loads(line) for line in xk("list", "--json")[1].splitlines()]
    assert [(row["what"], row["text"], row["outcome"]) for row in listed] == [
        ("text", "come in", "waiting"),
        ("locate", None, "waiting"),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("phto",), "there is no order 'phto'; give locate, patch, photo"),
        (("text",), "text needs TEXT"),
    ],
)
def test_a_slip_of_the_pen_is_no_order(xk, words, said):
    code, out, err = xk("send", "--unit", "cp-01", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert re.search("[\u4e00-\u9fff]", xk("send", "--unit", "cp-01", *words, language="zh")[2])
    assert xk("list", "--json")[1] == ""
