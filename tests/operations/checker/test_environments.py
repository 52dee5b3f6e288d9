from operations.checker import check


def test_every_environment_is_clean(stacks, environments):
    for name in environments:
        templates = {f"{name}-{part}": stack.template for part, stack in stacks(name).items()}
        assert check(templates) == []
