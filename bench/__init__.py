"""Benchmarks: figures for people, never tests.  ``python -m bench --help`` lists them."""
