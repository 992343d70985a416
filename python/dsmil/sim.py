"""The simulated device: in this process, or served as a file on which any program's ``ioctl`` works."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from dsmil import _dsmil

__all__ = ["Model", "Server", "serve"]


class Model:
    """A simulated driver in this process. Several devices may be opened on one: ``dsmil.open(model)``.

    *options* are those of ``sim:`` (``seed=7,firmware-limit=none``), *faults* is the text of a fault file. Raises
    `SpecError` for what can't be followed.
    """

    __slots__ = ("_core",)

    def __init__(self, options: str = "", faults: str = "") -> None:
        self._core = _dsmil.Model(options, faults)

    def counters(self) -> dict[str, Any]:
        """Give what the driver was asked: ``sequence``, ``opens``, ``permanent``, ``requests``, ``ids``."""
        counters: dict[str, Any] = json.loads(self._core.counters())
        return counters

    def set_faults(self, faults: str) -> None:
        """Set what the driver does wrong, as the text of a fault file; an empty text sets nothing wrong."""
        self._core.set_faults(faults)


class Server:
    """A simulated device that is served in a directory. Made by `serve`; ended by ``with`` or `stop`."""

    __slots__ = ("__weakref__", "_core")

    def __init__(self, path: str | os.PathLike[str], options: str = "", faults: str = "", mode: int = 0o600) -> None:
        self._core = _dsmil.Server(path, options, faults, mode)

    @property
    def path(self) -> Path:
        """The directory."""
        return Path(self._core.path)

    @property
    def device(self) -> Path:
        """The device file in it, for `dsmil.open` or any other program."""
        return Path(self._core.device)

    @property
    def is_running(self) -> bool:
        """Whether this process still serves the directory."""
        return self._core.is_running

    def counters(self) -> dict[str, Any]:
        """Give what the device was asked: ``sequence``, ``opens``, ``permanent``, ``requests``, ``ids``."""
        counters: dict[str, Any] = json.loads(self._core.counters())
        return counters

    def set_faults(self, faults: str) -> None:
        """Set what the driver does wrong, as the text of a fault file; an empty text sets nothing wrong.

        Raises `SpecError`, with the line, for a text that can't be followed; the old faults then stay.
        """
        self._core.set_faults(faults)

    def stop(self) -> None:
        """End the service: the files vanish, the directory stays. Stopping twice is fine.

        In a child made by ``fork`` it does nothing: what is served is the parent's.
        """
        self._core.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.stop()

    def __reduce__(self) -> NoReturn:
        raise TypeError("what serves a device can't be copied or pickled: pass on its path")

    def __repr__(self) -> str:
        return f"<dsmil.sim.Server {str(self.path)!r}{'' if self.is_running else ' (ended)'}>"


def serve(path: str | os.PathLike[str], options: str = "", faults: str = "", mode: int = 0o600) -> Server:
    """Serve a simulated device in a directory, which is made where it is missing.

    *options* are those of ``sim:`` (``seed=7,firmware-limit=none``), *faults* is the text of a fault file, *mode* the
    device's permission bits. Root needs nothing else; other users need Debian's ``fuse3`` and are alone able to see it.

    Raises `SpecError` for options or faults that can't be followed, `ServeError` where it can't be served.
    """
    return Server(path, options, faults, mode)
