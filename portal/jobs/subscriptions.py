"""Asks carriers to push, renews that before it ends, and takes it back."""

from datetime import timedelta

from portal.tracking.subscribe import keep_subscribed
from portal.work import Job

JOB = Job("subscriptions", timedelta(seconds=15), keep_subscribed, rounds=20)
