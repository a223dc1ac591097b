"""Lets the tests of this folder share sample_messages.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
