"""``driftwatch demo``: a real model goes stale on a year of flights, is noticed, retrained and well again.

Everything here is done with parts that a user has: ``Baseline``, ``watch``, ``Client``, ``driftwatch serve`` and
HTTP. ``flights`` is the data, ``modelling`` the model, ``receiver`` takes the webhook, ``retraining`` answers it,
``service`` runs the process, ``replay`` lives the year again and ``progress`` shows it, ``counting`` reads the log,
``summary`` judges whether the story happened, and ``story`` tells it from beginning to end.
"""
