"""One import for one content, and patience with models that are not ready."""

import tomllib
from collections.abc import Iterator

import pytest

from tests.workloads.deploy.fakes import Bedrock, change, client, served
from workloads.command import InputError, StageError
from workloads.deploy import bedrock as into_bedrock
from workloads.deploy.model import read_model
from workloads.gateway.config import ModelConfig

ROLE = "arn:aws:iam::111122223333:role/import"
DIGEST = "0123456789abcdef" * 4
NAME = into_bedrock.names("tiny-llama", DIGEST)


@pytest.fixture
def bedrock() -> Bedrock:
    return Bedrock()


@pytest.fixture
def sent() -> list[str]:
    return []


@pytest.fixture
def importer(bedrock) -> Iterator[into_bedrock.Importer]:
    with served(bedrock) as url:
        yield into_bedrock.Importer(
            client("bedrock", url), client("bedrock-runtime", url), poll_seconds=0
        )


@pytest.fixture
def run(importer, sent):
    def publish() -> str:
        sent.append("uploaded")
        return "s3://models/bedrock/tiny"

    return lambda: importer.run(NAME, publish=publish, role=ROLE, kms_key=None)


def test_a_model_is_imported_and_answers(importer, bedrock, run, sent):
    model = run()

    assert importer.ask(model) == "Once upon a time"
    assert model.arn == bedrock.models[NAME]["modelArn"]
    [job] = bedrock.jobs
    assert job["importedModelName"] == NAME
    assert job["modelDataSource"] == {"s3DataSource": {"s3Uri": "s3://models/bedrock/tiny/"}}
    assert bedrock.calls == ["create", "converse", "converse", "converse"]
    assert sent == ["uploaded"]


def test_the_same_content_is_imported_once(bedrock, run, sent):
    first = run()

    assert run() == first
    assert bedrock.calls == ["create"]
    assert sent == ["uploaded"]


def test_a_job_under_way_is_waited_for(bedrock, run, sent):
    bedrock._create(
        {
            "jobName": f"{NAME}.1",
            "importedModelName": NAME,
            "roleArn": ROLE,
            "modelDataSource": {"s3DataSource": {"s3Uri": "s3://models/x/"}},
        }
    )

    assert run().name == NAME
    assert len(bedrock.jobs) == 1
    assert sent == []


def test_a_failed_import_says_why_and_can_be_repeated(bedrock, run):
    bedrock.failure = "the tokenizer could not be read"
    with pytest.raises(StageError, match="failed: the tokenizer could not be read"):
        run()
    bedrock.failure = None

    assert run().name == NAME
    assert [job["jobName"] for job in bedrock.jobs] == [f"{NAME}.1", f"{NAME}.2"]


def test_a_model_without_converse_is_not_the_gateways(bedrock, run):
    bedrock.instruct = False

    with pytest.raises(StageError, match="does not answer Converse"):
        run()


def test_a_model_that_never_gets_ready_is_given_up(bedrock, importer, run):
    bedrock.cold = 10**9
    model = run()
    importer._ready_seconds = 0

    with pytest.raises(StageError, match="is not ready after 0 minutes"):
        importer.ask(model)


def test_the_row_is_one_of_the_gateways_table(run):
    model = run()

    [table] = tomllib.loads(into_bedrock.row(model, "tiny-llama"))["models"]

    assert ModelConfig(**table).bedrock == model.arn


def test_what_the_exporter_writes_may_be_imported(folder):
    into_bedrock.check(read_model(folder))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"architectures": ["MambaForCausalLM"]}, "this is MambaForCausalLM"),
        ({"architectures": ["Qwen2ForCausalLM"]}, "does not answer Converse"),
        ({"quantization_config": {"bits": 4}}, "is quantised"),
    ],
)
def test_what_bedrock_would_refuse_is_refused_before_the_upload(folder, values, said):
    change(folder / "config.json", **values)

    with pytest.raises(InputError, match=said):
        into_bedrock.check(read_model(folder))


@pytest.mark.parametrize("name", ["", "-a", "a-", "a--b", "a_b", "a.b", "ä", "a" * 44])
def test_a_name_that_bedrock_would_refuse(name):
    with pytest.raises(InputError):
        into_bedrock.names(name, DIGEST)


def test_the_longest_name_is_legal_for_job_and_model(bedrock, importer):
    name = into_bedrock.names("a" * 43, DIGEST)

    model = importer.run(name, publish=lambda: "s3://models/x", role=ROLE, kms_key=None)

    assert model.name == name
