"""Reads stored scans again after somebody decided what their code means."""

from datetime import timedelta

from portal.tracking.mapping import apply_due
from portal.work import Job

JOB = Job("codes", timedelta(seconds=1), apply_due, rounds=200)
