"""What files of names and values say, as values that JSON has."""

MAX_VALUES = 100_000
"""The most that one file may have: a page of YAML can stand for billions, by taking over what stands elsewhere."""


def plain(content, error, where):
    """The content with dates and times as text, and with names that are text.

    Raises:
        error: it holds itself, or far too much, or a value of a kind that JSON lacks; names `where`.

    >>> import datetime
    >>> plain({"made": datetime.date(2020, 1, 2), 1: [None]}, ValueError, "x.toml")
    {'made': '2020-01-02', '1': [None]}
    """
    left = [MAX_VALUES]

    def copied(value):
        left[0] -= 1
        if left[0] < 0:
            raise error("%s has more than %d values" % (where, MAX_VALUES))
        if isinstance(value, dict):
            return {name if isinstance(name, str) else str(name): copied(one) for name, one in value.items()}
        if isinstance(value, list):
            return [copied(one) for one in value]
        if hasattr(value, "isoformat"):
            return value.isoformat()
        if value is None or isinstance(value, (str, bool, int, float)):
            return value
        raise error("%s has a value that is neither text nor a number: %.60r" % (where, value))

    try:
        return copied(content)
    except RecursionError:
        raise error("%s cannot be read: it is nested too deeply, or holds itself" % where) from None
