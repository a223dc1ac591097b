"""Benchmarks: what is claimed, and how it is measured."""
