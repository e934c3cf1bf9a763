"""Talking to parcel carriers: values in, values out. Knows no shop, no database, no web page."""
