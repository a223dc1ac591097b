"""Limits and the gate that every command passes; numpy only."""
