"""Spans of what the claim check does."""
