"""Reads from Temporal what refers to objects, and leaves nothing out."""
