"""What a recurring job is, and where the worker finds them: one file each in portal/jobs."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from portal.app import App


@dataclass(frozen=True, slots=True)
class Job:
    """One recurring tick. `run` handles one batch of what is due and returns how many rows it handled.

    The worker calls `run` again at once while it returns more than 0, up to `rounds` times, then waits for `every`.
    """

    name: str
    every: timedelta
    run: Callable[[App], int]
    rounds: int = 50


def all_jobs() -> list[Job]:
    """Every module's JOB in portal/jobs, by name. Raises LookupError for a module that declares none."""
    folder = importlib.import_module("portal.jobs")
    found: list[Job] = []
    for info in sorted(pkgutil.iter_modules(folder.__path__), key=lambda info: info.name):
        job = getattr(importlib.import_module(f"{folder.__name__}.{info.name}"), "JOB", None)
        if not isinstance(job, Job):
            raise LookupError(f"portal/jobs/{info.name}.py must declare JOB")
        found.append(job)
    return sorted(found, key=lambda job: job.name)
