"""A run that was ended from outside."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM; the text says how far the run came, in one sentence."""
