"""PLS against scikit-learn's answers (tests/golden), and what every model must keep, in each runtime."""

import unittest

import pytest

from repro.models.pls import PLS
from tests.one_hot_models import OneHotBehaviour


class TestPLSLocally(OneHotBehaviour, unittest.TestCase):
    model_class = PLS
    runtime = "local"


@pytest.mark.usefixtures("base_image")
class TestPLSInDocker(OneHotBehaviour, unittest.TestCase):
    model_class = PLS
    runtime = "docker"
