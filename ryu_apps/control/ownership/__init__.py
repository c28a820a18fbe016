"""Which node is in charge of which element: records of the store, and how the choice is proposed.

The choice only *proposes*.  Who is in charge is what the record of the element's owner says
(:mod:`~ryu_apps.control.ownership.records`), and that is changed by compare-and-swap alone.
"""
