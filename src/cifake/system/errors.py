"""The exception that ends a script with a sentence instead of a traceback; every module may raise it."""


class StudyError(Exception):
    """Something the user can fix. The message names the file or option and the remedy, in one sentence or a short list."""
