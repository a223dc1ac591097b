"""Low-poly visuals as Wavefront OBJ: surfaces lofted through circles."""

from typing import Any

MATERIALS = {"white": "0.93 0.93 0.92 1", "dark": "0.17 0.18 0.20 1"}


def obj_text(shapes: Any) -> str:
    """One OBJ file of all shapes."""
    raise NotImplementedError
