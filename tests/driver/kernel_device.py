"""The kernel module's device, for tests that can run on it: where DSMIL_TEST_DEVICE names its node."""

from __future__ import annotations

import fcntl
import json
import os
import tomllib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CONTROL = Path("/sys/kernel/debug/dsmil-sim")


def node() -> str | None:
    """The node to test on, or None."""
    return os.environ.get("DSMIL_TEST_DEVICE")


def word(key: str, value: object) -> str:
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return f"{key}={int(value) if isinstance(value, bool) else value}"


def fault_lines(text: str) -> str:
    """A fault file's text as the module reads faults: one a line."""
    faults = tomllib.loads(text).get("fault", [])
    return "".join(" ".join(word(key, value) for key, value in fault.items()) + "\n" for fault in faults) or "\n"


class KernelDevice:
    """The driver, restarted for one test. Has what tests use of `dsmil.sim.Server`."""

    def __init__(self, options: str = "seed=7", faults: str = "") -> None:
        name = node()
        assert name is not None, "DSMIL_TEST_DEVICE is not set: make test-kernel"
        self.device = Path(name)
        self.is_running = True
        # There is one driver, and one test at a time has it.
        self._turn = open("/run/dsmil-test.lock", "w")  # noqa: SIM115
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        self._write("options", options or "\n")
        self.set_faults(faults)

    def set_faults(self, faults: str) -> None:
        """Set the faults, none of which has acted yet."""
        self._write("faults", fault_lines(faults))

    def counters(self) -> dict[str, Any]:
        """What the module counted."""
        counters: dict[str, Any] = json.loads((CONTROL / "counters.json").read_text())
        return counters

    def stop(self) -> None:
        """Let the next test have it."""
        self._turn.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    def _write(self, name: str, text: str) -> None:
        # One write: the module takes a text as a whole.
        file = os.open(CONTROL / name, os.O_WRONLY)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)
