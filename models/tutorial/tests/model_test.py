import unittest

import pytest
from parameterized import parameterized

from repro.models.tutorial import TutorialModel
from repro.runtimes.choice import choose_runtime
from repro.settings import load_settings
from repro.testing import get_testing_device_parameters


class TutorialBehaviour:
    """The tests. Subclasses say which runtime they go through."""

    runtime: str

    @classmethod
    def setUpClass(cls):
        choose_runtime(cls.runtime, load_settings()).setup(TutorialModel.spec(), print)

    @parameterized.expand(get_testing_device_parameters())
    def test_text_comes_back_reversed(self, device):
        with TutorialModel(device=device, runtime=self.runtime) as model:
            assert model.predict("abc") == "cba"
            assert model.predict_batch([{"text": "abc"}, {"text": "123"}]) == ["cba", "321"]


class TestTutorialLocally(TutorialBehaviour, unittest.TestCase):
    runtime = "local"


@pytest.mark.usefixtures("base_image")
class TestTutorialInDocker(TutorialBehaviour, unittest.TestCase):
    runtime = "docker"
