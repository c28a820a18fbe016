"""Tests.  No example of Hypothesis has a deadline: the machine may be busy."""

import hypothesis

hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")
