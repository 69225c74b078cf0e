"""6. Looking and repairing: the administration API."""
