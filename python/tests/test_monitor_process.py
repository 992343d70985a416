"""Processes with a monitor in them: Ctrl-C, the end of the interpreter, fork, and kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import dsmil

BEGIN = """
import os, signal, sys, threading, time
import dsmil

config = '''
version = 1
evaluate_every = "100ms"
score_every = "30s"
[samplers.devices]
enabled = false
'''
def start(**options):
    return dsmil.Monitor(config, device="sim:seed=7", state_dir=sys.argv[1], run_dir=sys.argv[2], **options)
def fast(callback):
    return dsmil.Sampler(callback, interval=0.1)
"""


@contextmanager
def program(code: str, tmp_path: Path, run_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program until the block ends; by then it is to have ended by itself."""
    arguments = [sys.executable, "-W", "error", "-X", "faulthandler", "-c", BEGIN + code]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*arguments, str(tmp_path / "state"), str(run_dir)], stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(code: str, tmp_path: Path, run_dir: Path) -> str:
    """Run a program to its end, which is to come by itself and without a word on standard error."""
    with program(code, tmp_path, run_dir) as process:
        printed, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")
    return printed


def test_ctrl_c_ends_the_wait_for_a_step(tmp_path: Path, run_dir: Path) -> None:
    code = """
config = config.replace("100ms", "30s")
with start() as monitor:
    steps = iter(monitor)
    next(steps)
    print("ready", flush=True)
    begun = time.monotonic()
    try:
        next(steps)
    except KeyboardInterrupt:
        print("interrupted", time.monotonic() - begun < 5, flush=True)
print(monitor.running)
"""
    with program(code, tmp_path, run_dir) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=30)
        assert (printed, errors, process.returncode) == ("interrupted True\nFalse\n", "", 0)


ENDINGS = {
    "nothing is stopped": "",
    "a callback hangs": "monitor2 = None\nhangs = start2()\nreached.wait(20)",
    "a step's callback hangs": "monitor.on_step(lambda sample: (told.set(), time.sleep(60)))\ntold.wait(20)",
    "somebody reads": "threading.Thread(target=reads, daemon=True).start()\nreached.wait(20)",
    "somebody is waited for": "threading.Thread(target=lambda: [next(iter(monitor)) for _ in '123']).start()",
    "a reader that is never closed": "steps = iter(monitor); next(steps)",
    "it is in a circle": "monitor.me = monitor; del monitor",
    "it is deleted": "del monitor",
}


@pytest.mark.parametrize("name", ENDINGS)
def test_the_interpreter_ends_whatever_still_runs(name: str, tmp_path: Path, run_dir: Path) -> None:
    code = f"""
reached, told = threading.Event(), threading.Event()
def hangs():
    reached.set()
    time.sleep(60)
def reads():
    steps = iter(monitor)
    reached.set()
    list(steps)
def start2():
    return dsmil.Monitor(config, device="sim:", state_dir=sys.argv[1] + "2", run_dir=sys.argv[2],
                         samplers={{"hangs": fast(hangs)}})
count = iter(range(10**9))
monitor = start(samplers={{"app": fast(lambda: {{"app_count": next(count)}})}})
next(iter(monitor))
{ENDINGS[name]}
print("the end", flush=True)
"""
    begun = time.monotonic()
    assert run(code, tmp_path, run_dir) == "the end\n"
    assert time.monotonic() - begun < 15
    # It was ended well: what was seen is there, and the directory is free.
    with dsmil.Monitor(device="sim:", state_dir=tmp_path / "state", run_dir=run_dir) as monitor:
        assert monitor.history("app_count")


def test_many_ends_of_the_interpreter_in_the_middle_of_everything(tmp_path: Path, run_dir: Path) -> None:
    code = """
busy = fast(lambda: {"app_count": sum(range(20_000))})
monitor = start(samplers={f"app{n}": busy for n in range(8)})
for _ in range(4):
    monitor.on_step(lambda sample: str(sample))
time.sleep(float(os.environ["NAP"]))
"""
    for nap in (0.0, 0.05, 0.21, 0.4):
        os.environ["NAP"] = str(nap)
        try:
            run(code, tmp_path, run_dir)
        finally:
            del os.environ["NAP"]


