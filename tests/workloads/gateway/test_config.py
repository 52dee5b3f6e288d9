import pytest
import tomli_w

from workloads.gateway.config import GatewayConfigError, parse

MODEL = '[[models]]\nname = "nova"\nbedrock = "amazon.nova-lite-v1:0"\n'
TENANT = f'[[tenants]]\nname = "a"\nkey_sha256 = "{"0" * 64}"\n'


def test_a_whole_file_is_read():
    file = parse(
        MODEL
        + 'fallback = ["own"]\nprice = { input = 0.06, output = 0.24 }\n'
        + '[[models]]\nname = "own"\nopenai = "http://127.0.0.1:8000/v1/"\n'
        + '[[models]]\nname = "endpoint"\nsagemaker = "tiny-llama"\n'
        + '[guardrail]\nid = "gr-1"\nversion = "DRAFT"\n'
        + TENANT
        + 'requests_per_minute = 600\ntokens_per_minute = 1000\nmodels = ["own"]\n',
        "gateway.toml",
    )

    nova, own, endpoint = file.models
    assert nova.fallback == ("own",)
    assert nova.price.cache_read is None
    assert own.openai == "http://127.0.0.1:8000/v1"
    assert endpoint.sagemaker == "tiny-llama"
    assert file.tenants[0].models == ("own",)


def test_what_the_stack_writes_is_what_the_gateway_reads():
    file = parse(MODEL + "price = { input = 1, output = 2 }\n" + TENANT, "a")

    text = tomli_w.dumps(file.model_dump(mode="json", exclude_none=True))

    assert parse(text, "b") == file


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("models = [", "f.toml is not TOML"),
        ("", "models is missing"),
        ("models = []", "models is empty; give at least one [[models]]"),
        (MODEL + "colour = 1", "unknown key models.0.colour"),
        (MODEL + "[guard]", "unknown key guard"),
        (MODEL + MODEL, "model name 'nova' is given twice"),
        (MODEL + 'openai = "http://h/v1"', "model 'nova' has bedrock and openai; give exactly one"),
        ('[[models]]\nname = "x"', "model 'x' has no backend; give exactly one"),
        (MODEL + 'fallback = ["x"]', "'nova' falls back to 'x', which is not a model; known: nova"),
        (
            MODEL + 'fallback = ["nova"]',
            "fallbacks go in a circle: nova -> nova; take one of them out",
        ),
        (
            MODEL.replace("nova", "a")
            + 'fallback = ["b"]\n'
            + MODEL.replace("nova", "b")
            + 'fallback = ["a"]',
            "fallbacks go in a circle: a -> b -> a; take one of them out",
        ),
        (MODEL + "price = { input = -1, output = 2 }", "models.0.price.input = -1"),
        (MODEL + "price = { input = 1 }", "models.0.price.output is missing"),
        ('[[models]]\nname = "a b"\nbedrock = "x"', "'a b' is not a name"),
        ('[[models]]\nname = "a"\nbedrock = "a b"', "'a b' is not a Bedrock model id"),
        ('[[models]]\nname = "a"\nsagemaker = "a_b"', "'a_b' is not a SageMaker endpoint name"),
        ('[[models]]\nname = "a"\nopenai = "h:8000"', "'h:8000' is not a base URL"),
        ('[[models]]\nname = "a"\nopenai = "http://h:x/v1"', "'http://h:x/v1' is not a base URL"),
        ('[[models]]\nname = "a"\nopenai = "http://u:p@h/v1"', "is not a base URL"),
        (MODEL + TENANT.replace("0" * 64, "ABC"), "'ABC' is not a SHA-256 in lower-case hex"),
        (MODEL + TENANT + TENANT, "tenant name 'a' is given twice"),
        (MODEL + TENANT + TENANT.replace('"a"', '"b"'), "tenant key_sha256 '0000"),
        (MODEL + TENANT + 'models = ["x"]', "tenant 'a' may use 'x', which is not a model"),
        (MODEL + TENANT + "requests_per_minute = 0", "tenants.0.requests_per_minute = 0"),
        (MODEL + '[guardrail]\nid = "g"\nversion = "latest"', "guardrail.version = 'latest'"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_file_key_and_value(text, sentence):
    with pytest.raises(GatewayConfigError) as caught:
        parse(text, "f.toml")

    message = str(caught.value)
    assert message.startswith("f.toml")
    assert sentence in message
    assert "\n" not in message
