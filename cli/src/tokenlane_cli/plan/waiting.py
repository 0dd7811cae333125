"""Work that Ctrl-C can leave."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import NoReturn, TypeVar

T = TypeVar("T")
_EXIT_INTERRUPTED = 130


def in_background(work: Callable[[], T]) -> T:
    """The result of `work`, done in another thread: KeyboardInterrupt comes at once even while compiled code runs."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="plan", daemon=True).start()
    return future.result()


def leave_at_once() -> NoReturn:
    """One line, and the end of the process: it does not wait for threads that still simulate."""
    sys.stdout.flush()
    print("tokenlane: interrupted", file=sys.stderr, flush=True)
    os._exit(_EXIT_INTERRUPTED)
