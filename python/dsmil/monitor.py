"""A live monitor in this process: samples, scores, gates, alerts and history, as `dsmil monitor` has them.

Only threads of Python's own run code of Python's: each sampler's callback and each `Monitor.on_step` has a daemon
thread. So a callback that hangs holds up nothing but itself, and the interpreter may end at any time.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import select
import threading
import time
import traceback
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from dsmil import _dsmil, watch
from dsmil.exceptions import ArgumentError
from dsmil.gate import Evaluation, _evaluation
from dsmil.quarantine import _me
from dsmil.records import _time
from dsmil.watch import Alert, AlertEvent, Anomaly, Sample, Score, Scores, SeriesPoints, Silence

__all__ = ["Monitor", "Sampler", "Steps", "sample_machine", "validate"]

Callback = Callable[[], Mapping[str, object]]
"""What is asked for metrics: a dict, as `dsmil.Gate.check` takes it."""

_log = logging.getLogger("dsmil")

sample_machine = _dsmil.sample_machine


@dataclass(frozen=True, slots=True)
class Sampler:
    """A callback with a pace of its own."""

    callback: Callback
    interval: float | timedelta = 30.0
    """The time between two calls, in seconds; at least 0.1."""
    timeout: float | timedelta | None = None
    """How long one may take, in seconds; 10, or the interval if that is shorter. A call that takes longer has failed;
    the next one is made when it has ended."""
    metrics: tuple[str, ...] = ()
    """What it gives when all is well, if that is known beforehand: when it fails, rules over these fail, also before
    the first value. Metrics that it has given once are known from then on."""


class Steps(Iterator[Sample], AsyncIterator[Sample]):
    """The steps of a monitor from here on, for ``for`` and for ``async for``.

    A reader that is too slow loses the oldest of 1,024 waiting steps, and is told so by `Sample.missed`. Ends when the
    monitor does.
    """

    __slots__ = ("_core", "_is_awaited", "_owner")

    def __init__(self, core: _dsmil.Steps, owner: Monitor | None = None) -> None:
        self._core = core
        # The monitor lives as long as somebody reads.
        self._owner = owner
        self._is_awaited = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Sample:
        while (taken := self._core.take()) is None:
            _wait(self._core.fileno())
        if taken is False:
            raise StopIteration
        return watch._sample(taken)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sample:
        if self._is_awaited:
            raise RuntimeError("another task awaits the next step here: each task needs an iterator of its own")
        self._is_awaited = True
        try:
            while (taken := self._core.take()) is None:
                await _readable(self._core.fileno())
        finally:
            self._is_awaited = False
        if taken is False:
            raise StopAsyncIteration
        return watch._sample(taken)

    def close(self) -> None:
        """Read no more. Whoever waits is told that it is the end."""
        self._core.close()


def _wait(fileno: int) -> None:
    """Wait until a descriptor is readable. Signal handlers run meanwhile."""
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    poll.poll()


async def _readable(fileno: int) -> None:
    """Wait until a descriptor is readable. Cancelling takes nothing away."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fileno, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(fileno)


