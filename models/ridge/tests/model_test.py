"""Ridge against scikit-learn's answers (tests/golden), and what every model must keep, in each runtime."""

import unittest

import pytest

from repro.models.ridge import Ridge
from tests.one_hot_models import OneHotBehaviour


class TestRidgeLocally(OneHotBehaviour, unittest.TestCase):
    model_class = Ridge
    runtime = "local"


@pytest.mark.usefixtures("base_image")
class TestRidgeInDocker(OneHotBehaviour, unittest.TestCase):
    model_class = Ridge
    runtime = "docker"
