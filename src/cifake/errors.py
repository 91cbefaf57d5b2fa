"""The one exception that ends a script with a sentence instead of a traceback; every module may raise it."""


class StudyError(Exception):
    """Something that the user can mend. The message names the file or option and the remedy, in one sentence or a short list."""
