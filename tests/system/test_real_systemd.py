"""Under a real systemd as PID 1."""


def test_a_unit_runs_and_its_lines_are_in_the_journal(box):
    box.unit("hello.service", "[Service]\nType=oneshot\nExecStart=/bin/echo hello\n")
    box.systemctl("start", "hello.service")
    assert [entry["MESSAGE"] for entry in box.journal("_SYSTEMD_UNIT=hello.service")] == ["hello"]
    assert box.run(["/opt/swathe/swathed", "--version"]).startswith("swathed ")
