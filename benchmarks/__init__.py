"""Speed, as ratios within one run: what is compared takes turns, and the machine's own limits are printed beside."""
