"""The configuration, and the whole of a store, as files: written, read, compared, put back."""
