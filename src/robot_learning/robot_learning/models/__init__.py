"""Networks (torch) and their weights on disk and on the wire."""
