"""Shops that queue a push and say later what became of it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from integration.strict_shops.base import Item, StrictShop
from integration.strict_shops.wire import Refusal, Request


@dataclass
class Job:
    """`state`: queued, running, complete or failed. `refused` is known when it is complete."""

    id: str
    items: Sequence[Item]
    state: str = "queued"
    polls: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.state in {"complete", "failed"}


class JobShop(StrictShop):
    """Time is counted in polls: the items are applied by the poll that finds the job complete."""

    polls_are_paced = False  # a poll counts as one of the requests a minute

    def __init__(self, port: int = 0, *, key: str = "key", secret: str = "secret") -> None:
        super().__init__(port, key=key, secret=secret)
        self.jobs: dict[str, Job] = {}

    def job_id(self) -> str:
        return str(uuid.uuid4())

    def start_job(self, items: Sequence[Item]) -> Job:
        job = Job(self.job_id(), items)
        self.jobs[job.id] = job
        return job

    def poll(self, request: Request, job_id: str) -> Job:
        self.polls += 1
        self.authorise(request)
        self.require_method(request, "GET")
        if self.polls_are_paced:
            self.spend("requests", 1, self.requests_per_minute)
        job = self.find_job(job_id)
        self.advance(job)
        return job

    def find_job(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise Refusal(404, "no such job")
        return self.jobs[job_id]

    def advance(self, job: Job) -> None:
        job.polls += 1
        if job.is_over or self.job_outcome == "never":
            return
        if job.polls <= self.polls_until_done:
            job.state = "queued" if job.polls == 1 else "running"
        elif self.job_outcome == "fail":
            job.state = "failed"
        else:
            job.refused = self.finish(job)
            job.state = "complete"

    def finish(self, job: Job) -> dict[str, str]:
        return self.put(job.items)
