"""Copies what one store holds to another: objects as they are, and the records they need."""
