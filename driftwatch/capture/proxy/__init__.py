"""``driftwatch proxy``: a reverse proxy that copies what a model is asked and answers."""
