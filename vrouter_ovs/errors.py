"""The errors of this package."""

from __future__ import annotations


class PipelineError(ValueError):
    """An object cannot be rendered, or a flow breaks what its table declares."""
