"""Takes up what carriers have sent: webhooks and answers to polls."""

from datetime import timedelta

from portal.tracking.ingest import ingest
from portal.work import Job

JOB = Job("ingest", timedelta(seconds=1), ingest, rounds=200)
