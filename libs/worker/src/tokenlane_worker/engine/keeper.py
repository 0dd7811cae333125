"""Runs one command and sees to it that nothing of it stays behind.

    python keeper.py GRACE_S COMMAND...

A program of its own between the worker and the engine: its standard input is a pipe from the worker, and the end of
that pipe is the order to stop. A worker that stops closes it; a worker that is killed closes it too. The command runs
in its own process group; on the order its leader gets SIGTERM, after the grace period the whole group gets SIGKILL, and
the keeper leaves only when the last process of the group is gone. It imports nothing of tokenlane, to start fast.
"""

import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
NOT_STARTED = 127


def main() -> int:
    grace_s, command = float(sys.argv[1]), sys.argv[2:]
    ignore_terminal()
    # grandchildren whose parent dies become the keeper's, so that it can wait for them
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=die_with_keeper)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", flush=True)
        return NOT_STARTED
    # the worker's last resort, should the keeper itself be killed
    print(f"keeper: group {child.pid}", flush=True)
    wait_for_order_or_exit(child)
    stop_leader(child, grace_s)
    kill_group(child.pid)
    return exit_code(child.returncode)


def ignore_terminal() -> None:
    """Ctrl-C goes to the whole terminal; the worker decides what it means for the engine."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def die_with_keeper() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def wait_for_order_or_exit(child: subprocess.Popen[bytes]) -> None:
    events: queue.SimpleQueue[None] = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda _signum, _frame: events.put(None))

    def wait_for_exit() -> None:
        child.wait()
        events.put(None)

    def wait_for_order() -> None:
        while os.read(0, 4096):
            pass
        events.put(None)

    for wait in (wait_for_exit, wait_for_order):
        threading.Thread(target=wait, daemon=True).start()
    events.get()


def stop_leader(child: subprocess.Popen[bytes], grace_s: float) -> None:
    child.terminate()
    try:
        child.wait(grace_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
        while True:
            os.waitpid(-group, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def exit_code(returncode: int) -> int:
    """As a shell reports it: 128 + signal for a killed command."""
    return returncode if returncode >= 0 else 128 - returncode


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # not through interpreter shutdown, which would wait for the thread that reads standard input
    os._exit(code)
