"""Many machines: clips, and parts of long ones, as tasks of a Dask scheduler (the extra `cluster`).

The machines share a file system on which sources and results have the same paths, and have the same vstab. A task
whose worker dies is given to another worker by the scheduler; its half-made result lies in the staging folder and is
never looked at. Where the batch ends, its staging folder goes, and tasks that are still at work stop at that.
"""

from __future__ import annotations

import logging
import secrets
import socket
from typing import Any

from ..errors import UsageError, VstabError
from .clip import Job, Outcome, run_clip
from .run import Future
from .segments import LongClip, is_long

logger = logging.getLogger(__name__)

CONNECT_S = 10
RETRIES = 2  # of what a machine cannot do: no memory, no shared folder; the deaths of workers are Dask's to count


class ClusterPool:
    """The workers of a Dask scheduler.

    Args:
        address: as "tcp://host:8786".

    Raises:
        UsageError: the package is missing, or nobody answers there.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed.comm
        except ImportError as error:
            raise UsageError("--scheduler needs Dask's scheduler; pip install 'vstab[cluster]'") from error
        dask: Any = distributed  # without types
        try:
            # knock first: a client that finds nobody is closed by Python some time, which takes long and says much
            socket.create_connection(dask.comm.get_address_host_port(address, strict=True), CONNECT_S).close()
            self._client = dask.Client(address, timeout=CONNECT_S, set_as_default=False, name="vstab-batch")
        except (OSError, TimeoutError, ValueError) as error:
            raise UsageError(f"no Dask scheduler answers at '{address}': {error}") from error
        self._address = address
        self._key = f"vstab-{secrets.token_hex(4)}"
        self._futures: set[Any] = set()  # of what is not done yet: results that nobody holds are not made again
        if not self._client.nthreads():
            logger.warning("no worker is connected to '%s' yet; the clips wait for one", address)

    def submit(self, job: Job) -> Future:
        """Take on a job."""
        if not is_long(job):
            return self._hand_out(job)
        clip = LongClip(job, self._hand_out)
        clip.begin()
        return clip.future

    def _hand_out(self, job: Job, step: str = "") -> Future:
        # what takes longest begins first: the steps of a long clip go before clips that wait
        key, priority = f"{self._key}-{job.number}{step and '-'}{step}", int(bool(step))
        future: Future = self._client.submit(_run, job, key=key, pure=False, retries=RETRIES, priority=priority)
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    def check(self) -> None:
        """Raise where the scheduler is gone."""
        if self._client.status not in ("running", "connecting"):
            raise VstabError(f"the scheduler at '{self._address}' is gone; run the same command again to go on")

    def close(self) -> None:
        """Withdraw the tasks; those at work stop once the staging folder is gone."""
        if self._client.status == "running":
            self._client.cancel(list(self._futures))
        self._client.close()


def _run(job: Job) -> Outcome:
    """Do a job on a worker."""
    if not job.staging.is_dir():
        raise VstabError(
            f"worker {socket.gethostname()} does not see '{job.staging}'; the machines need one shared file system"
        )
    return run_clip(job, stop=lambda: not job.staging.is_dir())
