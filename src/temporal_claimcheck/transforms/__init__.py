"""Reversible transforms of stored bytes."""