class Monitor:
    """A monitor that runs in this process until it is stopped: ``with dsmil.Monitor(...) as monitor:``.

    *config* is a configuration file, or its text (a str with a ``=`` or a line break in it); None: everything as it is
    when nothing is said. No file is looked for.

    *device*, *run_dir* and *policy* are as for the command: what isn't given is what the configuration or the
    environment (``DSMIL_DEVICE`` …) says, or the default. The state directory must be named: by *state_dir*,
    ``DSMIL_STATE_DIR`` or the configuration. One monitor has it at a time: `HeldError` says which.

    *samplers* are callbacks by the names of their samplers, each a callable or a `Sampler`. It is called in a thread of
    its own and gives a dict of metrics, as `dsmil.Gate.check` takes them. An exception, or anything but such a dict, is
    a failure of that sampler, with its text in `errors`.

    If the configuration has a section ``[serve]``, the HTTP endpoint is served too.
    """

    def __init__(
        self,
        config: str | os.PathLike[str] | None = None,
        *,
        device: str | os.PathLike[str] | None = None,
        state_dir: str | os.PathLike[str] | None = None,
        run_dir: str | os.PathLike[str] | None = None,
        policy: str | os.PathLike[str] | None = None,
        samplers: Mapping[str, Callback | Sampler] | None = None,
    ) -> None:
        paced = {name: _paced(name, given) for name, given in (samplers or {}).items()}
        desks = {name: _dsmil.Desk(name, list(sampler.metrics)) for name, sampler in paced.items()}
        for name, desk in desks.items():
            _thread(f"dsmil {name}", _serve, desk, paced[name].callback)
        try:
            self._core = _dsmil.Monitor(
                **_place(config, device, state_dir, run_dir, policy),
                default_state_dir=None,
                samplers=[(desks[name], *_pace(name, sampler)) for name, sampler in paced.items()],
            )
        except BaseException:
            for desk in desks.values():
                desk.end()
            raise
        self._readers: list[threading.Thread] = []
        _running.add(self)

    def __iter__(self) -> Steps:
        return Steps(self._core.steps(), self)

    def __aiter__(self) -> Steps:
        return Steps(self._core.steps(), self)

    def on_step(self, callback: Callable[[Sample], object]) -> Callable[[], None]:
        """Call something with each step from here on, in a thread of its own; what is returned ends that.

        An exception there is logged (logger ``dsmil``), and the next step comes all the same. `stop` waits for up to a
        second for a call that is going on.
        """
        steps = self._core.steps()
        self._readers = [thread for thread in self._readers if thread.is_alive()]
        self._readers.append(_thread("dsmil on_step", _tell, steps, callback))
        return steps.close

    @property
    def running(self) -> bool:
        """Whether it runs, in this process."""
        return self._core.is_running()

    @property
    def state_dir(self) -> str:
        """Where samples, states and logs are kept."""
        return str(self._core.state_dir)

    @property
    def address(self) -> str | None:
        """Where the HTTP endpoint listens, ``127.0.0.1:9472``; None if nothing is served."""
        return self._core.address

    @property
    def steps(self) -> int:
        """How many steps were taken since the start."""
        taken = self._core.taken()
        return 0 if taken is None else taken[1]

    @property
    def at(self) -> datetime | None:
        """When the newest step was taken, in UTC; None before the first."""
        taken = self._core.taken()
        return None if taken is None else _time(taken[0])

    @property
    def verdict(self) -> Evaluation | None:
        """What all gates decide, and on what evidence; None before the first step."""
        fields = self._core.evaluation()
        return None if fields is None else _evaluation(fields)

    @property
    def scores(self) -> Scores | None:
        """The scores that were computed last; None until they were."""
        found = self._core.scores()
        return None if found is None else watch._scores(found[0])

    @property
    def health(self) -> Score | None:
        """The health score, with its checks; None until it was computed."""
        scores = self.scores
        return None if scores is None else scores.health

    @property
    def security(self) -> Score | None:
        """The security score, with its checks; None until it was computed."""
        scores = self.scores
        return None if scores is None else scores.security

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerts that are pending or firing, and those that have resolved lately."""
        return watch._alerts(self._core.alerts())

    @property
    def silences(self) -> tuple[Silence, ...]:
        """The silences."""
        return watch._silences(self._core.silences())

    @property
    def anomalies(self) -> tuple[Anomaly, ...]:
        """What is unusual for a device."""
        return watch._anomalies(self._core.anomalies())

    @property
    def errors(self) -> tuple[str, ...]:
        """What can't be sampled, and why."""
        return tuple(self._core.troubles()[0])

    @property
    def doubts(self) -> tuple[str, ...]:
        """What stands against relying on this monitor; nothing, if all is well."""
        return tuple(self._core.troubles()[1])

    def ack(self, fingerprint: str, by: str | None = None, comment: str = "") -> tuple[AlertEvent, ...]:
        """Take care of a firing alert: it is not repeated until it resolves or fires anew.

        *by* is this user unless another is named. When this returns, it is on the disk. Raises `AlertError`.
        """
        return watch._events(self._core.acknowledge(fingerprint, _me() if by is None else by, comment))

    def silence(
        self,
        matchers: str | Iterable[str] | Mapping[str, str],
        for_: float | timedelta,
        comment: str,
        by: str | None = None,
    ) -> Silence:
        """Let nobody be told of some alerts for a time, in seconds or as a timedelta.

        *matchers*: ``'alertname="cpu"'``, several of these (all must match), or a dict of labels. Raises `AlertError`.
        """
        if isinstance(matchers, str):
            matchers = [matchers]
        elif isinstance(matchers, Mapping):
            matchers = [f"{label}={json.dumps(value)}" for label, value in matchers.items()]
        id = self._core.silence(list(matchers), _seconds(for_), _me() if by is None else by, comment)
        return next(silence for silence in self.silences if silence.id == id)

    def expire(self, id: str, by: str | None = None) -> tuple[AlertEvent, ...]:
        """End a silence before its time. Raises `AlertError` if there is none of this id that still runs."""
        return watch._events(self._core.expire(id, _me() if by is None else by))

    def history(
        self,
        metric: str,
        *,
        last: float | timedelta = 3600.0,
        since: datetime | None = None,
        until: datetime | None = None,
        labels: Mapping[str, str] | None = None,
        resolution: str = "auto",
    ) -> tuple[SeriesPoints, ...]:
        """Give what is stored of a metric: a series for each label set that has these labels.

        The *last* seconds (or timedelta) until now or *until*; or from *since* on. *resolution*: ``raw``, ``minute``,
        ``hour``, or what suits the time. Works after `stop`, too.
        """
        end: datetime | int = time.time_ns() // 1_000_000 if until is None else until
        begin: datetime | int
        if since is not None:
            begin = since
        elif isinstance(end, int):
            begin = end - round(_seconds(last) * 1000)
        else:
            begin = end - timedelta(seconds=_seconds(last))
        return watch._past(self._core.history(metric, begin, end, labels, resolution))

    def reload(self, config: str | os.PathLike[str] | None = None) -> tuple[str, ...]:
        """Read the configuration again, or another one, without a gap; give the rules that begin anew.

        Callbacks go on. The device, the state directory, the options of history and log and the endpoint stay as they
        are. Raises `ConfigError`; then all stays as it was.
        """
        return tuple(self._core.reload(*_source(config)))

    def stop(self) -> None:
        """Stop: take a last step with all that was seen, and let the state directory go. Once more is fine.

        Takes some seconds at most. What was known stays readable.
        """
        self._core.stop()
        _running.discard(self)
        for thread in self._readers:
            if thread is not threading.current_thread():
                thread.join(1.0)
        self._readers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.stop()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a monitor can't be copied or pickled: one has a state directory at a time")

    def __repr__(self) -> str:
        return f"<dsmil.Monitor {self.state_dir!r}{'' if self.running else ' (stopped)'}>"


