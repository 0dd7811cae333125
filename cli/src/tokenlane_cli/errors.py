"""What ends a command with one line on stderr.

CliError
├── UsageError       the user can mend it: a flag, a file, a missing program (exit 2)
├── StackRunningError  a stack already runs in this data directory (exit 2)
└── StackFailedError   a process of the stack did not come up (exit 1)
"""


class CliError(Exception):
    """Ends the command: its text is the line that is printed, `exit_code` the status."""

    exit_code = 2


class UsageError(CliError):
    """A flag, a file or a program is wrong or missing."""


class StackRunningError(CliError):
    """Another `tokenlane up` owns the data directory."""


class StackFailedError(CliError):
    """A process of the stack ended before the stack was ready."""

    exit_code = 1
