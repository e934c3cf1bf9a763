"""Expires returns that were never sent."""

from datetime import timedelta

from portal.returning.overdue import expire_overdue
from portal.work import Job

JOB = Job("returns", timedelta(minutes=10), expire_overdue)
