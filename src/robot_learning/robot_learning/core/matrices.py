"""Many small matrices at once: products, symmetry and factors that do not fail. "…" stands for any number of batch dimensions."""

import numpy as np

from robot_learning.core.types import Array

ROUNDING = 1e-12  # smallest eigenvalue that counts as positive, relative to the largest
SMALL = 8  # up to this size a matrix is inverted in one piece
SMALLEST = 1e-150  # and absolutely: its square and its inverse can be represented


def transpose(M: Array) -> Array:
    """The transposes (…, n, m) of matrices (…, m, n)."""
    return np.swapaxes(M, -1, -2)


def apply(M: Array, v: Array) -> Array:
    """M v: matrices (…, m, n) times vectors (…, n)."""
    product: Array = (M @ v[..., None])[..., 0]
    return product


def symmetric(M: Array) -> Array:
    """The symmetric part of square matrices (…, n, n)."""
    part: Array = 0.5 * (M + np.swapaxes(M, -1, -2))
    return part


def raise_eigenvalues(M: Array, least: float | Array) -> Array:
    """Symmetric matrices (…, n, n), with eigenvalues below `least` (a number, or (…)) raised to it. Not finite: `least` times identity."""
    finite = np.all(np.isfinite(M), axis=(-1, -2))
    values, vectors = np.linalg.eigh(np.where(finite[..., None, None], M, np.eye(M.shape[-1])))
    bound = np.broadcast_to(least, finite.shape)[..., None]
    values = np.where(finite[..., None], np.maximum(values, bound), bound)
    return symmetric((vectors * values[..., None, :]) @ transpose(vectors))


def root(M: Array, least: float = 0.0) -> tuple[Array, Array]:
    """L (…, n, n), lower triangular, with L Lᵀ = M; and which matrices (…) had to be repaired first.

    A repaired matrix was not finite or not positive definite: its eigenvalues were raised to `least`, or to rounding where that
    is more.
    """
    try:
        return np.linalg.cholesky(M), np.zeros(M.shape[:-2], dtype=bool)
    except np.linalg.LinAlgError:
        finite = np.all(np.isfinite(M), axis=(-1, -2))
        values = np.linalg.eigvalsh(np.where(finite[..., None, None], M, 0.0))
        bound = np.maximum(np.maximum(least, ROUNDING * np.max(np.abs(values), axis=-1)), SMALLEST)
        bad = ~finite | (values[..., 0] < bound)
        return np.linalg.cholesky(np.where(bad[..., None, None], raise_eigenvalues(M, bound), M)), bad


def inverse_root(M: Array, least: float = 0.0) -> tuple[Array, Array]:
    """R (…, n, n), lower triangular, with RᵀR = M⁻¹; and which matrices (…) had to be repaired first, as in `root`."""
    L, repaired = root(M, least)
    return lower_inverse(L), repaired


def lower_inverse(L: Array) -> Array:
    """The inverses (…, n, n) of lower triangular matrices, by halves: [[A, 0], [B, C]]⁻¹ = [[A⁻¹, 0], [−C⁻¹ B A⁻¹, C⁻¹]].

    numpy has only the general inverse, which does not know of the zeros and takes two to three times as long from n = 39 on.
    """
    n = L.shape[-1]
    if n <= SMALL:
        return np.linalg.inv(L)
    half = n // 2
    A, B, C = L[..., :half, :half], L[..., half:, :half], L[..., half:, half:]
    R = np.zeros_like(L)
    R[..., :half, :half], R[..., half:, half:] = lower_inverse(A), lower_inverse(C)
    R[..., half:, :half] = -R[..., half:, half:] @ (B @ R[..., :half, :half])
    return R
