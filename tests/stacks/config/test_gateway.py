import pytest
from pydantic_core import PydanticCustomError

from stacks.config.gateway import check_models_region, check_remote_images
from workloads.gateway.config import ModelConfig

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"


def check(region="us-east-2", **backend):
    check_models_region((ModelConfig(name="one", **backend),), region)


@pytest.mark.parametrize(
    ("model_id", "region"),
    [
        (f"us.{CLAUDE}", "us-east-2"),
        (f"us.{CLAUDE}", "ca-central-1"),
        (f"eu.{CLAUDE}", "eu-north-1"),
        (f"jp.{CLAUDE}", "ap-northeast-1"),
        (f"apac.{CLAUDE}", "ap-south-1"),
        (f"global.{CLAUDE}", "sa-east-1"),
        ("amazon.nova-lite-v1:0", "us-east-1"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "us-east-1"),
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", "us-east-1"),
        (f"arn:aws:bedrock:us-east-2:111122223333:inference-profile/us.{CLAUDE}", "us-east-2"),
        ("arn:aws:bedrock:us-east-2:111122223333:imported-model/abc", "us-east-2"),
    ],
)
def test_a_model_may_be_called_from_where_it_is_served(model_id, region):
    check(region, bedrock=model_id)


@pytest.mark.parametrize(
    ("model_id", "region", "instead"),
    [
        (f"eu.{CLAUDE}", "us-east-2", f"us.{CLAUDE}"),
        (f"us.{CLAUDE}", "eu-west-1", f"eu.{CLAUDE}"),
        (f"us.{CLAUDE}", "ap-south-1", f"apac.{CLAUDE}"),
        (f"jp.{CLAUDE}", "ap-southeast-2", f"apac.{CLAUDE}"),
        (f"au.{CLAUDE}", "sa-east-1", f"global.{CLAUDE}"),
        (CLAUDE, "us-east-2", f"us.{CLAUDE}"),
        ("anthropic.claude-opus-4-8", "eu-central-1", "eu.anthropic.claude-opus-4-8"),
        ("amazon.nova-premier-v1:0", "us-east-1", "us.amazon.nova-premier-v1:0"),
    ],
)
def test_another_profile_is_named_where_the_model_cannot_be_called(model_id, region, instead):
    with pytest.raises(PydanticCustomError) as refusal:
        check(region, bedrock=model_id)

    assert refusal.value.context["key"] == 'gateway.models["one"].bedrock'
    assert refusal.value.context["text"].endswith(f"use {instead}")


def test_images_are_fetched_only_with_a_way_out():
    check_remote_images(True, "nat")
    check_remote_images(False, "private")
    with pytest.raises(PydanticCustomError, match="send images as data URIs"):
        check_remote_images(True, "private")


def test_a_server_needs_the_path_that_it_answers_under():
    check(openai="http://vllm.models.internal:8000/v1")
    check(openai="http://vllm.models.internal:8000/api/v3/")
    with pytest.raises(PydanticCustomError, match="answer under http://a:8000/v1"):
        check(openai="http://a:8000")


def test_an_endpoint_of_sagemaker_is_no_matter_of_the_region():
    check(sagemaker="tiny-llama")
