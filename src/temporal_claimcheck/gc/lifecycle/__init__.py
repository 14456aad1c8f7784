"""Expiry: the smallest safe age of objects, and what a store is set to do."""
