"""Benchmarks: `python -m benchmarks`, explained in docs/explanation/performance.md."""