def validate(
    config: str | os.PathLike[str] | None = None,
    *,
    device: str | os.PathLike[str] | None = None,
    state_dir: str | os.PathLike[str] | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    policy: str | os.PathLike[str] | None = None,
) -> Scores:
    """Run the checks behind the scores once, on what the machine is like now, without a monitor and without a store.

    The arguments are those of `Monitor`; the state directory is the command's if none is named. It blocks for the
    slowest sampler.
    """
    place = _place(config, device, state_dir, run_dir, policy)
    return watch._scores(_dsmil.validate(**place, default_state_dir=_default_state_dir()))


def _place(
    config: str | os.PathLike[str] | None,
    device: str | os.PathLike[str] | None,
    state_dir: str | os.PathLike[str] | None,
    run_dir: str | os.PathLike[str] | None,
    policy: str | os.PathLike[str] | None,
) -> dict[str, Any]:
    path, text = _source(config)
    return {
        "config_path": path,
        "config_text": text,
        "device": None if device is None else os.fspath(device),
        "state_dir": state_dir if state_dir is not None else os.environ.get("DSMIL_STATE_DIR") or None,
        "run_dir": run_dir,
        "policy": policy,
    }


def _source(config: str | os.PathLike[str] | None) -> tuple[str | os.PathLike[str] | None, str | None]:
    """Tell a path from a text."""
    if isinstance(config, str) and ("=" in config or "\n" in config):
        return None, config
    return config, None


