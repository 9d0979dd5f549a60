"""Every error that hypress raises, on one page.

Each derives from `HypressError` and from the builtin that a caller would expect, so that both
`except HypressError` and `except ValueError` work. A message says what was asked and what would work.
"""


class HypressError(Exception):
    """The root: catching this catches everything that hypress raises on purpose."""


# --- what the user gave -------------------------------------------------------------------------


class SceneError(HypressError, ValueError):
    """An array or file is no hyperspectral scene: two-dimensional, complex, all NaN, …"""


class ReadError(HypressError, OSError):
    """A file cannot be read as what it claims to be: truncated, shorter than its header says, …"""


class InputNotFoundError(HypressError, FileNotFoundError):
    """A path does not exist."""


class OutputExistsError(HypressError, FileExistsError):
    """The output exists and overwriting was not asked for."""


class WriteError(HypressError, OSError):
    """The output could not be written: disk full, no permission, a format that cannot hold the scene."""


class GoalError(HypressError, ValueError):
    """A goal is malformed, or no configuration of the codec can keep it."""


class ConfigurationError(HypressError, ValueError):
    """A codec was configured with an unknown field or a value out of its range."""


class ScenePropertyWarning(UserWarning):
    """A file does not say something about its scene, or a format cannot hold it: said once, never guessed."""


# --- what a file holds ---------------------------------------------------------------------------


class CodestreamError(HypressError, ValueError):
    """The bytes are no hypress codestream, or were cut or altered."""


class VersionError(CodestreamError):
    """The codestream is sound but was written by a newer hypress."""


class LimitError(HypressError, MemoryError):
    """Decoding would take more memory than the stated limit."""


# --- what is installed ----------------------------------------------------------------------------


class UnknownCodecError(HypressError, LookupError):
    """No codec of that name is installed."""


class MissingExtraError(HypressError, ImportError):
    """A codec needs an optional dependency; the message names the extra to install."""


class WeightsError(HypressError, LookupError):
    """Trained weights are missing, damaged, or not those that are needed."""
