"""The playground's files: served to anybody, with nothing from elsewhere in them."""

import re

import pytest

from workloads.gateway.pages import FOLDER, TYPES, load_pages

PAGES = load_pages()


def test_every_file_of_the_folder_is_served():
    assert "/" in PAGES
    assert len(PAGES) == len(list(FOLDER.iterdir()))


@pytest.mark.parametrize("path", PAGES)
def test_a_file_needs_no_key_and_says_what_it_is(http, path):
    answer = http.get(path, headers={"authorization": ""})

    assert answer.status_code == 200
    assert answer.content == PAGES[path].body
    suffix = ".html" if path == "/" else path[path.rindex(".") :]
    assert answer.headers["content-type"].encode() == TYPES[suffix]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_may_load_and_ask_nothing_but_its_own_gateway(http):
    policy = dict(
        rule.strip().split(" ", 1)
        for rule in http.get("/").headers["content-security-policy"].split(";")
    )

    assert policy.pop("default-src") == "'none'"
    assert set(policy.values()) == {"'self'", "'none'"}
    assert policy["script-src"] == policy["connect-src"] == "'self'"


@pytest.mark.parametrize("path", PAGES)
def test_no_file_names_another_host_or_hides_a_script(path):
    text = PAGES[path].body.decode()

    assert set(re.findall(r"https?://[^\"' )]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
    )
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|javascript:", text)


def test_every_file_a_page_names_exists():
    named = {
        name
        for page in PAGES.values()
        for name in re.findall(r"(?:href|src)=\"(/playground/[^\"]+)\"", page.body.decode())
    }
    imported = {
        f"/playground/{name}"
        for page in PAGES.values()
        for name in re.findall(r"from \"\./([^\"]+)\"", page.body.decode())
    }

    assert named
    assert imported
    assert named | imported == set(PAGES) - {"/"}


@pytest.mark.parametrize(
    "path", ["/playground", "/playground/", "/playground/../app.py", "/playground/main.py"]
)
def test_nothing_else_is_a_page(http, path):
    assert http.get(path).status_code == 404