def _default_state_dir() -> Path:
    """Give the directory that the command would take."""
    if os.geteuid() == 0:
        return Path("/var/lib/dsmil-monitor")
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path("~/.local/state").expanduser()) / "dsmil-monitor"


def _paced(name: object, given: Callback | Sampler) -> Sampler:
    if not isinstance(name, str):
        raise TypeError(f"a sampler's name must be str, not {type(name).__name__}")
    if not name.strip():
        raise ArgumentError("samplers: a sampler has no name", kind="argument", name="samplers")
    sampler = given if isinstance(given, Sampler) else Sampler(given)
    if not callable(sampler.callback):
        raise TypeError(f"sampler {name}: its callback must be callable, not {type(sampler.callback).__name__}")
    return sampler


def _pace(name: str, sampler: Sampler) -> tuple[float, float]:
    """Interval and time-out, if they make sense."""
    interval = _seconds(sampler.interval)
    timeout = min(10.0, interval) if sampler.timeout is None else _seconds(sampler.timeout)
    if not 0.1 <= interval <= 86_400.0:
        message = f"sampler {name}: an interval of {interval} s is not between 0.1 s and a day"
        raise ArgumentError(message, kind="argument", name="interval")
    if not 0.05 <= timeout <= interval:
        message = f"sampler {name}: a time-out of {timeout} s is not between 0.05 s and the interval, {interval} s"
        raise ArgumentError(message, kind="argument", name="timeout")
    return interval, timeout


def _seconds(length: float | timedelta) -> float:
    return length.total_seconds() if isinstance(length, timedelta) else length


def _thread(name: str, run: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=run, name=name, args=arguments, daemon=True)
    thread.start()
    return thread


def _serve(desk: _dsmil.Desk, callback: Callback) -> None:
    """Answer a sampler's questions until there are no more."""
    while (asked := desk.take()) is not None:
        if not asked:
            _wait(desk.fileno())
            continue
        try:
            desk.answer(callback())
        except BaseException as error:
            # Whatever it is: SystemExit in a callback is no reason to end the sampler, let alone the program.
            desk.fail(_text(error))


def _text(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception_only(error)).strip()[:1000]
    except BaseException:
        return type(error).__name__


def _tell(steps: _dsmil.Steps, callback: Callable[[Sample], object]) -> None:
    for sample in Steps(steps):
        try:
            callback(sample)
        except Exception:
            _log.exception("an on_step callback failed")


_running: weakref.WeakSet[Monitor] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """Stop what still runs while the interpreter is whole."""
    for monitor in list(_running):
        monitor.stop()


def _let_go() -> None:
    """In a child by fork: don't keep the parent's state directories locked beyond its life."""
    folders = {os.path.realpath(monitor.state_dir) for monitor in list(_running)}
    _running.clear()
    for name in os.listdir("/proc/self/fd") if folders else ():
        try:
            folder, _, file = os.readlink(f"/proc/self/fd/{name}").rpartition("/")
            if folder in folders and file.endswith(".lock"):
                os.close(int(name))
        except OSError:
            continue


os.register_at_fork(after_in_child=_let_go)
