from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecs as ecs

from stacks.gateway.image import gateway_image
from workloads import gateway


@pytest.fixture
def task(stack, synthesize):
    """Give the template of a task that runs the image at a URI."""

    def of(uri):
        definition = ecs.FargateTaskDefinition(stack, "Task")
        definition.add_container(
            "Gateway",
            image=gateway_image(stack, uri),
            logging=ecs.LogDriver.aws_logs(stream_prefix="x"),
        )
        return synthesize(stack)

    return of


def image(template):
    [container] = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    return str(container["Image"])


def pulls(template):
    return [
        statement["Resource"]
        for policy in template.every("AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if "ecr:BatchGetImage" in statement["Action"]
    ]


@pytest.mark.parametrize("version", [":1.2", "@sha256:0123"])
def test_an_image_of_ecr_may_be_pulled(task, version):
    template = task(f"444455556666.dkr.ecr.us-west-2.amazonaws.com/team/gateway{version}")

    assert f"team/gateway{version}" in image(template)
    assert "us-west-2" in image(template)
    assert pulls(template) == ["arn:aws:ecr:us-west-2:444455556666:repository/team/gateway"]


def test_an_image_of_another_registry_is_taken_as_it_is(task):
    template = task("public.ecr.aws/example/gateway:1")

    assert image(template) == "public.ecr.aws/example/gateway:1"
    assert pulls(template) == []


def test_without_one_it_is_built_from_the_gateways_files_alone(context):
    app = cdk.App(  # copies what it builds from
        context=context, analytics_reporting=False, builtin_cloud_formation_validation=False
    )
    stack = cdk.Stack(app, "Stack")
    definition = ecs.FargateTaskDefinition(stack, "Task")
    definition.add_container("Gateway", image=gateway_image(stack, None))

    folder = Path(app.synth().directory)

    assert "workloads/gateway/Dockerfile" in (folder / "Stack.assets.json").read_text()
    source = next(folder.glob("asset.*/workloads"))
    files = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert {"gateway/__main__.py", "gateway/Dockerfile"} <= files
    playground = Path(gateway.__file__).parent / "playground"
    assert {f"gateway/playground/{path.name}" for path in playground.iterdir()} <= files
    others = {file for file in files if not file.startswith("gateway/")}
    assert others == {"__init__.py", "command.py"}
    assert not any("__pycache__" in file for file in files)
