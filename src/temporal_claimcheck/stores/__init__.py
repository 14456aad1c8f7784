"""Stores of immutable blobs, a module each; `wiring` picks one by URL."""
