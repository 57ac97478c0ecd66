"""Processes of a lab's own: what is timed in one process may be true of that process alone."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import ParamSpec, TypeVar

from workers.engine.devices import warm_up

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
CALL_SECONDS = 240.0  # below the time without a point after which a run is ended


class ProcessDied(Exception):
    """A process has ended, or did not answer in time, before it returned a result."""


class Process:
    """A fresh Python that calls functions of modules, one after another.

    It ends with the block of `processes`, and with the process that has started it.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def call(
        self,
        function: Callable[Parameters, Result],
        *arguments: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Result:
        """Return what a function returns there.

        Args:
            function: of a module, by name; arguments and result are copied.

        Raises:
            ProcessDied: there is no result.
            Exception: what the function raises.
        """
        try:
            self._ours.send((function, arguments, named))
            if not self._ours.poll(CALL_SECONDS):
                self.kill()
                raise ProcessDied(f"no result after {CALL_SECONDS:.0f} s")
            is_result, value = self._ours.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            raise ProcessDied(f"it ended with status {self._process.exitcode}") from error
        if not is_result:
            raise value
        result: Result = value
        return result

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()
        self._process.join()


@contextmanager
def processes(count: int) -> Iterator[list[Process]]:
    """Yield that many fresh processes, which are killed at the end of the block.

    They take turns: one computes while the others wait, so that none disturbs what another times.
    """
    with ExitStack() as stack:
        started = []
        for _ in range(count):
            started.append(Process())
            stack.callback(started[-1].kill)
        for process in started:
            process.call(warm_up)
        yield started


def _serve(connection: Connection) -> None:
    while True:
        try:
            function, arguments, named = connection.recv()
        except EOFError:  # who has started it is gone
            return
        try:
            answer = True, function(*arguments, **named)
        except Exception as error:
            answer = False, error
        connection.send(answer)
