"""Images by address: fetched from public hosts, and from nowhere else."""

import asyncio
import base64
import socket

import openai
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.workloads.gateway.conftest import KEY, sha256
from tests.workloads.gateway.everywhere import NOVA, answer_everywhere
from workloads.gateway.errors import ApiError
from workloads.gateway.remote_images import MOST_BYTES, MOST_IMAGES, RemoteImages, is_public
from workloads.gateway.surfaces.chat import ChatCall
from workloads.gateway.surfaces.messages import MessagesCall

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20
IMAGES = {
    "png": PNG,
    "jpeg": b"\xff\xd8\xff\xe0" + b"x" * 20,
    "gif": b"GIF89a" + b"x" * 20,
    "webp": b"RIFF\x1c\0\0\0WEBPVP8 " + b"x" * 20,
}


@pytest.mark.parametrize("host", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_addresses_of_the_public_internet(host):
    assert is_public(host)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.31.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",  # metadata of EC2
        "169.254.170.2",  # credentials of ECS
        "fd00:ec2::254",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ],
)
def test_addresses_that_are_not(host):
    assert not is_public(host)


def chat(*urls: str) -> ChatCall:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return ChatCall({"model": "m", "messages": [{"role": "user", "content": parts}]})


def fetch(routes: dict[str, web.Response | str], *paths: str, make=chat, public=True):
    """The call after its images were fetched from a server on loopback, which counts as public.

    A text in `routes` is where the path redirects to. `seen` are the requests that arrived.
    """
    seen = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request)
        answer = routes[request.path]
        if isinstance(answer, str):
            return web.Response(status=302, headers={"location": answer})
        return web.Response(
            body=answer.body, status=answer.status, content_type=answer.content_type
        )

    async def run():
        app = web.Application()
        app.router.add_get("/{path:.*}", handle)
        async with TestServer(app, host="127.0.0.1") as server:
            call = make(*(f"http://127.0.0.1:{server.port}{path}" for path in paths))
            images = RemoteImages(True, lambda host: public and bool(socket.inet_aton(host)))
            await images.inline(call.links())
            return call

    return asyncio.run(run()), seen


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_takes_the_place_of_its_address(kind):
    answer = web.Response(body=IMAGES[kind], content_type="application/octet-stream")
    data = base64.b64encode(IMAGES[kind]).decode()

    call, [request] = fetch({"/fox": answer}, "/fox")
    [part] = call.chat["messages"][0]["content"]
    assert part["image_url"]["url"] == f"data:image/{kind};base64,{data}"
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers

    def messages(url):
        image = {"type": "image", "source": {"type": "url", "url": url}}
        result = {"type": "tool_result", "tool_use_id": "t", "content": [dict(image)]}
        body = {"model": "m", "max_tokens": 5}
        return MessagesCall({**body, "messages": [{"role": "user", "content": [image, result]}]})

    call, _ = fetch({"/fox": answer}, "/fox", make=messages)
    [turn] = call.converse_request()["messages"]
    image, result = turn["content"]
    assert image == {"image": {"format": kind, "source": {"bytes": data}}}
    assert result["toolResult"]["content"] == [image]


def test_redirections_are_followed_as_far_as_they_are_public():
    png = web.Response(body=PNG)
    call, seen = fetch({"/a": "/b", "/b": "c", "/c": png}, "/a")
    assert [request.path for request in seen] == ["/a", "/b", "/c"]
    assert call.links() == []

    for elsewhere in ("http://localhost:1/", "http://[::1]:1/", "file:///etc/passwd", "//x@y/"):
        with pytest.raises(ApiError, match="cannot be fetched"):
            fetch({"/a": elsewhere}, "/a")
    with pytest.raises(ApiError, match="redirected more than"):
        fetch({"/a": "/a"}, "/a")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (web.Response(body=b"<svg/>", content_type="image/png"), "no PNG"),
        (web.Response(body=b""), "no PNG"),
        (web.Response(status=404), "answered 404"),
        (web.Response(body=PNG + b"x" * MOST_BYTES), "larger than"),
    ],
)
def test_what_is_no_image_is_refused(answer, reason):
    with pytest.raises(ApiError, match=reason) as caught:
        fetch({"/fox": answer}, "/fox")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "http://2130706433:1/",  # 127.0.0.1 as one number
        "http://0x7f.1:1/",
        "http://[::1]:1/",
        "http://[::ffff:127.0.0.1]:1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://user:secret@127.0.0.1/",
        "ftp://127.0.0.1/",
        "http://",
        "x",
        "http://" + "a" * 300,
    ],
)
def test_nothing_is_asked_of_hosts_that_are_not_public(url):
    with pytest.raises(ApiError, match="cannot be fetched") as caught:
        asyncio.run(RemoteImages(True).inline(chat(url).links()))
    assert caught.value.status == 400


def test_no_connection_is_made_where_any_address_of_a_name_is_private():
    with pytest.raises(ApiError, match="cannot be reached"):
        fetch({"/fox": web.Response(body=PNG)}, "/fox", public=False)


def test_no_more_images_than_a_model_takes():
    links = chat(*["http://127.0.0.1:1/"] * (MOST_IMAGES + 1)).links()
    with pytest.raises(ApiError, match=f"{MOST_IMAGES} may be fetched"):
        asyncio.run(RemoteImages(True).inline(links))


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("model", ["nova", "own"])
def test_the_gateway_fetches_nothing_from_its_own_network(start_gateway, services, allowed, model):
    answer_everywhere(services)
    gateway = start_gateway(
        f"""remote_images = {str(allowed).lower()}
        [[models]]
        name = "nova"
        bedrock = "{NOVA}"
        [[models]]
        name = "own"
        openai = "{services.url}/v1"
        [[tenants]]
        name = "a"
        key_sha256 = "{sha256(KEY)}"
        """
    )
    content = chat(f"{services.url}/v1/fox.png").chat["messages"]

    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0)
    with (
        client,
        pytest.raises(openai.BadRequestError, match=r"cannot be fetched|sent as") as caught,
    ):
        client.chat.completions.create(model=model, messages=content)

    assert services.received == {}
    assert ("nothing is fetched" in caught.value.message) is not allowed


@pytest.mark.parametrize(
    "part",
    [
        {"image_url": "http://169.254.169.254/latest"},
        {"type": "video_url", "video_url": {"url": "http://169.254.169.254/latest"}},
        {"type": "audio_url", "audio_url": {"url": "https://example.com/a.wav"}},
        {"video_url": "file:///etc/passwd"},
        {"image_url": {"url": "data:,"}, "video_url": {"url": "http://10.0.0.1/"}},
    ],
)
def test_no_server_fetches_what_is_written_in_its_own_ways(http, services, part):
    message = {"role": "user", "content": [part]}

    answer = http.post("/v1/chat/completions", json={"model": "own", "messages": [message]})

    assert answer.status_code == 400
    assert "fetched from an address here" in answer.text
    assert services.received == {}
