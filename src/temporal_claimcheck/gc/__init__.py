"""Collects garbage: objects that nothing in Temporal refers to any more."""
