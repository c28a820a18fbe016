"""The users of ``[api] auth = tokens``: their projects, roles and credentials, in the config store.
"""
