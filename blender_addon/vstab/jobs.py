"""The queue: one job runs at a time, in the order in which they came."""

from __future__ import annotations

import time
from collections.abc import Iterable

from .job import Job, Runner

_POLL_S = 0.02


class Queue:
    """The jobs that wait and the one that runs."""

    def __init__(self) -> None:
        self._runners: list[Runner] = []

    @property
    def jobs(self) -> list[Job]:
        """The jobs that are not over, the running one first."""
        return [runner.job for runner in self._runners]

    def add(self, jobs: Iterable[Job]) -> None:
        """Append jobs."""
        self._runners += [Runner(job) for job in jobs]

    def tick(self) -> None:
        """Let the first job go on; jobs that are over leave the queue."""
        if self._runners:
            self._runners[0].tick()
        self._runners = [runner for runner in self._runners if not runner.job.over]

    def cancel(self, jobs: Iterable[Job]) -> None:
        """Stop some jobs. The running one is over some ticks later, when its child has cleaned up."""
        named = {id(job) for job in jobs}
        for runner in self._runners:
            if id(runner.job) in named:
                runner.cancel()
        self._runners = [runner for runner in self._runners if not runner.job.over]

    def close(self) -> None:
        """Stop everything and wait until it has stopped."""
        runners, self._runners = self._runners, []
        for runner in runners:
            runner.close()


def run_to_end(job: Job) -> None:
    """Run one job while the caller waits."""
    runner = Runner(job)
    try:
        while not job.over:
            runner.tick()
            time.sleep(_POLL_S)
    finally:
        runner.close()


queue = Queue()
