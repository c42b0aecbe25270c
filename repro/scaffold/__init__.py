"""What `repro new` writes: the folders of a model that works as it is, for a model of one's own to take its place."""

from repro.scaffold.facts import TEMPLATES, NewModel
from repro.scaffold.new import Written, write_in_checkout, write_package

__all__ = ["TEMPLATES", "NewModel", "Written", "write_in_checkout", "write_package"]
