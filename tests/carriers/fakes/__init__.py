"""Local servers that speak the carriers' documented APIs over real HTTP."""
