"""Embeddings from the unmodified openai client, which asks for base64 unless it is told not to."""

import openai
import pytest

from tests.workloads.gateway.conftest import KEY, sha256

TITAN, COHERE = "amazon.titan-embed-text-v2:0", "cohere.embed-multilingual-v3"
TEXTS = ["Fuchs", "🦊"]
VECTORS = [[0.5, -1.0], [0.25, 2.0]]


@pytest.fixture(scope="module")
def client(start_gateway, services):
    models = {"titan": f'bedrock = "{TITAN}"', "cohere": f'bedrock = "{COHERE}"'}
    models |= {"nova": 'bedrock = "amazon.nova-lite-v1:0"', "end": 'sagemaker = "tiny"'}
    models["own"] = f'openai = "{services.url}/v1"\nfallback = ["titan"]'
    price = "price = { input = 2, output = 0 }"
    text = "".join(f'[[models]]\nname = "{n}"\n{b}\n{price}\n' for n, b in models.items())
    tenant = f'[[tenants]]\nname = "a"\nkey_sha256 = "{sha256(KEY)}"\n'
    gateway = start_gateway(text + tenant)
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def openai_answer(vectors=VECTORS) -> dict:
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    usage = {"prompt_tokens": 6, "total_tokens": 6}
    return {"object": "list", "data": data, "model": "x", "usage": usage}


@pytest.fixture
def answers(services):
    counted = {"x-amzn-bedrock-input-token-count": "3"}
    services.answer(
        TITAN, body={"embedding": VECTORS[0], "inputTextTokenCount": 3}, headers=counted
    )
    services.answer(COHERE, body={"embeddings": VECTORS}, headers=counted)
    services.answer("own", body=openai_answer())
    services.answer("tiny", body=openai_answer())
    return services


@pytest.mark.parametrize("form", [None, "float", "base64"])
@pytest.mark.parametrize(
    ("model", "vectors", "tokens"),
    [
        ("titan", [VECTORS[0]] * 2, 6),
        ("cohere", VECTORS, 3),
        ("own", VECTORS, 6),
        ("end", VECTORS, 6),
    ],
)
def test_every_kind_of_backend_embeds(client, answers, form, model, vectors, tokens):
    options = {"encoding_format": form} if form else {}

    raw = client.embeddings.with_raw_response.create(model=model, input=TEXTS, **options)

    answer = raw.parse()
    got = [item.embedding for item in answer.data]
    if form == "base64":
        assert all(isinstance(vector, str) for vector in got)
        answer = client.embeddings.create(model=model, input=TEXTS)
    assert [item.embedding for item in answer.data] == vectors
    assert [item.index for item in answer.data] == [0, 1]
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (tokens, tokens)
    assert float(raw.headers["x-gateway-cost-usd"]) == pytest.approx(2 * tokens / 1e6)


def test_what_each_backend_is_asked(client, answers):
    for model in ("titan", "cohere", "own", "end"):
        client.embeddings.create(
            model=model,
            input=TEXTS,
            dimensions=256,
            encoding_format="float",
            extra_body={"input_type": "search_query"},
        )

    asked = [received.body for received in answers.received[TITAN]]
    assert sorted(asked, key=str) == sorted(
        ({"inputText": text, "dimensions": 256} for text in TEXTS), key=str
    )
    [cohere] = answers.received[COHERE]
    assert cohere.body == {"texts": TEXTS, "input_type": "search_query", "output_dimension": 256}
    more = {"dimensions": 256, "encoding_format": "float", "input_type": "search_query"}
    assert answers.received["own"][0].body == {"model": "own", "input": TEXTS, **more}
    assert answers.received["tiny"][0].body == {"input": TEXTS, **more}


def test_many_texts_come_back_in_their_order(client, services):
    services.answer(COHERE, body={"embeddings": {"float": [[1.0]] * 96}})

    assert len(client.embeddings.create(model="cohere", input=["x"] * 192).data) == 192
    assert [len(r.body["texts"]) for r in services.received[COHERE]] == [96, 96]


def test_another_model_never_stands_in(client, answers):
    answers.answer("own", status=503, body={"error": {"message": "loading"}})

    with pytest.raises(openai.InternalServerError):
        client.embeddings.create(model="own", input="x")

    assert TITAN not in answers.received


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"input": []}, "list of 1 to 2048"),
        ({"input": ""}, "a text"),
        ({"input": None}, "a text"),
        ({"input": ["x"] * 2049}, "list of 1 to 2048"),
        ({"input": [[1, 2]]}, "is no text"),
        ({"input": "x", "encoding_format": "hex"}, "float or base64"),
        ({"input": "x", "model": "nova"}, "makes no embeddings"),
    ],
)
def test_what_cannot_be_embedded_is_400(client, body, words):
    with pytest.raises(openai.BadRequestError, match=words):
        client.post("/embeddings", body={"model": "titan", **body}, cast_to=object)


def test_an_answer_without_vectors_is_502(client, services):
    services.answer(TITAN, body={"vector": []})
    services.answer("own", body={"data": [{"embedding": [None]}]})

    for model in ("titan", "own"):
        with pytest.raises(openai.InternalServerError, match="unknown form"):
            client.embeddings.create(model=model, input="x")
