"""Asks carriers about parcels that are due."""

from datetime import timedelta

from portal.tracking.poll import poll
from portal.work import Job

JOB = Job("poll", timedelta(seconds=2), poll)
