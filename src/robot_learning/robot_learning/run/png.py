"""Images (h, w, 3) of bytes as PNG files (ISO/IEC 15948), small enough for a report."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def encode(image: NDArray[np.uint8]) -> bytes:
    """One RGB image (h, w, 3) as the bytes of a PNG file; each row is stored as its difference from the row above."""
    height, width, _ = image.shape
    flat = np.ascontiguousarray(image, dtype=np.uint8).reshape(height, 3 * width)
    rows = np.empty((height, 3 * width + 1), dtype=np.uint8)
    rows[:, 0] = 2  # filter "up"
    rows[0, 1:] = flat[0]
    rows[1:, 1:] = flat[1:] - flat[:-1]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
