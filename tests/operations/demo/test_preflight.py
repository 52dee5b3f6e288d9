import json

import pytest

from operations.demo.preflight import summary


def printed(*findings):
    answer = {"asked": ["a", "b", "c"], "not_answered": ["c"], "findings": list(findings)}
    return ["1/3 a: asked", "2/3 c: could not be asked", *json.dumps(answer, indent=2).split("\n")]


def fails(question, severity="fails"):
    return {"question": question, "severity": severity, "what": f"{question} is wrong"}


def test_images_are_what_an_emulator_may_lack():
    said = summary(printed(fails("node-images"), fails("stacks", "may fail")))

    assert said == (
        "2 of 3 questions answered, the others are beyond the emulator; an account like this one "
        "would lack node images"
    )


def test_anything_else_ends_the_demo():
    with pytest.raises(RuntimeError, match="bootstrap is wrong"):
        summary(printed(fails("bootstrap")))


def test_a_command_that_broke_off():
    with pytest.raises(RuntimeError, match="did not come to an end"):
        summary(["1/3 a: asked", "Traceback (most recent call last):"])
