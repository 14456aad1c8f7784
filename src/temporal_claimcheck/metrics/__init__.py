"""Observers that turn events into metrics."""
