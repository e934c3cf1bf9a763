"""Carriers that exist only here: servers for the demo and for tests."""
