"""No quarantined id is ever asked for: every id, every operation, against a driver that counts for itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from kernel_device import node

import dsmil

SEVEN = frozenset(dsmil.PERMANENT)
SERVED = range(0x8000, 0x806C)
RELEASING = 'version = 1\n[[allow]]\nid = 0x8009\nreason = "please"\n'


# In the guest of `make test-kernel`, where each denial takes a millisecond: those that the
# specification names, and every 64th of the others.
IS_FAST = node() is None or "DSMIL_TEST_EVERY_ID" in os.environ
EVERY_ID = [id for id in range(0x10000) if IS_FAST or 0x7F00 <= id <= 0x8600 or id % 64 == 0]


def ask_for_everything(device: dsmil.Device) -> set[int]:
    """Ask for every id by every operation; give the ids that were not denied."""
    allowed = set()
    for id in EVERY_ID:
        for operation in (device.info, device.read):
            try:
                operation(id)
            except dsmil.QuarantineError as error:
                if error.id != id:
                    pytest.fail(f"{id:#x} was denied as {error.id:#x}")
            else:
                allowed.add(id)
    return allowed


def judge(served: dsmil.sim.Server, allowed: set[int], expected: set[int]) -> None:
    counters = served.counters()
    asked = {int(id, 16) for id, count in counters["ids"].items() if count["total"]}
    assert allowed == expected
    assert asked == expected
    assert counters["permanent"] == 0
    assert not asked & SEVEN


def test_every_id_and_operation(served: dsmil.sim.Server, memory_dir: Path) -> None:
    with dsmil.open(served.device, run_dir=memory_dir) as device:
        judge(served, ask_for_everything(device), set(SERVED) - SEVEN)
    report = dsmil.audit.verify(run_dir=memory_dir)
    assert report.is_clean
    assert report.records == 2 * (len(EVERY_ID) - len(set(SERVED) - SEVEN))


def missing(path: Path) -> None:
    del path


def empty(path: Path) -> None:
    path.write_text("")


def malformed(path: Path) -> None:
    path.write_text("version = = 1")


def unreadable(path: Path) -> None:
    path.mkdir()


def releasing(path: Path) -> None:
    path.write_text(RELEASING)


@pytest.mark.parametrize("make", [missing, empty, malformed, unreadable, releasing])
def test_every_id_and_operation_under_a_policy_that_cannot_be_used(
    served: dsmil.sim.Server, memory_dir: Path, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    policy = tmp_path / "policy.toml"
    make(policy)
    with dsmil.open(served.device, run_dir=memory_dir, policy=policy) as device:
        judge(served, ask_for_everything(device), set())
        with pytest.raises(dsmil.QuarantineError) as caught:
            device.read(0x8003)
        assert caught.value.key == "policy-unusable"


def test_the_count_would_show_it(served: dsmil.sim.Server) -> None:
    import fcntl
    import struct

    with open(served.device, "rb") as file:
        fcntl.ioctl(file, 0x40044D09, struct.pack("=I", 0x8009))
    assert served.counters()["permanent"] == 1
