"""Service chains: what each port sends into which service, and where the services are."""
