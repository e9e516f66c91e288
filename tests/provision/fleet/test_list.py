"""A fleet's list is read, or its line and column are named."""

import pytest

from provision.fleet.list import Member, read_fleet
from tests.provision.conftest import faulty


@pytest.fixture
def read(tmp_path):
    def make(text, encoding="utf-8"):
        (tmp_path / "fleet.csv").write_text(text, encoding)
        return read_fleet(tmp_path / "fleet.csv")

    return make


def test_a_list_as_a_spreadsheet_saves_it(read):
    text = (
        "Unit, Host,role,zone,bundle,code\r\n"
        "cp-1,10.0.0.5,checkpoint,,,\r\n"
        '"car-1",10.0.0.6:2222,vehicle,Asia/Urumqi,"my, bundle.zip",7K2M\r\n'
        ",,,,,\r\n"
    )
    car = (("zone", "Asia/Urumqi"), ("bundle", "my, bundle.zip"))
    assert read(text, "utf-8-sig") == [
        Member("10.0.0.5", "cp-1", "checkpoint"),
        Member("10.0.0.6:2222", "car-1", "vehicle", car, "7K2M"),
    ]


def test_a_fingerprint_is_no_option_of_the_units(read):
    (member,) = read("host,unit,role,host_key\nh,u,vehicle,SHA256:x\n")
    assert member.host_key == "SHA256:x"
    assert "SHA256:x" not in member.words()


def test_a_member_as_options_with_its_code_unseen():
    words = Member("h", "u", "vehicle", (("zone", "Z"),), "SECRET").words()
    assert words == ["h", "--unit", "u", "--role", "vehicle", "--code", "-", "--zone", "Z"]


HEAD = "host,unit,role\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: column 'host' is missing"),
        ("host,unit\n", "line 1: column 'role' is missing"),
        ("host,unit,role,colour\n", "line 1: column 'colour' is not known"),
        (HEAD, "names no unit"),
        (HEAD + "h,a b,vehicle\n", "line 2: unit 'a b' is wrong"),
        (HEAD + "\nh,u,tank\n", "line 3: role 'tank' is wrong: give vehicle or checkpoint"),
        (HEAD + "h:x,u,vehicle\n", "line 2: host 'h:x' is wrong"),
        (HEAD + "h,u,vehicle,more\n", "line 2: columns '4' is wrong"),
        (HEAD + "h,u\n", "line 2: role 'None' is wrong"),
        (HEAD + "h,u,vehicle\ni,u,vehicle\n", "unit u stands there twice"),
        (HEAD + "h,u,vehicle\nh,v,vehicle\n", "host h stands there twice"),
    ],
)
def test_what_is_wrong_is_named(read, text, said):
    assert said in faulty(read, text)


def test_a_list_that_is_not_there(tmp_path):
    assert "cannot read" in faulty(read_fleet, tmp_path / "none.csv")


def test_a_network_of_its_own_for_each(read):
    (found,) = read("host,unit,role,wifi,wifi_password,apn,pin\nh,u,vehicle,Station 5,w.txt,,\n")
    assert found.words()[-4:] == ["--wifi", "Station 5", "--wifi-password", "w.txt"]


def test_nobody_is_asked_for_a_secret_of_a_line(read):
    text = "host,unit,role,apn,pin\nh,u,vehicle,cmnet,-\n"
    assert "line 2: pin '-' is wrong" in faulty(read, text)
