"""Buys, draws and gives back return labels."""

from datetime import timedelta
from functools import partial

from portal.app import App
from portal.press import press
from portal.returning.label import work_due
from portal.tracking.budget import Purpose
from portal.tracking.line import open_line
from portal.work import Job


def run(app: App) -> int:
    """One batch of due labels; returns how many."""
    return work_due(app, partial(open_line, app, purpose=Purpose.LABEL), press(app.settings.pdf_workers).sheet)


JOB = Job("labels", timedelta(seconds=1), run)
