"""Orders from shops: one file per source in sources/, one importer for all of them."""
