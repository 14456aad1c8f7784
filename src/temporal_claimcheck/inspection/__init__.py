"""Looks at what is stored, and at who in Temporal refers to it. Changes nothing."""
