"""tests/summary must not call a run good that was not."""

import pathlib
import subprocess
import sys
import tempfile

SUMMARY = pathlib.Path(__file__).with_name("summary")
DOCTEST = "[doctest] test cases:  {0} |  {0} passed | {1} failed | 0 skipped"

CASES = [ # report (None: was not written), exit status of what wrote it -> last line, exit status
    ("<testsuite><testcase name='a'/></testsuite>", 0, "1 passed, 0 failed, 0 skipped", 0),
    ("<testsuite><testcase name='a'><failure/></testcase></testsuite>", 1, "0 passed, 1 failed, 0 skipped", 1),
    ("<testsuites><testsuite><testcase name='a'><error/></testcase></testsuite></testsuites>", 1, "0 passed, 1 failed, 0 skipped", 1),
    ("<testsuite><testcase name='a'/><testcase name='b'><skipped/></testcase></testsuite>", 0, "1 passed, 0 failed, 1 skipped", 0),
    (f"<testsuite><testcase name='a'><system-out>{DOCTEST.format(7, 0)}</system-out></testcase></testsuite>", 0,
     "7 passed, 0 failed, 0 skipped", 0),
    (f"<testsuite><testcase name='a'><failure/><system-out>{DOCTEST.format(7, 2)}</system-out></testcase></testsuite>", 8,
     "7 passed, 2 failed, 0 skipped", 1),
    (f"<testsuite><testcase name='a'><failure/><system-out>{DOCTEST.format(7, 0)}</system-out></testcase></testsuite>", 8,
     "7 passed, 1 failed, 0 skipped", 1),
    (f"<testsuite><testcase name='a'><system-out>{DOCTEST.format(0, 0)}</system-out></testcase></testsuite>", 0,
     "0 passed, 1 failed, 0 skipped", 1),
    ("<testsuite/>", 0, "0 passed, 1 failed, 0 skipped", 1), # nothing ran
    ("<testsuite><testcase name='a'/></testsuite>", 124, "1 passed, 1 failed, 0 skipped", 1), # then it hung
    (None, 2, "0 passed, 1 failed, 0 skipped", 1),
]


def main():
    wrong = 0
    for number, (report, status, line, code) in enumerate(CASES):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "report.xml"
            if report is not None:
                path.write_text(report)
            done = subprocess.run([sys.executable, SUMMARY, f"{path}={status}"], capture_output=True, text=True)
        if done.stdout.splitlines()[-1:] != [line] or done.returncode != code:
            print(f"case {number}: wanted {line!r} and {code}, got {done.stdout!r}{done.stderr!r} and {done.returncode}")
            wrong += 1
    return 1 if wrong else 0


sys.exit(main())
