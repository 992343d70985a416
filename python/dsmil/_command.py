"""The command ``dsmil`` of this package: the same code as the native one."""

from __future__ import annotations

import signal
import sys

from dsmil import _dsmil


def main() -> int:
    """Run the command with this process's arguments, and give its exit status."""
    # Python would only note a Ctrl-C and wait for its interpreter to come back; the native command ends.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.stdout.flush()
    return _dsmil.command(sys.argv)
