"""Takes files that carriers have put into folders."""

from datetime import timedelta

from portal.tracking.files import take_files
from portal.work import Job

JOB = Job("files", timedelta(seconds=10), take_files, rounds=200)
