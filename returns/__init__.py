"""The rules of sending things back: values in, values out. Knows no shop, no database, no web page."""
