"""What the commands of `doorstep` do, one module per group; portal.cli names them and imports each when it runs."""
