import unittest

import pytest

from repro.models.tutorial import TutorialModel
from repro.testing import ModelVerification


class TestTutorialLocally(ModelVerification, unittest.TestCase):
    model_class = TutorialModel
    runtime = "local"


@pytest.mark.usefixtures("base_image")
class TestTutorialInDocker(ModelVerification, unittest.TestCase):
    model_class = TutorialModel
    runtime = "docker"
