from robot_learning.run.silence import AGAIN_NS, FIRST_NS, Silence

SECOND = 1_000_000_000
TICK = SECOND // 10


def said(stamps, silence=None, start=0):
    """(seconds, text) for one stamp a tick."""
    silence = silence or Silence("/joint_states", start)
    texts = [(tick * TICK / SECOND, silence.look(stamp, start + tick * TICK)) for tick, stamp in enumerate(stamps)]
    return [(seconds, text) for seconds, text in texts if text]


def test_silence_is_said_once_and_then_rarely():
    told = said([-1] * 10 * (10 + 2 * AGAIN_NS // SECOND))
    assert [seconds for seconds, _ in told] == [(FIRST_NS + i * AGAIN_NS) / SECOND for i in range(3)]
    assert all("/joint_states" in text and "waiting" in text for _, text in told)
    assert "for 3 s" in told[0][1]
    assert "for 63 s" in told[1][1]


def test_a_robot_that_speaks_is_announced_once_and_never_called_silent():
    assert said([-1] * 10 + list(range(2000))) == [(1.0, "joint states arrive on /joint_states")]


def test_a_robot_that_falls_silent_and_comes_back_is_told_each_time():
    stamps = [0, 1, 2] + [2] * 50 + list(range(3, 20))
    texts = [text.partition(" on ")[0] for _, text in said(stamps)]
    assert texts == ["joint states arrive", "no usable joint state", "joint states arrive"]


def test_time_may_begin_anywhere():
    assert said([-1] * 100, start=5 * SECOND) == said([-1] * 100)
