"""``driftwatch demo``: a real model goes stale on a year of flights, is noticed, retrained and well again.

Everything here is done with parts that a user has: ``Baseline``, ``watch``, ``Client``, ``driftwatch serve`` and
HTTP. ``flights`` is the data, ``modelling`` the model, ``receiver`` takes the webhook, ``retraining`` answers it,
``service`` starts the process, ``story`` tells it, ``summary`` judges whether it happened.
"""
