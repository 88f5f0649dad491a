"""Networks, distributions and terms that methods share: torch alone."""
