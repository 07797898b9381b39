"""The HTTP side of the service: ingest in front, everything else in FastAPI behind it."""
