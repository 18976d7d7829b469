"""The one error of this subpackage that is not a plain ValueError or OSError."""


class ReleaseError(RuntimeError):
    """A tool that builds or installs packages failed, or what it made is not what was asked for."""
