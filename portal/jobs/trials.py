"""Tests connections that somebody asked about in the console."""

from datetime import timedelta

from portal.tracking.trial import try_due
from portal.work import Job

JOB = Job("trials", timedelta(seconds=1), try_due, rounds=5)
