"""Faults at random, one after the other, under traffic; after each the data plane is the model's.

``python -m lab.chaos --seed N --minutes M``: what happens follows from the seed and the lab alone,
so a run that fails can be repeated.
"""
