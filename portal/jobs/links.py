"""Sees to those who asked for fresh links to their orders."""

from datetime import timedelta

from portal.notify.wishes import see_to_wishes
from portal.work import Job

JOB = Job("links", timedelta(seconds=2), see_to_wishes)
