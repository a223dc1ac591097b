"""Experiments, training, evaluation, reports and the command line."""
