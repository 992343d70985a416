"""The operations of a device for ``await``: the event loop isn't blocked meanwhile.

Each device has one thread of its own for them, started at first use: a device does one thing at a time anyway, so
calls are made in the order in which they were awaited, and never wait for each other at the device.

**Cancelling.** A cancelled call that hasn't been started is never made. One that is under way can't be taken back: the
awaiting task goes on at once, the call ends on its own within its deadline, and its result is dropped.

Opening blocks too: ``dev = await asyncio.to_thread(dsmil.open, "sim:")``. Leave with ``await dev.aio.close()``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from dsmil import device as _device
from dsmil.enums import Operation
from dsmil.exceptions import ClosedError
from dsmil.records import LatencyReport, Probe, Scan, SystemStatus, Version

if TYPE_CHECKING:
    from dsmil import _dsmil
    from dsmil._dsmil import DeviceRecord

__all__ = ["AsyncDevice"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class AsyncDevice:
    """The operations of a `dsmil.Device` for ``await``. Made by its ``aio``."""

    __slots__ = ("_device", "_ended", "_executor")

    def __init__(self, core: _dsmil.Device) -> None:
        # A device of its own around the same core, so that the two don't keep each other alive.
        self._device = _device.Device.__new__(_device.Device)
        self._device._core = core
        self._ended = False
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dsmil-aio")

    async def scan(self) -> Scan:
        """As `dsmil.Device.scan`."""
        return await self._run(self._device.scan)

    async def read(self, id: int | str) -> bytes:
        """As `dsmil.Device.read`."""
        return await self._run(self._device.read, id)

    async def info(self, id: int | str) -> DeviceRecord:
        """As `dsmil.Device.info`."""
        return await self._run(self._device.info, id)

    async def status(self) -> SystemStatus:
        """As `dsmil.Device.status`."""
        return await self._run(self._device.status)

    async def thermal(self) -> int:
        """As `dsmil.Device.thermal`."""
        return await self._run(self._device.thermal)

    async def version(self) -> Version:
        """As `dsmil.Device.version`."""
        return await self._run(self._device.version)

    async def probe(self) -> Probe:
        """As `dsmil.Device.probe`."""
        return await self._run(self._device.probe)

    async def latency(self) -> LatencyReport:
        """As `dsmil.Device.latency`."""
        return await self._run(self._device.latency)

    async def check(self, id: int | str, operation: Operation | str = Operation.READ) -> None:
        """As `dsmil.Device.check`."""
        await self._run(self._device.check, id, operation)

    async def is_cleared(self, id: int | str, operation: Operation | str = Operation.READ) -> bool:
        """As `dsmil.Device.is_cleared`."""
        return await self._run(self._device.is_cleared, id, operation)

    async def sim_counters(self) -> dict[str, Any] | None:
        """As `dsmil.Device.sim_counters`."""
        return await self._run(self._device.sim_counters)

    async def close(self) -> None:
        """As `dsmil.Device.close`: after the calls that were awaited before."""
        if not self._device.closed:
            await self._run(self._device._core.close)
        self._shut_down()

    async def _run(self, call: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
        try:
            future = self._executor.submit(call, *arguments, **named)
        except RuntimeError as error:
            # It says so too where the interpreter is about to end.
            if not self._ended:
                raise
            raise ClosedError("the device is closed", kind="closed") from error
        return await asyncio.wrap_future(future)

    def _shut_down(self) -> None:
        self._ended = True
        self._executor.shutdown(wait=False)
