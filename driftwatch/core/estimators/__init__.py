"""Quality before labels come: what predictions themselves, or their features, let one expect.

Classification: `cbpe`, from scores that are calibrated on labelled rows. Regression: `dle`, from a model of the loss.
"""
