"""Identity: who asks (:mod:`base`, made by :mod:`choice`), and what the policy lets it do
(:mod:`policy`)."""
