"""Ctrl-C and requests to end: heard once, and followed by an end within seconds, whatever hangs."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: Those that end a run.
SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: How long a run may take to end in order; until then further signals are not heard [s].
PATIENCE = 10.0
_heard = True


@contextmanager
def ending_signals(at_last: Callable[[], None], deaf_then: bool = False) -> Iterator[None]:
    """A context in which Ctrl-C (SIGINT) and SIGTERM raise `KeyboardInterrupt`, once.

    Those who tidy up then are not disturbed: a second Ctrl-C changes nothing.

    Parameters
    ----------
    at_last : callable
        Called on another thread if the context still lasts `PATIENCE` seconds after the signal, because something hangs
        that cannot be interrupted. It should end the process.
    deaf_then : bool, default False
        Hear neither signal any more after the context: for a program that has nothing left to do but to end with the
        status that it has.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are not this thread's business
        yield
        return
    global _heard
    _heard = True
    timers: list[threading.Timer] = []
    deaf_until = 0.0

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal deaf_until
        if not _heard or time.monotonic() < deaf_until:
            return
        deaf_until = time.monotonic() + PATIENCE
        if not timers:
            watchdog = threading.Timer(PATIENCE, at_last)
            watchdog.daemon = True
            timers.append(watchdog)
            watchdog.start()
        raise KeyboardInterrupt

    def hear_again(ignored: sys.UnraisableHookArgs) -> None:
        """Where Python ignores errors, such as in a destructor, the interruption is lost: repeat it a little later."""
        nonlocal deaf_until
        if ignored.exc_type is not KeyboardInterrupt:
            hook_before(ignored)
            return
        deaf_until = 0.0
        again = threading.Timer(0.005, os.kill, (os.getpid(), signal.SIGTERM))
        again.daemon = True
        timers.append(again)
        again.start()

    hook_before = sys.unraisablehook
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number in SIGNALS:
            if number == signal.SIGTERM or before[number] != signal.SIG_IGN:  # a shell's background job ignores Ctrl-C
                signal.signal(number, hear)
        sys.unraisablehook = hear_again
        yield
    finally:
        sys.unraisablehook = hook_before
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if deaf_then else handler)
        for timer in timers:
            timer.cancel()


def hear_no_more() -> None:
    """From here on it is too late to end: what was to be done is done, and the context is left as if nobody had called."""
    global _heard
    _heard = False