FORK = """
monitor = start(samplers={"app": fast(lambda: {"app_count": 1})})
steps = iter(monitor)
next(steps)
child = os.fork()
if child == 0:
    refused = 0
    for call in (lambda: next(steps), lambda: iter(monitor), lambda: monitor.verdict, lambda: monitor.alerts,
                 lambda: monitor.silence("a=b", 5, "x"), lambda: monitor.reload(), lambda: monitor.errors):
        try:
            call()
        except dsmil.ForkedError as error:
            assert error.opened_by == os.getppid()
            refused += 1
    assert refused == 7, refused
    assert not monitor.running
    monitor.stop()
    del monitor, steps
    import gc
    gc.collect()
    print("child", flush=True)
    sys.exit()
status = os.waitpid(child, 0)[1]
for _ in range(3):
    next(steps)
print("parent", status, monitor.running)
"""


def test_a_forked_child_ends_and_the_parent_goes_on(tmp_path: Path, run_dir: Path) -> None:
    assert run(FORK, tmp_path, run_dir) == "child\nparent 0 True\n"


def test_forks_at_any_moment_neither_hang_nor_crash(tmp_path: Path, run_dir: Path) -> None:
    code = """
monitor = start(samplers={"app": fast(lambda: {"app_count": 1})})
rule = "name='a' metric='a' require='<1' on_fail='hold' on_no_data='hold'"
gate = dsmil.Gate("\\n".join(["version=1", "[[rule]]", *rule.split()]))
threading.Thread(target=lambda: [gate.record("a", 1, at=n) for n in range(100_000)], daemon=True).start()
children = []
for _ in range(40):
    child = os.fork()
    if child == 0:
        gate.evaluate()
        dsmil.sample_machine()
        sys.exit()
    children.append(child)
    time.sleep(0.005)
print({os.waitpid(child, 0)[1] for child in children})
"""
    assert run(code, tmp_path, run_dir) == "{0}\n"


def test_a_childs_monitor_is_its_own(tmp_path: Path, run_dir: Path) -> None:
    code = """
monitor = start()
child = os.fork()
if child == 0:
    try:
        start()
    except dsmil.HeldError as error:
        assert error.pid == os.getppid()
    else:
        raise AssertionError
    with dsmil.Monitor(config, device="sim:", state_dir=sys.argv[1] + "2", run_dir=sys.argv[2]) as own:
        assert next(iter(own)).saved
    sys.exit()
print(os.waitpid(child, 0)[1])
"""
    assert run(code, tmp_path, run_dir) == "0\n"


def test_a_parent_that_stops_frees_the_directory_while_its_child_lives(tmp_path: Path, run_dir: Path) -> None:
    code = """
monitor = start()
child = os.fork()
if child == 0:
    time.sleep(60)
monitor.stop()
with start() as again:
    print(next(iter(again)).saved)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
"""
    assert run(code, tmp_path, run_dir) == "True\n"


def test_a_child_doesnt_keep_the_directory_beyond_its_parents_end(tmp_path: Path, run_dir: Path) -> None:
    code = """
monitor = start()
next(iter(monitor))
child = os.fork()
if child == 0:
    os.close(1)
    os.close(2)
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
time.sleep(60)
"""
    with program(code, tmp_path, run_dir) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        time.sleep(0.2)
        process.kill()
        process.wait(10)
        try:
            with dsmil.Monitor(device="sim:", state_dir=tmp_path / "state", run_dir=run_dir) as monitor:
                assert monitor.running
        finally:
            os.kill(child, signal.SIGKILL)


def test_kill_9_loses_nothing_that_was_said_to_be_saved(tmp_path: Path, run_dir: Path) -> None:
    code = """
count = iter(range(int(sys.argv[3]), 10**9))
with start(samplers={"app": fast(lambda: {"app_count": next(count)})}) as monitor:
    for sample in monitor:
        if sample.saved:
            for seen in sample.metrics.get("app_count", ()):
                print(seen.at_ms, int(seen.value), flush=True)
"""
    said: list[tuple[int, int]] = []
    for number, after in enumerate((0.15, 0.3, 0.42, 0.55, 0.71)):
        arguments = [str(tmp_path / "state"), str(run_dir), str(1000 * number)]
        with subprocess.Popen(
            [sys.executable, "-c", BEGIN + code, *arguments], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(after)
            process.kill()
            lines = [first, *process.stdout.read().splitlines(keepends=True)]
        said += [(int(at), int(value)) for at, value in (line.split() for line in lines if line.endswith("\n"))]
    assert len(said) >= 10
    with dsmil.Monitor(device="sim:", state_dir=tmp_path / "state", run_dir=run_dir) as monitor:
        (series,) = monitor.history("app_count", resolution="raw")
        stored = {(point.at_ms, int(point.value)) for point in series.points}
        assert set(said) <= stored
        assert next(iter(monitor)).saved
