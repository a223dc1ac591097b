"""Fails if fewer tests passed than there should be, so that "0 tests, success" is a failure: test_floor.py FLOOR REPORT.xml..."""

import sys
from pathlib import Path
from xml.etree import ElementTree


def passed(report: Path) -> int:
    """How many tests of a JUnit report ran and passed; skipped ones do not count."""
    return sum(
        1
        for case in ElementTree.parse(report).iter("testcase")
        if not any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
    )


def main(arguments: list[str]) -> int:
    """Exit code 0, or 1 with one line."""
    floor, reports = int(arguments[0]), [Path(name) for name in arguments[1:]]
    missing = [str(path) for path in reports if not path.is_file()]
    if missing or not reports:
        print(f"test floor: no test report {', '.join(missing)}", file=sys.stderr)
        return 1
    count = sum(passed(path) for path in reports)
    if count < floor:
        print(f"test floor: {count} tests passed, {floor} are expected at least ({', '.join(map(str, reports))})", file=sys.stderr)
        return 1
    print(f"test floor: {count} tests passed, at least {floor} expected")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
