from operations.embedded.extension.types import HANDLERS
from operations.embedded.verify import VERIFIERS


def test_every_type_that_the_extension_adds_can_be_verified():
    assert {handler.type for handler in HANDLERS} <= VERIFIERS.keys()
