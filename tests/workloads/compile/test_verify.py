import pytest

from workloads.artefacts.index import INDEX
from workloads.artefacts.store import READY, fetch, state
from workloads.command import StageError
from workloads.compile.modules import State, modules
from workloads.compile.seal import seal
from workloads.compile.verify import LOCK_AGE, verify

NEFF = "model.neff"


def check(shop, now=None, **options):
    return verify(shop.cache, now=now or shop.later, lock_age=LOCK_AGE, **options)


def repair(shop, findings):
    for finding in findings:
        for name in finding.delete:
            shop.cache.delete(name)


def test_a_sound_cache_has_no_finding(shop):
    shop.module()
    shop.training()
    shop.decoder()

    assert check(shop) == []


# What happens to a compiled graph -> what is found, and its state once repaired.
DAMAGE = {
    "poisoned": (lambda c, m: (c.delete(f"{m}/{NEFF}"), c.delete(f"{m}/model.done"),
                               c.write(f"{m}/model.log", b"error")), State.POISONED),
    "empty": (lambda c, m: c.write(f"{m}/{NEFF}", b""), State.TRUNCATED),
    "not done": (lambda c, m: c.delete(f"{m}/model.done"), State.HALF_WRITTEN),
    "done without graph": (lambda c, m: c.delete(f"{m}/{NEFF}"), State.HALF_WRITTEN),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_broken_graph_is_found_and_queued_again(shop, damage):
    module = shop.module()
    shop.module("MODULE_2+a")
    hurt, expected = DAMAGE[damage]
    hurt(shop.cache, module)

    (finding,) = check(shop)

    assert (finding.where, finding.problem) == (module, expected)
    repair(shop, [finding])
    assert check(shop) == []
    states = {m.folder: m.state(shop.later, LOCK_AGE) for m in modules(shop.cache.stats())}
    assert sorted(states.values()) == [State.DONE, State.QUEUED]
    assert states[module] is State.QUEUED


def test_a_lock_is_left_alone_until_it_is_stale(shop):
    module = shop.module()
    shop.cache.write(f"{module}/model.hlo_module.pb.lock", b"")

    (finding,) = check(shop, shop.now)
    assert (finding.problem, finding.delete) == (State.LOCKED, ())

    (finding,) = check(shop)
    assert finding.problem == State.STALE_LOCK
    assert finding.delete == (f"{module}/model.hlo_module.pb.lock",)
    repair(shop, [finding])
    assert check(shop) == []


def test_what_a_killed_compiler_left_beside_its_lock_is_found_too(shop):
    module = shop.module()
    shop.cache.write(f"{module}/model.hlo_module.pb.lock", b"")
    shop.cache.delete(f"{module}/model.done")

    assert [f.problem for f in check(shop)] == [State.STALE_LOCK, State.HALF_WRITTEN]


def flip(cache, name):
    data = bytearray(cache.read(name))
    data[len(data) // 2] ^= 1
    cache.write(name, bytes(data))


HURT = {
    "truncated": lambda c, n: c.write(n, c.read(n)[:-1]),
    "missing": lambda c, n: c.delete(n),
    "changed": flip,
}


@pytest.mark.parametrize("problem", HURT)
@pytest.mark.parametrize("kind", ["decoder", "training"])
def test_a_damaged_file_is_found_and_its_artefact_made_again(shop, problem, kind):
    key = shop.training("MODULE_1+a") if kind == "training" else shop.decoder()
    name = shop.find(key, "model.hlo_module.pb" if kind == "training" else "model.pt")
    HURT[problem](shop.cache, name)

    (finding,) = check(shop)

    assert (finding.where, finding.problem) == (key.name, problem)
    assert finding.delete[0] == f"{key.name}/{INDEX}"
    repair(shop, [finding])
    assert state(shop.cache, key)[0] != READY
    left = shop.cache.folder(key.name).names()
    assert all(file.endswith("compile_flags.json") for file in left)  # nothing damaged stays


def test_a_damaged_compiled_graph_leaves_the_others(shop):
    key = shop.training("MODULE_1+a", "MODULE_2+a")
    broken = f"{key.name}/neuronxcc-2.23.6484.0+3b612583/MODULE_1+a"
    flip(shop.cache, f"{broken}/{NEFF}")

    repair(shop, check(shop))

    states = {m.folder: m.state(shop.later, LOCK_AGE) for m in modules(shop.cache.stats())}
    assert states.pop(broken) is State.QUEUED
    assert list(states.values()) == [State.DONE]


def test_quick_finds_all_but_a_flipped_bit(local):
    key = local.decoder()
    flip(local.cache, local.find(key, "model.pt"))

    assert check(local, read_all=False) == []
    assert [finding.problem for finding in check(local)] == ["changed"]


def test_an_unreadable_index_is_found(shop):
    key = shop.decoder()
    flip(shop.cache, f"{key.name}/{INDEX}")

    (finding,) = check(shop)

    assert finding.problem == "index damaged"
    repair(shop, [finding])
    assert shop.cache.folder(key.name).names() == []


def test_an_artefact_in_anothers_place_is_found(local):
    key, other = local.decoder(), local.key(batch=7)
    for name in local.cache.folder(key.name).names():
        local.cache.write(f"{other.name}/{name}", local.cache.read(f"{key.name}/{name}"))

    (finding,) = check(local)

    assert (finding.where, finding.problem) == (other.name, "wrong key")


def test_what_another_compiler_made_is_found(shop):
    key = shop.decoder(made_by="2.22.1.0+abc")

    (finding,) = check(shop)

    assert (finding.where, finding.problem) == (key.name, "wrong version")
    assert "compiled by 2.22.1.0+abc, and its key says 2.23.6484.0" in finding.detail
    repair(shop, [finding])
    assert shop.cache.names() == []


def test_a_graph_of_another_compiler_in_an_artefact_is_found(local):
    key = local.training()
    local.module("MODULE_3+a", root=f"{key.name}/", compiler="2.22.1.0")

    assert [finding.problem for finding in check(local)] == ["wrong version"]


def test_an_upload_is_left_alone_until_it_is_old(shop):
    key = shop.decoder()
    shop.cache.delete(f"{key.name}/{INDEX}")

    assert check(shop, shop.now) == []
    (finding,) = check(shop)

    assert finding.problem == "unfinished"
    repair(shop, [finding])
    assert shop.cache.names() == []


def test_the_files_of_a_lost_race_are_found(shop):
    key = shop.decoder()
    shop.cache.write(f"{key.name}/files/0123456789abcdef/model.pt", b"loser")

    assert check(shop, shop.now) == []
    (finding,) = check(shop)

    assert finding.problem == "leftover"
    repair(shop, [finding])
    assert state(shop.cache, key)[0] == READY


def test_graphs_that_are_compiled_want_their_index(shop):
    key = shop.training(sealed=False)

    (finding,) = check(shop)
    assert (finding.problem, finding.delete) == ("not sealed", ())
    assert state(shop.cache, key)[0] == "not finished"

    seal(shop.cache, key, now=shop.now, lock_age=LOCK_AGE)
    assert check(shop) == []
    assert state(shop.cache, key)[0] == READY


def test_a_graph_after_the_index_wants_another(shop):
    key = shop.training()
    shop.module("MODULE_3+a", root=f"{key.name}/")

    assert [finding.problem for finding in check(shop)] == ["not sealed"]
    seal(shop.cache, key, now=shop.now, lock_age=LOCK_AGE)
    assert check(shop) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c, m: c.write(f"{m}/x.lock", b""), "is locked: compile it, or clear it"),
        (lambda c, m: DAMAGE["poisoned"][0](c, m), "is poisoned"),
        (lambda c, m: (c.delete(f"{m}/{NEFF}"), c.delete(f"{m}/model.done")), "is queued"),
    ],
)
def test_what_is_not_compiled_is_not_sealed(local, change, said):
    key = local.training(sealed=False)
    change(local.cache, f"{key.name}/neuronxcc-2.23.6484.0+3b612583/MODULE_2+a")

    with pytest.raises(StageError, match=said):
        seal(local.cache, key, now=local.now, lock_age=LOCK_AGE)
    assert state(local.cache, key)[0] == "not finished"


def test_another_compilers_graphs_are_not_sealed(local):
    key = local.training(sealed=False, compiler="2.24.1.0")

    with pytest.raises(StageError, match=r"its key says 2\.24\.1\.0: compile in vllm"):
        seal(local.cache, key, now=local.now, lock_age=LOCK_AGE)


def test_no_graph_is_not_sealed(local):
    with pytest.raises(StageError, match="holds no graph; collect them on the gang first"):
        seal(local.cache, local.key("training"), now=local.now, lock_age=LOCK_AGE)


def test_a_sealed_cache_arrives_in_the_compilers_own_layout(shop, tmp_path):
    key = shop.training()

    fetch(shop.cache, key, tmp_path / "node")

    found = modules({k: v for k, v in shop.cache.folder(key.name).stats().items() if k != INDEX})
    assert len(found) == 2
    for module in found:
        assert (tmp_path / "node" / module.folder / NEFF).read_bytes() == b"neff" * 1000
