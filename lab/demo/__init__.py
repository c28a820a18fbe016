"""The demo: the product at work on this machine.  ``python -m lab.demo`` runs it."""
