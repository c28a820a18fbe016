"""A site's certificates: authorities, what they sign, and how both are replaced without loss."""
