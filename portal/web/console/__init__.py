"""What the agents' pages show, prepared: scope, words, queue, timeline, cases. Pages are in web/pages/console."""
