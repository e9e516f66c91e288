"""The adapter's calls, and the double's names and parameters, against the source of picamera2 itself.

The package cannot be imported without libcamera, so that its text is parsed. It is fetched once, through
pip, and kept in pytest's cache.
"""

import ast
import inspect
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hardware.camera import still
from hardware.camera.twin import SimPicamera2, SimRequest

VERSION = "0.3.38"
WAIT_S = 100
CLASSES = {"self._camera": "Picamera2", "request": "CompletedRequest"}
"""Which class of picamera2 stands behind which name in the adapter."""


@pytest.fixture(scope="module")
def source(pytestconfig):
    """The methods of picamera2's classes, `{class: {method: arguments}}`, and the classes' own text."""
    folder = pytestconfig.cache.mkdir(f"picamera2-{VERSION}")
    name = f"picamera2-{VERSION}-py3-none-any.whl"
    if not (folder / name).exists():
        fetch(folder)
    with zipfile.ZipFile(folder / name) as wheel:
        texts = [wheel.read(f"picamera2/{file}.py").decode() for file in ("picamera2", "request")]
    return {
        node.name: node
        for text in texts
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef)
    }


def fetch(folder):
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--quiet",
        "--dest",
        str(folder),
    ]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--retries", "1", f"picamera2=={VERSION}"],
        stderr=subprocess.PIPE,
        text=True,
        timeout=WAIT_S,
        check=False,
        env={**os.environ, "PIP_NO_INPUT": "1"},
    )
    if done.returncode:
        pytest.skip(f"the package index does not give picamera2 {VERSION}: {done.stderr[-300:]}")


def methods(node):
    """A class's methods by name; of overloads the last, which is the one with a body."""
    return {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}


def signature(function):
    """A parsed function's parameters without `self`, as `inspect` has them."""
    said = function.args
    plain = [one.arg for one in said.args][1:]
    optional = set(plain[len(plain) - len(said.defaults) :] if said.defaults else [])
    parameter = inspect.Parameter
    return inspect.Signature(
        parameter(
            n, parameter.POSITIONAL_OR_KEYWORD, default=None if n in optional else parameter.empty
        )
        for n in plain
    )


def calls():
    """Every call that the adapter makes on picamera2: (class, method, count of plain ones, names)."""
    tree = ast.parse(Path(still.__file__).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from called(node)


def called(node):
    plain, names = len(node.args), [word.arg for word in node.keywords]
    if ast.unparse(node.func) == "make":
        yield "Picamera2", "__init__", plain, names
    if isinstance(node.func, ast.Attribute):
        owner = ast.unparse(node.func.value)
        if owner == "self._request()":
            owner = "request"
        if owner in CLASSES:
            yield CLASSES[owner], node.func.attr, plain, names


def test_the_adapter_makes_the_calls_that_are_meant():
    assert sorted({(kind, method) for kind, method, *_ in calls()}) == [
        ("CompletedRequest", "get_metadata"),
        ("CompletedRequest", "release"),
        ("CompletedRequest", "save"),
        ("Picamera2", "__init__"),
        ("Picamera2", "capture_request"),
        ("Picamera2", "close"),
        ("Picamera2", "configure"),
        ("Picamera2", "create_still_configuration"),
        ("Picamera2", "start"),
    ]


def test_every_call_of_the_adapter_is_one_that_picamera2_takes(source):
    for kind, method, plain, names in calls():
        known = methods(source[kind])
        assert method in known, f"{kind} has no {method}"
        signature(known[method]).bind(*range(plain), **dict.fromkeys(names))


@pytest.mark.parametrize(
    ("double", "kind", "ours"),
    [(SimPicamera2, "Picamera2", {"control", "scene"}), (SimRequest, "CompletedRequest", set())],
)
def test_the_double_has_no_name_and_no_parameter_that_picamera2_has_not(source, double, kind, ours):
    known = methods(source[kind])
    for name, function in vars(double).items():
        if not inspect.isfunction(function) or (name == "__init__" and double is SimRequest):
            continue
        assert name in known
        real = list(signature(known[name]).parameters)
        said = list(inspect.signature(function).parameters.values())[1:]
        plain = [one.name for one in said if one.kind is not inspect.Parameter.KEYWORD_ONLY]
        assert plain == real[: len(plain)], name
        assert {one.name for one in said} - ours <= set(real), name


def test_the_doubles_defaults_are_picamera2s(source):
    known = methods(source["Picamera2"])
    for name, function in (
        ("capture_request", SimPicamera2.capture_request),
        ("__init__", SimPicamera2),
    ):
        said = known[name].args
        real = dict(
            zip([a.arg for a in said.args][-len(said.defaults) :], said.defaults, strict=True)
        )
        for one in inspect.signature(function).parameters.values():
            if one.name in real and one.default is not inspect.Parameter.empty:
                assert one.default == ast.literal_eval(real[one.name])


def text(function):
    return ast.unparse(function)


def test_what_the_adapter_minds_is_so_in_the_source(source):
    camera, request = methods(source["Picamera2"]), methods(source["CompletedRequest"])
    assert "self.options = {}" in text(camera["_reset_flags"])
    assert "self.picam2.options.get('quality', 90)" in text(request["save"])
    assert "raise RuntimeError('Cannot determine format to save')" in text(
        methods(source["Helpers"])["_get_format_str"]
    )
    swallowed = [one for one in ast.walk(request["save"]) if isinstance(one, ast.ExceptHandler)]
    assert not any(isinstance(one, ast.Raise) for handler in swallowed for one in ast.walk(handler))
    assert "datetime.now()" in text(methods(source["Helpers"])["_prepare_exif"])
    assert "wait=True" in text(camera["stop"])
    assert "self.stop()" in text(camera["close"])
