"""The playground in a real browser, before the real gateway and fake models."""

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.waiting import PATIENCE, stay_within_a_day
from tests.workloads.gateway.conftest import sha256
from tests.workloads.gateway.fakes import (
    Gate,
    converse_stream,
    openai_stream,
    sse,
    usage,
)

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
NOVA = "amazon.nova-lite-v1:0"
PATIENCE_MS = 1000 * PATIENCE
KEY, ADMIN = "sk-browser", "sk-admin"
TRICK = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's own browser. This module's alone: its event loop is in everybody's way."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        sentence = "the playground needs a browser to be tested: apt-get install chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(sentence)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def playground(start_gateway, services, tmp_path_factory):
    """A gateway whose ledger these tests alone write into."""
    stay_within_a_day()
    return start_gateway(
        f"""
        [[models]]
        name = "nova"
        bedrock = "{NOVA}"
        price = {{ input = 100000, output = 200000 }}
        [[models]]
        name = "own"
        openai = "{services.url}/v1"
        [[models]]
        name = "third"
        openai = "{services.url}/v1"
        [[models]]
        name = "forbidden"
        openai = "{services.url}/v1"
        [[tenants]]
        name = "browser"
        key_sha256 = "{sha256(KEY)}"
        models = ["nova", "own", "third"]
        [[tenants]]
        name = "past"
        key_sha256 = "{sha256("sk-old")}"
        expires = 1
        [[tenants]]
        name = "boss"
        key_sha256 = "{sha256(ADMIN)}"
        admin = true
        """,
        "--state",
        str(tmp_path_factory.mktemp("ledger") / "state.sqlite"),
    )


