"""The job that sends what is due in the outbox."""

from datetime import timedelta

from portal.notify.send import send_due
from portal.work import Job

JOB = Job("send", timedelta(seconds=2), send_due)
