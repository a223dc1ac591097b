"""Numbers in the attributes of a URDF; UsageError says where and what is expected."""

from xml.etree.ElementTree import Element

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.types import Array


def number(element: Element | None, attribute: str, default: float, where: str) -> float:
    """One finite number; `default` if the file leaves it out."""
    text = None if element is None else element.get(attribute)
    if text is None:
        return default
    values = _finite(text)
    if values.shape != (1,):
        raise UsageError(f"{where}={text!r}: a finite number is expected")
    return float(values[0])


def vector(element: Element | None, attribute: str, default: tuple[float, ...], where: str) -> Array:
    """Three finite numbers (3,); `default` if the file leaves them out."""
    text = None if element is None else element.get(attribute)
    if text is None:
        return np.array(default)
    values = _finite(text)
    if values.shape != (3,):
        raise UsageError(f"{where}: {attribute}={text!r}: three finite numbers are expected")
    return values


def lengths(element: Element, attribute: str, count: int, where: str) -> Array:
    """As many numbers (count,) above 0, which have to be there."""
    text = element.get(attribute)
    values = _finite(text or "")
    if values.shape != (count,) or not np.all(values > 0.0):
        expected = "a finite number above 0 is" if count == 1 else f"{count} finite numbers above 0 are"
        raise UsageError(f"{where}: {element.tag} {attribute}: {text!r}: {expected} expected")
    return values


def _finite(text: str) -> Array:
    """The numbers in a text; none if one of them is not finite or no number."""
    try:
        values = np.array([float(part) for part in text.split()])
    except ValueError:
        return np.array([])
    return values if np.all(np.isfinite(values)) else np.array([])
