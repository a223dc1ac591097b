"""How sure a mean over seeds is."""

import numpy as np

DRAWS = 20_000
LEVEL = 0.95


def low(values: list[float]) -> float:
    """The lower end of the 95 % interval of the mean, by the percentile bootstrap over `values` (Efron and Tibshirani 1993)."""
    drawn = np.random.default_rng(0).choice(np.array(values), (DRAWS, len(values)))
    return float(np.quantile(np.mean(drawn, axis=1), 0.5 * (1.0 - LEVEL)))
