"""The checked-in schemas are what the types say; a change of either is told."""

import json
import re
from pathlib import Path

import pytest

from wire import schema, topics
from wire.records import KINDS


@pytest.fixture
def folder(tmp_path):
    """A folder of schemas as the types now say."""
    schema.write(tmp_path)
    return tmp_path


def test_the_checked_in_copies_have_not_drifted():
    assert schema.differing() == []
    assert schema.main(["--check"]) == 0


def test_a_fresh_copy_does_not_differ(folder):
    assert schema.differing(folder) == []
    assert {path.name for path in folder.iterdir()} == set(schema.documents())


def test_a_changed_a_missing_and_a_stray_file_are_named(folder):
    ack = folder / "ack.json"
    ack.write_text(ack.read_text("utf-8").replace('"next"', '"nxt"'), "utf-8")
    (folder / "state.json").unlink()
    (folder / "record-old.json").write_text("{}", "utf-8")
    assert schema.differing(folder) == ["ack.json", "record-old.json", "state.json"]
    schema.write(folder)
    assert schema.differing(folder) == []
    assert not (folder / "record-old.json").exists()


def test_a_changed_type_is_drift(monkeypatch):
    monkeypatch.setitem(schema._MESSAGES, "ack", schema._MESSAGES["refused"])
    assert schema.differing() == ["ack.json"]


def test_the_command_names_what_drifted_and_what_to_run(monkeypatch, capsys):
    monkeypatch.setitem(schema._MESSAGES, "pos", schema._MESSAGES["ack"])
    assert schema.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "pos.json" in said
    assert "python -m wire.schema" in said


def test_every_kind_of_record_has_its_schema():
    for kind in KINDS:
        tag = kind.__struct_config__.tag
        document = json.loads(schema.documents()[f"record-{tag}.json"])
        assert document["$schema"] == schema.DIALECT
        assert tag in json.dumps(document)


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(name, ref):
    file, _, pointer = ref.partition("#")
    found = json.loads(schema.documents()[Path(file).name if file else name])
    for step in pointer.split("/")[1:]:
        found = found[step]
    return found


@pytest.mark.parametrize("name", sorted(schema.documents()))
def test_every_reference_leads_somewhere(name):
    for ref in references(json.loads(schema.documents()[name])):
        assert isinstance(resolve(name, ref), dict)


class TestAsyncApi:
    @pytest.fixture
    def api(self):
        return json.loads((schema.FOLDER / "asyncapi.json").read_text("utf-8"))

    @pytest.mark.parametrize(
        ("topic", "action", "qos", "retain", "payloads"),
        [
            (topics.hello("v-1"), "receive", 1, False, {"hello"}),
            (topics.state("v-1"), "receive", 1, True, {"state"}),
            (topics.pos("v-1"), "receive", 0, False, {"pos"}),
            (topics.log("v-1", "event"), "receive", 1, False, {"batch"}),
            (topics.log("v-1", "track"), "receive", 1, False, {"batch"}),
            (topics.ack("v-1", "event"), "send", 1, False, {"ack", "refused"}),
            (topics.ack("v-1", "track"), "send", 1, False, {"ack", "refused"}),
            (topics.config("v-1"), "send", 1, True, {"config-message"}),
            (topics.order("v-1"), "send", 1, False, {"order-message"}),
            (topics.photo("v-1", "0" * 64, 65536), "receive", 1, False, {"chunk"}),
            (topics.worker_state("w1"), "send", 1, True, {"worker-state"}),
        ],
    )
    def test_every_topic_has_one_channel_and_operation(
        self, api, topic, action, qos, retain, payloads
    ):
        assert topics.parse(topic) is not None
        (key,) = [
            key
            for key, channel in api["channels"].items()
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", channel["address"]), topic)
        ]
        operation = api["operations"][key]
        assert operation["channel"] == {"$ref": f"#/channels/{key}"}
        assert operation["action"] == action
        assert operation["bindings"]["mqtt"] == {"qos": qos, "retain": retain}
        assert set(api["channels"][key]["messages"]) == payloads

    def test_no_two_channels_share_a_key(self, api):
        assert api["asyncapi"] == "3.0.0"
        assert len(api["channels"]) == len(schema.CHANNELS) == len(api["operations"])

    def test_parameters_are_those_of_the_address(self, api):
        for channel in api["channels"].values():
            assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel["parameters"])
