"""One file per order source, each declaring SOURCE. Found by being in this folder."""
