"""Why a packet would pass, or would not: the answers of ``explain``."""
