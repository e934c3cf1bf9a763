"""The agents' pages, one file per thing they do. What they show is prepared in portal/web/console."""
