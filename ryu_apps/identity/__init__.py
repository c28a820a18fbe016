"""Identity: who asks, and what the policy lets it do."""
