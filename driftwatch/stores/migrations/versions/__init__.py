"""The steps. A file's name begins with its number; its ``down_revision`` is the step before."""
