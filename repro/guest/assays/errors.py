"""What is wrong with a data set or a model card: the file, what is missing in it, and what to do."""


class AssaysError(Exception):
    """Base of both. `message` says what is wrong and where, `fix` what to do; str() gives both."""

    def __init__(self, message, fix=""):
        super().__init__(message, fix)
        self.message = message
        self.fix = fix

    def __str__(self):
        return "%s\ndo: %s" % (self.message, self.fix) if self.fix else self.message


class DatasetError(AssaysError):
    """A data set cannot be used: unreadable, incomplete, or at odds with itself."""


class CardError(AssaysError):
    """A model card cannot be used."""
