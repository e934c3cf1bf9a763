"""A brand's look, worked out from its eight tokens: what pages and mails paint with."""
