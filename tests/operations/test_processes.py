import os
import signal
import subprocess
import sys

import psutil
import pytest

from operations.processes import Process, ProcessError, ProcessTree
from tests.waiting import PATIENCE, wait_for

ENVIRONMENT = dict(os.environ)


def python(name, code, tmp_path, environment=ENVIRONMENT):
    return Process(
        name, [sys.executable, "-c", code], log=tmp_path / "log", environment=environment
    )


def test_output_is_handed_on_line_by_line(tmp_path):
    lines = []
    with python("talker", "print('one'); print('two')", tmp_path) as process:
        process.check(on_line=lines.append)

    assert lines == ["one", "two"]


def test_a_failure_is_one_sentence_with_the_last_line_and_the_log(tmp_path):
    with (
        python("talker", "import sys; print('no disk left'); sys.exit(3)", tmp_path) as process,
        pytest.raises(ProcessError) as failure,
    ):
        process.check()

    expected = f"talker ended with exit code 3 (no disk left); see {tmp_path / 'log'}"
    assert str(failure.value) == expected


@pytest.mark.parametrize(
    ("lines", "quoted"),
    [
        (["starting", "train: no data", "launcher: exit 2", "===="], "no data"),
        (["starting", "received SIGKILL", "----", ""], "received SIGKILL"),
    ],
)
def test_the_reason_is_found_among_the_lines_of_a_launcher(tmp_path, lines, quoted):
    code = f"print('\\n'.join({lines!r})); raise SystemExit(1)"
    with (
        python("train", code, tmp_path) as process,
        pytest.raises(ProcessError, match=rf"exit code 1 \({quoted}\); see"),
    ):
        process.check()


def test_the_last_line_of_an_earlier_run_is_not_quoted(tmp_path):
    (tmp_path / "log").write_text("words of an earlier run\n")
    with (
        python("mute", "raise SystemExit(1)", tmp_path) as process,
        pytest.raises(ProcessError) as failure,
    ):
        process.check()

    assert "earlier" not in str(failure.value)


def test_a_killed_process_names_the_signal(tmp_path):
    with python("sleeper", "import time; time.sleep(600)", tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(ProcessError, match="sleeper was killed by SIGKILL"):
            process.check()


def test_waiting_ends_when_a_needed_process_ends(tmp_path):
    with (
        python("server", "pass", tmp_path / "a") as server,
        python("client", "import time; time.sleep(600)", tmp_path / "b") as client,
        pytest.raises(ProcessError, match="server ended with exit code 0"),
    ):
        client.check(needs=[server])


def test_readiness_that_never_comes_is_an_error(tmp_path):
    with (
        python("sleeper", "import time; time.sleep(600)", tmp_path) as process,
        pytest.raises(ProcessError, match="sleeper was not ready after 0 s"),
    ):
        process.wait_until_ready(lambda: False, timeout=0.2)


GRANDCHILDREN = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(sleep)
subprocess.Popen(sleep, start_new_session=True)
orphan_maker = "import subprocess, sys; subprocess.Popen(%r, start_new_session=True)" % (sleep,)
subprocess.run([sys.executable, "-c", orphan_maker])
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("ending", ["stop", "kill", "ignore SIGTERM"])
def test_stopping_ends_children_sessions_and_orphans(tmp_path, ending):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    code = (deaf if ending == "ignore SIGTERM" else "") + GRANDCHILDREN
    tree = ProcessTree(ENVIRONMENT)
    process = python("parent", code, tmp_path, tree.environment)
    try:
        process.wait_until_ready(lambda: "ready" in process.log.read_text(), timeout=PATIENCE)
        wait_for(lambda: len(list(tree.members())) == 4)  # none while it becomes its program
        if ending == "kill":
            os.kill(process.pid, signal.SIGKILL)
    finally:
        process.stop(grace=0.5)

    assert list(tree.members()) == []
    assert not psutil.pid_exists(process.pid)


def test_a_child_that_nobody_noted_is_still_found(tmp_path):
    # In an interpreter of its own: this one's children are other tests' servers.
    program = f"""
import sys
from pathlib import Path
from operations.processes import Process, kill_everything
command = [sys.executable, "-c", "import time; time.sleep(600)"]
print(Process("child", command, log=Path({str(tmp_path / "log")!r}), environment={{}}).pid)
kill_everything()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert not psutil.pid_exists(int(done.stdout))
