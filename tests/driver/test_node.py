"""What only a kernel's character device can show. Runs as root in the guest of `make test-kernel`."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_device import KernelDevice, node

import dsmil

pytestmark = pytest.mark.skipif(node() is None, reason="needs the kernel module: make test-kernel")

MODULE = "/run/dsmil-sim.ko"
RULE = Path(__file__).parents[2] / "packaging/udev/70-dsmil.rules"
NOBODY = 65534
GROUP = 7272
GET_STATUS = 0x80184D02
SLOW = '[[fault]]\non = "GET_STATUS"\ndo = "delay"\nms = {ms}\n'
VANISH = '[[fault]]\non = "SCAN_CHUNK"\nskip = 3\ndo = "vanish"\nerrno = "{errno}"\n'
libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def driver() -> Iterator[KernelDevice]:
    with KernelDevice() as driver:
        yield driver


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir(mode=0o700)
    return path


def open_patiently(driver: KernelDevice, run_dir: Path) -> dsmil.Device:
    return dsmil.open(driver.device, run_dir=run_dir, call_deadline=20, transfer_deadline=60)


def test_it_is_a_character_device(driver: KernelDevice) -> None:
    state = driver.device.stat()
    assert stat.S_ISCHR(state.st_mode)
    assert stat.S_IMODE(state.st_mode) == 0o600


def status_interrupted_after(driver: KernelDevice, seconds: float) -> tuple[int, float, int]:
    """GET_STATUS past the library, with a signal in the middle: its errno, its time, and how often it was asked for."""
    signals: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: signals.append(number))
    try:
        with open(driver.device, "rb") as file:
            begun = time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, seconds)
            result = libc.ioctl(file.fileno(), ctypes.c_ulong(GET_STATUS), ctypes.create_string_buffer(24))
            took = time.monotonic() - begun
            error = ctypes.get_errno() if result < 0 else 0
    finally:
        signal.signal(signal.SIGALRM, before)
    assert signals == [signal.SIGALRM]
    return error, took, driver.counters()["requests"]["GET_STATUS"]


def test_a_signal_in_the_middle_of_a_call_is_eintr(driver: KernelDevice) -> None:
    driver.set_faults(SLOW.format(ms=20000))
    error, took, asked = status_interrupted_after(driver, 0.1)
    assert error == errno.EINTR
    assert took < 10
    assert asked == 1


def test_the_library_makes_a_call_again_that_a_signal_broke_off(driver: KernelDevice, run_dir: Path) -> None:
    driver.set_faults(SLOW.format(ms=600))
    signals: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: signals.append(number))
    try:
        with open_patiently(driver, run_dir) as device:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            assert device.status().safe_device_count == 98
    finally:
        signal.signal(signal.SIGALRM, before)
    assert signals == [signal.SIGALRM]
    assert driver.counters()["requests"]["GET_STATUS"] >= 2


def test_a_deadline_breaks_a_stuck_call_off(driver: KernelDevice, run_dir: Path) -> None:
    with dsmil.open(driver.device, run_dir=run_dir, call_deadline=1) as device:
        driver.set_faults(SLOW.format(ms=30000))
        begun = time.monotonic()
        with pytest.raises(dsmil.DeadlineError) as caught:
            device.status()
        took = time.monotonic() - begun
        assert caught.value.interrupted
        assert 1 <= took < 15
        driver.set_faults("")
        assert device.status().safe_device_count == 98


def test_a_killed_process_leaves_a_stuck_call(driver: KernelDevice) -> None:
    driver.set_faults(SLOW.format(ms=60000))
    program = f"import fcntl, sys; fcntl.ioctl(open(sys.argv[1]), {GET_STATUS:#x}, bytes(24))"
    with subprocess.Popen([sys.executable, "-c", program, str(driver.device)]) as process:
        while driver.counters()["requests"]["GET_STATUS"] == 0:
            time.sleep(0.05)
        process.kill()
        assert process.wait(timeout=10) == -signal.SIGKILL


@pytest.mark.parametrize("name", ["ENODEV", "ENXIO"])
def test_the_node_vanishes_in_the_middle_of_a_transfer(driver: KernelDevice, run_dir: Path, name: str) -> None:
    with open_patiently(driver, run_dir) as device:
        driver.set_faults(VANISH.format(errno=name))
        with pytest.raises(dsmil.VanishedError) as caught:
            device.scan()
        assert caught.value.errno == getattr(errno, name)
        with pytest.raises(dsmil.VanishedError):
            device.version()
    asked = driver.counters()["requests"]
    assert (asked["SCAN_CHUNK"], asked["SCAN_START"]) == (4, 1), "given up at once"
    driver.set_faults("")
    with open_patiently(driver, run_dir) as device:
        assert len(device.scan()) == 108


def unload() -> str:
    """What `rmmod` says; nothing where it worked."""
    done = subprocess.run(["busybox", "rmmod", "dsmil-sim"], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr or "refused"


def test_the_module_is_not_unloaded_under_an_open_device(driver: KernelDevice, run_dir: Path) -> None:
    driver.set_faults('[[fault]]\non = "SCAN_CHUNK"\ndo = "delay"\nms = 30\n')
    with open_patiently(driver, run_dir) as device:
        late = ["sh", "-c", "sleep 0.2; exec busybox rmmod dsmil-sim"]
        with subprocess.Popen(late, stderr=subprocess.PIPE, text=True) as other:
            assert len(device.scan()) == 108
            _, said = other.communicate(timeout=30)
        assert other.returncode != 0
        assert "busy" in said or "unavailable" in said
        assert len(device.scan()) == 108
    try:
        assert unload() == ""
        assert not driver.device.exists()
        with pytest.raises(dsmil.MissingDeviceError):
            open_patiently(driver, run_dir)
    finally:
        subprocess.run(["busybox", "insmod", MODULE, "options=seed=7"], check=True)
    with open_patiently(driver, run_dir) as device:
        assert len(device.scan()) == 108


def test_a_driver_that_is_loaded_and_not_initialised(driver: KernelDevice, run_dir: Path) -> None:
    assert unload() == ""
    subprocess.run(["busybox", "insmod", MODULE, "options=initialised=no"], check=True)
    with pytest.raises(dsmil.NotInitialisedError):
        open_patiently(driver, run_dir)
    driver._write("options", "seed=7")
    with open_patiently(driver, run_dir) as device:
        assert device.version() == (1, 0, 0)


SCANS = """
import sys, time
import dsmil

