"""What the tests of the monitor share."""

from __future__ import annotations

from collections.abc import Callable

import dsmil

FAST = """
version = 1
evaluate_every = "100ms"
score_every = "200ms"
[samplers.devices]
enabled = false
"""
SLOW = FAST.replace("100ms", "30s").replace("200ms", "30s")
GATES = """
version = 1
[[rule]]
name = "queue"
metric = "app_queue"
require = "< 10"
unit = "jobs"
severity = "critical"
on_fail = "no-go"
on_no_data = "hold"
[[gate]]
name = "deploy"
kind = "all"
rules = ["queue"]
"""

Start = Callable[..., dsmil.Monitor]


def until(monitor: dsmil.Monitor, wanted: Callable[[dsmil.Sample], bool], steps: int = 100) -> dsmil.Sample:
    """Take steps until one is as wanted."""
    for _, sample in zip(range(steps), monitor, strict=False):
        if wanted(sample):
            return sample
    raise AssertionError(f"none of {steps} steps was as wanted")
