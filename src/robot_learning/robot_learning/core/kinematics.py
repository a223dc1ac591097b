"""Where the tool is and how it moves with the joints: forward kinematics and the geometric Jacobian of a serial arm.

One pass along the chain serves both. Its arithmetic is written on scalars: on Python floats for one configuration (a control
tick: numpy's call overhead would be most of the time) and on arrays with one element per configuration for many. Both do the
same IEEE operations in the same order, so the result for one configuration does not depend on the batch that it is in.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from robot_learning.core.errors import UsageError
from robot_learning.core.rotations import transform
from robot_learning.core.types import Array
from robot_learning.core.urdf import Joint, Urdf, read_urdf

FEW = 16  # up to so many configurations are faster one by one
Scalar = Any  # a float, or an array with one element per configuration


class Chain(NamedTuple):
    """Revolute joints in series, T(q) = F₀ Rz(q₀) F₁ Rz(q₁) … F_n, with constant transforms F."""

    joints: tuple[str, ...]
    fixed: tuple[tuple[float, ...], ...]  # n + 1 times the 3 × 4 upper part of F, row by row

    @classmethod
    def from_urdf(cls, path: Path, base_link: str, tool_link: str, joints: Sequence[str]) -> "Chain":
        """The chain from `base_link` to `tool_link`; UsageError if its movable joints are not exactly `joints`, in order."""
        urdf = read_urdf(Path(path))
        for name in joints:
            urdf.joint(name)
        fixed: list[Array] = []
        found: list[str] = []
        since: Array = np.eye(4)
        for joint in _path(urdf, urdf.link(base_link), urdf.link(tool_link)):
            since = since @ joint.origin
            if joint.kind == "fixed":
                continue
            if joint.kind not in ("revolute", "continuous"):
                raise UsageError(f"{path}: joint {joint.name!r} is {joint.kind}; a chain has revolute, continuous and fixed joints")
            to_z = _z_to(joint.axis)  # Rot(axis, q) = A Rz(q) Aᵀ
            fixed.append(since @ to_z)
            since = to_z.T
            found.append(joint.name)
        if found != list(joints):
            raise UsageError(f"{path}: from {base_link} to {tool_link} the joints are {', '.join(found)}; expected {', '.join(joints)}")
        return cls(tuple(found), tuple(_constants(F) for F in [*fixed, since]))

    def pose(self, positions: Array) -> Array:
        """The tool in the base frame, (…, 4, 4) in m; positions (…, n) in rad."""
        return self._evaluate(positions, jacobian=False)[0]

    def jacobian(self, positions: Array) -> Array:
        """The tool frame's velocity in the base frame, per joint velocity: (…, 6, n), linear rows first; positions (…, n) in rad."""
        return self._evaluate(positions, jacobian=True)[1]

    def pose_and_jacobian(self, positions: Array) -> tuple[Array, Array]:
        """Both `pose` (…, 4, 4) and `jacobian` (…, 6, n) for the price of the Jacobian; positions (…, n) in rad."""
        return self._evaluate(positions, jacobian=True)

    def _evaluate(self, positions: Array, jacobian: bool) -> tuple[Array, Array]:
        q = np.ascontiguousarray(positions, dtype=float)
        n = len(self.joints)
        if q.ndim == 0 or q.shape[-1] != n:
            raise ValueError(f"positions have shape {q.shape}; (…, {n}) is expected")
        batch = q.shape[:-1]
        rows = q.size // n
        cos, sin = np.cos(q), np.sin(q)
        if rows <= FEW:
            each = [self._sweep(c, s, jacobian) for c, s in zip(_rows(cos, n), _rows(sin, n), strict=True)]
            pose = np.array([values[0] for values in each])
            columns = np.array([values[1] for values in each])
        else:
            one, many = self._sweep(list(cos.reshape(rows, n).T), list(sin.reshape(rows, n).T), jacobian)
            pose, columns = _columns(one, rows), _columns(many, rows)
        return pose.reshape(*batch, 4, 4), columns.reshape(*batch, 6, n) if jacobian else columns

    def _sweep(self, cos: Sequence[Scalar], sin: Sequence[Scalar], jacobian: bool) -> tuple[list[Scalar], list[Scalar]]:
        """The 16 entries of the pose and the 6 n of the Jacobian, both row by row; columns x, y, z and origin p of the frame move on."""
        f00, f01, f02, px, f10, f11, f12, py, f20, f21, f22, pz = self.fixed[0]
        ax, ay, az, bx, by, bz, zx, zy, zz = f00, f10, f20, f01, f11, f21, f02, f12, f22
        axes = []
        for c, s, F in zip(cos, sin, self.fixed[1:], strict=True):
            axes.append((zx, zy, zz, px, py, pz))
            xx, xy, xz = ax * c + bx * s, ay * c + by * s, az * c + bz * s
            yx, yy, yz = bx * c - ax * s, by * c - ay * s, bz * c - az * s
            f00, f01, f02, f03, f10, f11, f12, f13, f20, f21, f22, f23 = F
            px, py, pz = px + (xx * f03 + yx * f13 + zx * f23), py + (xy * f03 + yy * f13 + zy * f23), pz + (xz * f03 + yz * f13 + zz * f23)
            ax, ay, az = xx * f00 + yx * f10 + zx * f20, xy * f00 + yy * f10 + zy * f20, xz * f00 + yz * f10 + zz * f20
            bx, by, bz = xx * f01 + yx * f11 + zx * f21, xy * f01 + yy * f11 + zy * f21, xz * f01 + yz * f11 + zz * f21
            zx, zy, zz = xx * f02 + yx * f12 + zx * f22, xy * f02 + yy * f12 + zy * f22, xz * f02 + yz * f12 + zz * f22
        pose = [ax, bx, zx, px, ay, by, zy, py, az, bz, zz, pz, 0.0, 0.0, 0.0, 1.0]
        if not jacobian:
            return pose, []
        rows: list[list[Scalar]] = [[], [], [], [], [], []]
        for ux, uy, uz, ox, oy, oz in axes:
            dx, dy, dz = px - ox, py - oy, pz - oz
            for row, value in zip(rows, (uy * dz - uz * dy, uz * dx - ux * dz, ux * dy - uy * dx, ux, uy, uz), strict=True):
                row.append(value)
        return pose, [value for row in rows for value in row]


