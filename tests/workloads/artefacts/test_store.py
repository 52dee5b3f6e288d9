from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from workloads.artefacts.index import INDEX, Unreadable, parse
from workloads.artefacts.store import fetch, publish, read_index, require, state
from workloads.command import StageError


def path_of(cache, key, name):
    index = read_index(cache, key)
    return f"{key.name}/{index.path(name)}"


def test_what_is_published_can_be_fetched(cache, key, compiled, tmp_path):
    assert state(cache, key) == ("missing", "")

    index = publish(cache, key, compiled, made_with={"neuronx-cc": "2.23.6484.0+3b612583"})

    assert state(cache, key)[0] == "ready"
    assert read_index(cache, key) == index
    into = tmp_path / "node" / "artefact"
    fetch(cache, key, into)
    for name in index.files:
        assert (into / name).read_bytes() == (compiled / name).read_bytes()
    assert parse((into / INDEX).read_bytes(), "") == index


def test_the_index_comes_last(cache, key, compiled, monkeypatch):
    written = []
    for method in ("upload", "write", "write_if"):
        original = getattr(type(cache), method, None)
        if original:
            monkeypatch.setattr(
                type(cache),
                method,
                lambda self, a, b, *rest, original=original, method=method: (
                    written.append(b if method == "upload" else a),
                    original(self, a, b, *rest),
                )[1],
            )

    publish(cache, key, compiled, made_with={})

    assert written[-1] == INDEX
    assert written.count(INDEX) == 1
    assert len(written) == 3


def test_of_two_attempts_the_first_stays_whole(cache, key, compiled):
    first = publish(cache, key, compiled, made_with={})
    (compiled / "model.pt").write_bytes(b"another graph")

    second = publish(cache, key, compiled, made_with={})

    assert second == first == read_index(cache, key)
    assert state(cache, key)[0] == "ready"
    names = cache.folder(key.name).names()
    assert set(names) == {INDEX, *map(first.path, first.files)}


def test_the_same_attempt_twice_is_one(cache, key, compiled):
    first = publish(cache, key, compiled, made_with={})

    assert publish(cache, key, compiled, made_with={}) == first
    assert state(cache, key)[0] == "ready"


def test_of_many_at_once_one_counts_and_is_whole(cache, key, tmp_path):
    sources = []
    for number in range(6):
        source = tmp_path / f"out{number}"
        source.mkdir()
        (source / "model.pt").write_bytes(b"%d" % number * 1000)
        sources.append(source)

    with ThreadPoolExecutor(6) as threads:
        indexes = list(
            threads.map(lambda source: publish(cache, key, source, made_with={}), sources)
        )

    assert len({index.folder for index in indexes}) == 1
    assert state(cache, key)[0] == "ready"
    fetch(cache, key, tmp_path / "node")


def test_an_empty_result_is_refused(cache, key, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(StageError, match="is empty: the compiler wrote nothing"):
        publish(cache, key, tmp_path / "empty", made_with={})


def test_precompiled_only_names_every_missing_key(cache, key, compiled):
    publish(cache, key, compiled, made_with={})
    others = [replace(key, batch=8), replace(key, batch=16)]

    require(cache, [key])
    with pytest.raises(StageError) as refused:
        require(cache, [key, *others])

    said = str(refused.value)
    assert said.startswith("2 compiled artefacts not ready in ")
    assert all(other.name in said and other.summary in said for other in others)
    assert key.name not in said


@pytest.mark.parametrize(
    ("damage", "found", "why"),
    [
        ("gone", "damaged", "model.pt is missing"),
        ("short", "damaged", "model.pt is truncated"),
        ("index", "damaged", "INDEX.json does not match its own digest"),
        ("no index", "not finished", "no INDEX.json"),
    ],
)
def test_what_is_damaged_is_not_ready(cache, key, compiled, damage, found, why):
    publish(cache, key, compiled, made_with={})
    graph, index = path_of(cache, key, "model.pt"), f"{key.name}/{INDEX}"
    match damage:
        case "gone":
            cache.delete(graph)
        case "short":
            cache.write(graph, b"graph")
        case "index":
            cache.write(index, cache.read(index).replace(b'"batch": 4', b'"batch": 5'))
        case "no index":
            cache.delete(index)

    assert state(cache, key) == (found, why)
    with pytest.raises(StageError, match=f"{found}: {why}"):
        require(cache, [key])


def test_a_flipped_bit_does_not_arrive(cache, key, compiled, tmp_path):
    publish(cache, key, compiled, made_with={})
    graph = path_of(cache, key, "model.pt")
    data = bytearray(cache.read(graph))
    data[100] ^= 1
    cache.write(graph, bytes(data))

    with pytest.raises(StageError, match=r"is damaged: model\.pt is not what INDEX"):
        fetch(cache, key, tmp_path / "node")

    assert not (tmp_path / "node").exists()
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".node")] == []


def test_what_is_there_is_not_fetched_again_unless_it_changed(cache, key, compiled, tmp_path):
    publish(cache, key, compiled, made_with={})
    into = tmp_path / "node"
    fetch(cache, key, into)
    before = (into / "model.pt").stat().st_ino
    fetch(cache, key, into)
    assert (into / "model.pt").stat().st_ino == before

    (into / "model.pt").write_bytes(b"something else")
    fetch(cache, key, into)

    assert (into / "model.pt").read_bytes() == (compiled / "model.pt").read_bytes()


def test_every_flipped_bit_of_an_index_is_found(key, compiled, tmp_path):
    from workloads.files import open_folder

    cache = open_folder(str(tmp_path / "cache"))
    data = publish(cache, key, compiled, made_with={"torch": "2.9"}).to_json()
    for position in range(0, len(data), 7):
        broken = bytearray(data)
        broken[position] ^= 1
        with pytest.raises(Unreadable):
            parse(bytes(broken), "there")
