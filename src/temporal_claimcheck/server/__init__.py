"""The codec server: people see their data in the Web UI, other SDKs get the claim check."""
