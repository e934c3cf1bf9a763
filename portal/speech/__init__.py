"""How the product speaks: words of the vocabulary, dates and money, and the languages they are written in."""
