"""What happens to a return, one verb per file: load rows, ask `returns`, write rows. Refusals are raised.

Effects (label, mail, refund) are rows written in the same transaction; jobs carry them out.
"""
