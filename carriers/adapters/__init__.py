"""One carrier per file; `carriers.registry` finds them by this folder."""
