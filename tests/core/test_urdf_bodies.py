"""The collision bodies of a URDF: shapes, sizes and poses as written, and every other shape named with its link."""

import numpy as np
import pytest

from robot_learning.core.errors import UsageError
from robot_learning.core.paths import share_dir
from robot_learning.core.urdf_bodies import read_bodies


def written(folder, collision):
    path = folder / "robot.urdf"
    path.write_text(f'<robot name="r"><link name="arm"><collision>{collision}</collision></link></robot>')
    return path


def test_shapes_are_read_where_they_are(tmp_path):
    origin = '<origin xyz="1 2 3" rpy="0 0 1.5707963267948966"/>'
    (body,) = read_bodies(written(tmp_path, f'{origin}<geometry><cylinder radius="0.1" length="0.4"/></geometry>'))
    assert (body.link, body.kind, body.size.tolist()) == ("arm", "cylinder", [0.1, 0.4])
    np.testing.assert_allclose(body.pose @ [1, 0, 0, 1], [1, 3, 3, 1], atol=1e-12)
    (box,) = read_bodies(written(tmp_path, '<geometry><box size="1 2 3"/></geometry>'))
    assert box.size.tolist() == [1, 2, 3]
    assert np.array_equal(box.pose, np.eye(4))


@pytest.mark.parametrize("name", ["fr3", "fer", "ur5", "ur5e"])
def test_every_robot_has_bodies_on_every_moving_part(name):
    links = {body.link for body in read_bodies(share_dir() / "urdf" / f"{name}.urdf")}
    assert len(links) >= 7


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        ('<mesh filename="robot.urdf"/>', "link 'arm': collision: mesh: one of sphere, cylinder, box is expected"),
        ("", "nothing: one of "),
        ('<sphere radius="0.1"/><sphere radius="0.1"/>', "sphere, sphere: one"),
        ("<sphere/>", "sphere radius: None: a finite number above 0 is expected"),
        ('<sphere radius="nan"/>', "sphere radius: 'nan'"),
        ('<sphere radius="-1"/>', "sphere radius: '-1': a finite number above 0"),
        ('<box size="1 2"/>', "box size: '1 2': 3 finite"),
        ('<cylinder radius="1"/>', "cylinder length"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, geometry, message):
    with pytest.raises(UsageError, match=message):
        read_bodies(written(tmp_path, f"<geometry>{geometry}</geometry>"))