@pytest.fixture
def page(browser, playground) -> Iterator[Page]:
    """The page at `/`, which must ask nobody else and break no rule of its own."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if "Security" in line.text else None)
    page.goto(playground.url)
    yield page
    assert page.title() == "Playground · AI gateway"
    context.close()
    assert all(url.startswith(playground.url) for url in asked)
    assert wrong == []


def enter(page: Page, key: str = KEY) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Continue").click()


def ask(page: Page, question: str) -> None:
    page.get_by_label("Your message").fill(question)
    page.get_by_role("button", name="Send").click()


def column(page: Page, model: str):
    return page.locator(f".column[data-model='{model}']")


def fact(place, name: str) -> str:
    return place.locator(f"[data-fact='{name}'] b").last.inner_text()


@pytest.mark.parametrize(
    ("key", "sentence"),
    [("sk-wrong", "This gateway does not know that key."), ("sk-old", "That key has expired.")],
)
def test_a_wrong_key_is_told_and_forgotten(page, key, sentence):
    enter(page, key)

    expect(page.get_by_role("alert")).to_have_text(sentence)
    assert page.evaluate("sessionStorage.length") == 0
    expect(page.get_by_label("API key")).to_be_visible()


def test_the_models_of_the_key_are_offered_and_the_key_stays_in_the_tab(page, playground):
    enter(page)

    expect(page.locator("#models label")).to_have_text(["nova", "own", "third"])
    assert page.evaluate("Object.values(sessionStorage)") == [KEY]
    assert page.evaluate("localStorage.length + document.cookie.length") == 0
    assert page.url == f"{playground.url}/"
    page.reload()
    expect(page.locator("#models label")).to_have_count(3)
    page.get_by_role("button", name="Forget key").click()
    expect(page.get_by_label("API key")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_two_models_answer_side_by_side_as_they_write(page, services):
    first, second = Gate(), Gate()
    services.answer(NOVA, *with_gate(converse_stream(["Nova ", "writes."], usage(4, 3)), first))
    services.answer("own", *with_gate(openai_stream(["Own ", "writes."]), second))
    enter(page)
    ask(page, "Who writes?")

    nova, own = column(page, "nova"), column(page, "own")
    expect(nova.locator(".answer")).to_have_text("Nova ")  # while neither has ended
    expect(own.locator(".answer")).to_have_text("Own ")
    expect(page.get_by_role("button", name="Stop all")).to_be_visible()
    first.open()
    expect(nova.locator(".answer")).to_have_text("Nova writes.")
    expect(own.locator(".answer")).to_have_text("Own ")
    second.open()
    expect(own.locator(".answer")).to_have_text("Own writes.")
    expect(page.get_by_role("button", name="Send")).to_be_visible()

    for place in (nova, own):
        assert float(fact(place, "first token").split()[0]) > 0
        assert float(fact(place, "tokens/s").replace(",", "")) > 0
        assert fact(place, "tokens") == "4 in, 3 out"
    assert fact(nova, "cost") == "$1.00"
    assert fact(own, "cost") == "no price"


def test_the_conversation_goes_on(page, services):
    services.answer("own", *openai_stream(["Hello"]))
    services.answer("third", *openai_stream(["Hi"], "third"))
    enter(page)
    page.locator("#models label", has_text="nova").click()
    page.locator("#models label", has_text="third").click()
    ask(page, "One")
    expect(column(page, "third").locator(".answer")).to_have_text("Hi")
    ask(page, "Two")
    expect(column(page, "third").locator(".answer")).to_have_count(2)
    expect(column(page, "own").locator("[data-fact='cost']")).to_have_count(2)

    expect(column(page, "nova")).to_have_count(0)
    said = [turn["content"] for turn in services.received["own"][1].body["messages"]]
    assert said == ["One", "Hello", "Two"]
    assert services.received["own"][1].body["max_tokens"] == 512


def test_stop_ends_one_answer_and_leaves_the_other(page, services):
    mine, other = Gate(), Gate()
    services.answer("own", *with_gate(openai_stream(["Slowly ", "on."]), mine))
    services.answer(NOVA, *with_gate(converse_stream(["Nova ", "writes."]), other))
    enter(page)
    ask(page, "Go")
    own = column(page, "own")
    expect(own.locator(".answer")).to_have_text("Slowly ")

    own.get_by_role("button", name="Stop own").click()

    expect(own.locator("[data-fact='stopped']")).to_be_visible()
    while services.next_aborted() != "own":  # its server is spared the rest
        pass
    other.open()
    expect(column(page, "nova").locator(".answer")).to_have_text("Nova writes.")
    expect(own.locator(".answer")).to_have_text("Slowly ")


def test_errors_are_sentences_where_the_answer_would_be(page, services):
    services.answer("own", status=400, body={"error": {"message": "too long for me"}})
    services.answer(NOVA, *converse_stream(["Nova ", "writes."])[:2])  # cut off
    enter(page)
    ask(page, "Go")

    alert = column(page, "own").get_by_role("alert")
    expect(alert).to_contain_text("400")
    expect(alert).to_contain_text("oo long for me")
    cut = column(page, "nova")
    expect(cut.get_by_role("alert")).to_contain_text("broke off its answer")
    expect(cut.locator(".answer")).to_have_text("Nova ")
    expect(page.get_by_role("button", name="Send")).to_be_visible()

    services.answer("own", *openai_stream(["Better"]))
    ask(page, "Again")
    expect(column(page, "own").locator(".answer").last).to_have_text("Better")
    said = [turn["content"] for turn in services.received["own"][-1].body["messages"]]
    assert said == ["Again"]  # what failed is not part of the conversation


def test_what_a_model_writes_is_text_and_nothing_else(page, services):
    services.answer("own", *openai_stream([TRICK]))
    services.answer(NOVA, *sse({"not": "frames"}))
    enter(page)
    ask(page, TRICK)

    expect(column(page, "own").locator(".answer")).to_have_text(TRICK)
    expect(page.get_by_role("button", name="Send")).to_be_visible()  # all have ended
    assert page.locator(".log img, .log script").count() == 0


def test_code_between_fences_is_shown_as_code(page, services):
    services.answer("own", *openai_stream(["Look:\n```py", "thon\nx = `1`\n``", "`\nDone"]))
    services.answer(NOVA, *converse_stream(["x"]))
    enter(page)
    ask(page, "Code, please")

    expect(column(page, "own").locator(".answer pre code")).to_have_text("x = `1`")
    expect(column(page, "own").locator(".answer")).to_contain_text("Done")
    assert "```" not in column(page, "own").locator(".answer").inner_text()
    expect(page.get_by_role("button", name="Send")).to_be_visible()  # all have ended


def test_usage_is_drawn_by_day_and_model(page, services, playground):
    services.answer(NOVA, *converse_stream(["x"], usage(4, 3)))
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    for model in ("nova", "nova"):
        assert playground.chat({**body, "model": model}, KEY).status_code == 200
    rows = playground.get("/v1/usage", KEY).json()["data"]
    cost = sum(row["cost_usd"] for row in rows)
    assert cost >= 2
    enter(page)
    page.get_by_role("tab", name="Usage").click()

    figure = page.locator(".figure", has_text="Cost")
    expect(figure.locator("b")).to_have_text(f"${cost:.2f}")
    charts = page.locator("figure svg[role=img]")
    expect(charts).to_have_count(2)
    expect(charts.first).to_have_attribute("aria-label", re.compile("^Cost by day"))
    expect(charts.first.locator("rect")).to_have_count(1)  # one day, and one model has a price
    expect(charts.first.locator("title")).to_contain_text(f"nova: ${cost:.2f}")
    page.locator(".measures label", has_text="Requests").click()
    expect(page.locator("figcaption").first).to_have_text("Requests by day")
    expect(charts.first.locator("rect")).to_have_count(len({row["model"] for row in rows}))
    cells = page.locator("tbody tr", has_text="nova").locator("td")
    expect(cells.nth(1)).to_have_text("browser")
    page.get_by_label("From").fill("2999-01-01")
    expect(page.get_by_role("alert")).to_contain_text("is after")


def test_an_admin_sees_every_tenant(page, services, playground):
    services.answer(NOVA, *converse_stream(["x"], usage(4, 3)))
    body = {"model": "nova", "messages": [{"role": "user", "content": "Hi"}]}
    for key in (KEY, ADMIN):
        playground.chat({**body, "stream": True}, key)
    enter(page, ADMIN)
    page.get_by_role("tab", name="Usage").click()

    tenants = page.locator("figure", has_text="Cost by tenant")
    expect(tenants.locator("rect")).to_have_count(2)
    expect(tenants).to_contain_text("browser")
    expect(tenants).to_contain_text("boss")


def test_the_views_are_changed_by_keys_and_fit_a_phone(page):
    page.set_viewport_size({"width": 360, "height": 740})
    enter(page)
    page.get_by_role("tab", name="Chat").focus()
    page.keyboard.press("ArrowRight")

    expect(page.get_by_role("tab", name="Usage")).to_be_focused()
    expect(page.get_by_role("tabpanel")).to_have_id("usage")
    for view in ("Usage", "Chat"):
        page.get_by_role("tab", name=view).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def with_gate(steps: list[bytes], gate: Gate) -> list[bytes | Gate]:
    """The stream, which waits at the gate after its first piece of text."""
    return [*steps[:2], gate, *steps[2:]]
