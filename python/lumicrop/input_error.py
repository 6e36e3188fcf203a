"""What is wrong with a user's file or option, in one sentence."""


class InputError(ValueError):
    """A movie, a table or an option cannot be used as it is.

    The text is one sentence that names the file or the option and says what to do; the command prints it as it
    stands and ends with exit status 1.
    """
