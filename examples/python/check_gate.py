"""Ask whether the next step may be taken: check_gate.py GATES.toml [METRICS.json].

Without metrics it measures CPU and memory itself. Ends with 0 for go, 7 for hold and no-go, 8 for roll-back.
"""

import json
import sys
import time
from pathlib import Path

import dsmil


def measure() -> dict[str, float | None]:
    """CPU and memory: how busy the processors were over half a second."""
    dsmil.sample_machine()
    time.sleep(0.5)
    sample = dsmil.sample_machine()
    return {"cpu_percent": sample.cpu_percent, "memory_percent": sample.memory_percent}


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("usage: check_gate.py GATES.toml [METRICS.json]")
    gate = dsmil.Gate.load(sys.argv[1])
    metrics = json.loads(Path(sys.argv[2]).read_text()) if len(sys.argv) > 2 else measure()
    verdict = gate.check(metrics)
    for reason in verdict.reasons:
        print(reason)
    print(verdict.verdict)
    sys.exit({dsmil.Verdict.GO: 0, dsmil.Verdict.ROLL_BACK: 8}.get(verdict.verdict, 7))


main()
