"""DBOS's part of the benchmark of durable steps: steps_dbos.py FOLDER.

A workflow of no-op steps, one after the other, with DBOS's own SQLite in the folder. Reads how many steps to take, line
by line, from standard input, and answers with nanoseconds.
"""

import sys
import time

from dbos import DBOS, DBOSConfig  # type: ignore[import-not-found]

config: DBOSConfig = {
    "name": "steps",
    "system_database_url": f"sqlite:///{sys.argv[1]}/dbos.sqlite",
    "run_admin_server": False,
    "log_level": "ERROR",
}
DBOS(config=config)


@DBOS.step()  # type: ignore[untyped-decorator]
def nothing() -> None:
    """Do nothing, durably."""


@DBOS.workflow()  # type: ignore[untyped-decorator]
def steps(count: int) -> None:
    """Take so many steps."""
    for _ in range(count):
        nothing()


def main() -> None:
    """Take steps as asked."""
    DBOS.launch()
    for line in sys.stdin:
        begun = time.perf_counter_ns()
        steps(int(line))
        print(time.perf_counter_ns() - begun, flush=True)
    DBOS.destroy()


if __name__ == "__main__":
    main()
