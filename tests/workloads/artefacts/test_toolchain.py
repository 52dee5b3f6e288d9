import pytest

from workloads.artefacts.toolchain import ROUTES, same_compiler, toolchain
from workloads.command import InputError
from workloads.hardware import INSTANCES
from workloads.versions import VERSIONS


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, instance in INSTANCES.items()
        if instance.family in VERSIONS.neuron and "serve" in VERSIONS.neuron[instance.family].uses
    ],
)
def test_every_type_with_a_serving_image_has_a_way_to_compile(name):
    tools = toolchain(name, "serve")

    assert tools.route in ROUTES.values()
    assert tools.image == VERSIONS.neuron[INSTANCES[name].family].uses["serve"].image
    assert tools.target == INSTANCES[name].chip.compiler_target


@pytest.mark.parametrize("family", VERSIONS.sagemaker.families)
def test_sagemaker_compiles_in_its_own_image(family):
    name = next(name for name, each in INSTANCES.items() if each.family == family)

    tools = toolchain(f"ml.{name}", "serve", region="us-west-2")

    assert tools.image == VERSIONS.sagemaker.uri("us-west-2")
    assert tools.route == "optimum"


def test_a_mirrored_image_is_the_same_image():
    name = toolchain("ml.inf2.xlarge", "serve", region="us-east-2").image_name

    assert name == toolchain("ml.inf2.xlarge", "serve", region="us-west-2").image_name
    assert "us-" not in name


@pytest.mark.parametrize(
    ("name", "use", "said"),
    [
        ("inf2.9xlarge", "serve", "no known instance type; of that family there are inf2.24xlarge"),
        ("zz9.large", "serve", "'zz9.large' is no known instance type"),
        ("m7a.large", "serve", "m7a.large has nothing to compile for"),
        ("p5.48xlarge", "serve", "p5.48xlarge has nothing to compile for"),
        ("inf2.xlarge", "train", "no image is pinned to train on inf2.xlarge"),
        ("trn2.48xlarge", "train", "no image is pinned to train on trn2.48xlarge (native PyTorch"),
        ("ml.trn2.48xlarge", "serve", "no SageMaker image is pinned to serve on ml.trn2.48xlarge"),
    ],
)
def test_what_cannot_be_compiled_for_is_refused(name, use, said):
    with pytest.raises(InputError) as refused:
        toolchain(name, use)

    assert said in str(refused.value)


def test_a_region_without_the_image_is_refused():
    with pytest.raises(InputError, match="is not published in eu-north-1, but in ap-"):
        toolchain("ml.inf2.xlarge", "serve", region="eu-north-1")


@pytest.mark.parametrize(
    ("seen", "same"),
    [
        ("2.23.6484.0", True),
        ("2.23.6484.0+3b612583", True),
        ("2.23.6484.01", False),
        ("2.23", False),
    ],
)
def test_a_compiler_may_add_its_build(seen, same):
    assert same_compiler("2.23.6484.0", seen) is same