with dsmil.open(sys.argv[1], run_dir=sys.argv[2], call_deadline=20, transfer_deadline=60, turn_timeout=60) as device:
    scans, end = 0, time.monotonic() + 3
    while time.monotonic() < end:
        assert len(device.scan()) == 108
        scans += 1
print(scans)
"""


def test_a_turn_holds_across_mount_namespaces(driver: KernelDevice, run_dir: Path) -> None:
    # In the second namespace the node has another name, and /dev another device file system.
    own_dev = (
        "mkdir -p /run/elsewhere && mount -t tmpfs own /run/elsewhere && touch /run/elsewhere/node && "
        'mount --bind "$0" /run/elsewhere/node && exec "$@" /run/elsewhere/node'
    )
    python = [sys.executable, "-c", SCANS]
    commands = [
        [*python, str(driver.device), str(run_dir)],
        ["unshare", "-m", *python, str(driver.device), str(run_dir)],
        ["unshare", "-m", "sh", "-c", own_dev + ' "$RUN"', str(driver.device), *python],
    ]
    environment = {**os.environ, "RUN": str(run_dir)}
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for command in commands]
    scans = [int(child.communicate(timeout=60)[0]) for child in children]
    assert all(child.returncode == 0 for child in children)
    assert all(scans), scans
    asked = driver.counters()["requests"]
    # As many sessions as scans: none was begun twice, so none was ever broken.
    assert (asked["SCAN_START"], asked["SCAN_CHUNK"]) == (sum(scans), 22 * sum(scans))


def test_a_lock_in_one_namespace_is_seen_in_another(driver: KernelDevice, run_dir: Path) -> None:
    holder = subprocess.Popen(
        ["unshare", "-m", "flock", "--no-fork", str(driver.device), "sh", "-c", "echo held; exec sleep 60"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with dsmil.open(driver.device, run_dir=run_dir, call_deadline=20, turn_timeout=0.2) as device:
        with pytest.raises(dsmil.BusyError):
            device.scan()
        holder.kill()
        holder.communicate()
        assert len(device.scan()) == 108


def rule() -> tuple[str, int]:
    """What the shipped rule does to the node: group and mode."""
    line = next(line for line in RULE.read_text().splitlines() if line.startswith("KERNEL=="))
    words = dict(word.replace("==", "=").split("=") for word in line.split(", "))
    assert words["KERNEL"] == '"dsmil-72dev"'
    return words["GROUP"].strip('"'), int(words["MODE"].strip('"'), 8)


OUTSIDER = """
import sys
import dsmil

try:
    with dsmil.open(sys.argv[1], run_dir=sys.argv[2], call_deadline=20, transfer_deadline=60) as device:
        print(len(device.scan()), len(device.read(0x8003)))
        try:
            device.read(0x8009)
        except dsmil.QuarantineError:
            print("denied")
except dsmil.RefusedDeviceError as error:
    print("refused", error)
"""


def as_user(groups: str, driver: KernelDevice, run_dir: Path) -> str:
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", groups]
    command = [*drop, sys.executable, "-c", OUTSIDER, str(driver.device), str(run_dir)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout


def test_a_user_who_is_not_root_with_and_without_the_rule(driver: KernelDevice) -> None:
    # A place that the user may reach: pytest's own is root's.
    run_dir = Path(f"/dev/shm/dsmil-outsider-{os.getpid()}")
    run_dir.mkdir(mode=0o770)
    os.chown(run_dir, 0, GROUP)
    run_dir.chmod(0o2770)
    try:
        # Without the rule, the node is as the kernel made it.
        said = as_user(f"--groups={GROUP}", driver, run_dir)
        assert said.startswith("refused")
        assert "group" in said
        assert driver.counters()["sequence"] == 0
        # With it, as udev would: the group and the mode. Users outside the group still may not.
        name, mode = rule()
        assert (name, mode) == ("dsmil", 0o660)
        os.chown(driver.device, 0, GROUP)
        driver.device.chmod(mode)
        own = run_dir / "own"
        own.mkdir(mode=0o700)
        os.chown(own, NOBODY, NOBODY)
        run_dir.chmod(0o2771)
        assert as_user("--clear-groups", driver, own).startswith("refused")
        assert as_user(f"--groups={GROUP}", driver, run_dir) == "108 512\ndenied\n"
    finally:
        os.chown(driver.device, 0, 0)
        driver.device.chmod(0o600)
        shutil.rmtree(run_dir)
    assert driver.counters()["permanent"] == 0