def _rows(values: Array, n: int) -> list[list[float]]:
    rows: list[list[float]] = values.reshape(-1, n).tolist()
    return rows


def _columns(values: list[Scalar], rows: int) -> Array:
    table = np.empty((len(values), rows))
    for row, value in zip(table, values, strict=True):
        row[...] = value
    return table.T


def _constants(F: Array) -> tuple[float, ...]:
    return tuple(F[:3].ravel().tolist())


def _z_to(axis: Array) -> Array:
    """A rotation (4, 4) that takes z to `axis` (3,); the identity for z itself."""
    z = np.array([0.0, 0.0, 1.0])
    if np.allclose(axis, z, atol=1e-12):
        return np.eye(4)
    x = np.cross([0.0, 1.0, 0.0] if abs(axis[1]) < 0.9 else z, axis)
    x /= np.linalg.norm(x)
    return transform(np.stack([x, np.cross(axis, x), axis], axis=-1), np.zeros(3))


def _path(urdf: Urdf, base_link: str, tool_link: str) -> list[Joint]:
    by_child = {joint.child: joint for joint in urdf.joints.values()}
    path: list[Joint] = []
    link = tool_link
    while link != base_link:
        if link not in by_child or len(path) > len(by_child):
            raise UsageError(f"{urdf.path}: link {tool_link!r} does not hang on {base_link!r}")
        path.insert(0, by_child[link])
        link = by_child[link].parent
    return path
