"""`python -m portal` is `doorstep`."""

from portal.cli import main

main()
