"""Gate files: what is said of one that can't be used, their tests, lint and export."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from test_gate import EXAMPLES, GATES, OVER_TIME

import dsmil


def test_a_file_that_cant_be_used_says_all_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(GATES.replace('metric = "cpu_percent"', 'metrc = "cpu_percent"').replace('"no-go"', '"no go"'))
    with pytest.raises(dsmil.GateError) as caught:
        dsmil.Gate.load(path)
    error = caught.value
    assert isinstance(error, ValueError)
    assert isinstance(error, dsmil.Error)
    assert (error.kind, error.file) == ("gate-file", str(path))
    keys = [fault.key for fault in error.faults]
    assert {"rule[0].metric", "rule[0].metrc", "rule[1].on_fail"} <= set(keys)
    assert (error.line, error.key) == (3, keys[0])
    assert error.column is not None
    for fault in error.faults:
        assert fault.what in str(error)
        assert fault.remedy in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.faults, str(again)) == (dsmil.GateError, error.faults, str(error))


def test_a_file_that_cant_be_read(tmp_path: Path) -> None:
    with pytest.raises(dsmil.GateReadError) as caught:
        dsmil.Gate.load(tmp_path / "none.toml")
    error = caught.value
    assert isinstance(error, OSError)
    assert isinstance(error, dsmil.GateError)
    assert (error.errno, error.filename, error.file) == (2, str(tmp_path / "none.toml"), str(tmp_path / "none.toml"))
    assert pickle.loads(pickle.dumps(error)).errno == 2
    for path in (tmp_path, tmp_path / "bytes"):
        (tmp_path / "bytes").write_bytes(b"\xff\xfe")
        with pytest.raises(dsmil.GateReadError):
            dsmil.Gate.load(path)
    # A source without end is read up to the longest that a gate file may be.
    with pytest.raises(dsmil.GateError):
        dsmil.Gate.load("/dev/zero")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.test.toml")), ids=lambda path: path.stem)
def test_the_tests_of_the_examples_hold(path: Path) -> None:
    report = dsmil.Gate.run_tests(path)
    assert report, str(report)
    assert report.held > 0
    gate = dsmil.Gate.load(path.with_name(path.name.replace(".test", "")))
    assert set(gate.metrics)
    assert all(str(lint) for lint in gate.lint())


def test_a_test_that_doesnt_hold_says_where(tmp_path: Path) -> None:
    (tmp_path / "g.toml").write_text(OVER_TIME)
    test = tmp_path / "g.test.toml"
    expect = '[[test.expect]]\nat = "1m"\nrules = { hot = "inactive" }\n'
    test.write_text(f'version = 1\ngates = "g.toml"\n[[test]]\nname = "hot"\nseries = {{ celsius = "90x5" }}\n{expect}')
    report = dsmil.Gate.run_tests(os.fspath(test))
    assert not report
    assert (report.held, len(report.failures)) == (0, 1)
    assert f"test file {test}, line 6, test hot at 1m: rule hot is firing, expected inactive" in report.failures[0]
    assert str(report).endswith("0 held, 1 failed")
    test.write_text(test.read_text().replace('"g.toml"', '"none.toml"'))
    with pytest.raises(dsmil.GateReadError):
        dsmil.Gate.run_tests(test)
    test.write_text("version = 1")
    with pytest.raises(dsmil.GateError, match="gates is missing"):
        dsmil.Gate.run_tests(test)


def test_lint_and_export() -> None:
    doubtful = GATES.replace('unit = "percent"\n', "").replace('">= 1000"', '">= -1"')
    lints = dsmil.Gate.parse(doubtful).lint()
    assert [lint.subject for lint in lints] == ["rule cpu", "rule disk"]
    assert "can never fire" in lints[1].what
    assert str(lints[0]).startswith("line 3, rule cpu: it has no unit; ")
    exported = dsmil.Gate.parse(GATES).export_prometheus("machines")
    assert '- name: "machines"' in exported.yaml or "- name: machines" in exported.yaml
    assert any(sentence.startswith("gate deploy:") for sentence in exported.not_expressed)
    assert all(sentence in exported.yaml for sentence in exported.not_expressed)


def test_what_a_gate_says_of_itself() -> None:
    gate = dsmil.Gate.parse(GATES, "deploy.toml")
    assert (gate.name, gate.gates, gate.zones, gate.rules) == ("deploy.toml", ("deploy",), (), ("cpu", "disk"))
    assert gate.metrics == ("cpu_percent", "disk_free_bytes")
    assert repr(gate) == "<dsmil.Gate 'deploy.toml'>"
    assert gate.fingerprint == dsmil.Gate.parse("# a comment\n" + GATES).fingerprint == gate.check({}).gate_file
