"""Low-poly visuals as Wavefront OBJ: closed surfaces through a row of rings.

A shape of urdf/tables/ is one of
- turned: {axis: z, center: [x, y, z], profile: [[s, r], …]}, radius r at s along the axis from the center;
- lofted: {ref: x, rings: [[x, y, z, nx, ny, nz, ru, rv], …]}, ellipses with centre, normal (of any length) and half axes: ru along
  `ref` (as far as the normal lets it), rv across it.
Optional: sides (12) and power (2: ellipses; larger: towards rectangles with round corners).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MATERIALS = {"white": "0.98 0.98 0.97 1", "dark": "0.22 0.23 0.25 1", "silver": "0.8 0.81 0.83 1", "blue": "0.36 0.56 0.74 1"}
SIDES = 12
Array = NDArray[np.float64]


def obj_text(shapes: list[dict[str, Any]]) -> str:
    """One OBJ file of all shapes, with vertex normals (round sides look round, flat ends flat)."""
    lines = ["# Made by urdf/generate.py from urdf/tables/; change those."]
    faces: list[str] = []
    count = 1
    for shape in shapes:
        for points, triangles in _surfaces(shape):
            lines += [f"v {_text(point)}" for point in points]
            lines += [f"vn {_text(normal)}" for normal in _normals(points, triangles)]
            faces += [f"f {a}//{a} {b}//{b} {c}//{c}" for a, b, c in triangles + count]
            count += len(points)
    return "\n".join(lines + faces) + "\n"


def _surfaces(shape: dict[str, Any]) -> list[tuple[Array, NDArray[np.int64]]]:
    """The side and the two ends of a shape, each with points of its own, so that normals do not blend over the edge."""
    rings = np.stack([_ring(ring, shape) for ring in _rings(shape)])
    n, sides = rings.shape[:2]
    k = np.arange(sides)
    next_k = (k + 1) % sides
    side = []
    for i in range(n - 1):
        low, high = i * sides, (i + 1) * sides
        side += [np.stack([low + k, low + next_k, high + next_k], axis=-1), np.stack([low + k, high + next_k, high + k], axis=-1)]
    fan = np.stack([np.zeros(sides - 2, dtype=np.int64), np.arange(1, sides - 1), np.arange(2, sides)], axis=-1)
    return [(rings.reshape(-1, 3), np.concatenate(side)), (rings[0], fan[:, ::-1]), (rings[-1], fan)]


def _rings(shape: dict[str, Any]) -> list[list[float]]:
    if "rings" in shape:
        rings: list[list[float]] = shape["rings"]
        return rings
    axis = np.eye(3)["xyz".index(shape["axis"])]
    return [[*(np.array(shape["center"]) + s * axis), *axis, r, r] for s, r in shape["profile"]]


def _ring(ring: list[float], shape: dict[str, Any]) -> Array:
    center, normal, (ru, rv) = np.array(ring[:3]), np.array(ring[3:6], dtype=float), ring[6:]
    normal /= np.linalg.norm(normal)
    reference = np.eye(3)["xyz".index(shape.get("ref", "y" if shape.get("axis") == "x" else "x"))]
    u = reference - (reference @ normal) * normal
    u /= np.linalg.norm(u)
    sides = shape.get("sides", SIDES)
    angle = 2 * np.pi * (np.arange(sides) + 0.5) / sides
    cos, sin = np.cos(angle), np.sin(angle)
    flat = 2 / shape.get("power", 2)
    along, across = np.sign(cos) * np.abs(cos) ** flat, np.sign(sin) * np.abs(sin) ** flat
    points: Array = center + ru * along[:, None] * u + rv * across[:, None] * np.cross(normal, u)
    return points


def _normals(points: Array, triangles: NDArray[np.int64]) -> Array:
    a, b, c = (points[triangles[:, i]] for i in range(3))
    weighted = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for i in range(3):
        np.add.at(normals, triangles[:, i], weighted)
    unit: Array = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
    return unit


def _text(vector: Array) -> str:
    return " ".join(f"{value:.4f}" for value in np.round(vector, 4) + 0.0)
