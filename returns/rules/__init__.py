"""One file per reason to allow, review or deny a return: RULE, EXPLAIN and OPTIONS. Found by being in this folder."""
