"""The part of moveit_py that describes states."""


class RobotState:
    def __init__(self, robot_model):
        assert robot_model == "model"
        self._positions, self.joint_positions = {}, {}

    def update(self, force=False):
        assert self.joint_positions
