"""How long an example of a property test takes says nothing on a busy machine."""

from hypothesis import settings

settings.register_profile("repro", deadline=None)
settings.load_profile("repro")
