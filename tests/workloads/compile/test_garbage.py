from datetime import timedelta

from workloads.artefacts.store import READY, state
from workloads.compile.garbage import contents, garbage, pinned_compilers, usage

OLD = "2.20.0.0"


def collect(shop, **options):
    given = {"now": shop.now, "older_than": None, "unpinned": False}
    found = garbage(contents(shop.cache), **given | options)
    return {thing.where for thing, _ in found}


def test_the_fixtures_compiler_is_pinned_and_the_old_one_is_not():
    assert "2.23.6484.0" in pinned_compilers()
    assert OLD not in pinned_compilers()


def test_what_no_pinned_compiler_made_goes(shop):
    old = shop.decoder(compiler=OLD, made_by=OLD)
    graph = shop.module(compiler=OLD)
    shop.decoder()
    shop.training()
    shop.module()

    assert collect(shop, unpinned=True) == {old.name, graph}


def test_what_is_old_goes(shop):
    key = shop.decoder()
    graph = shop.module()
    older_than = timedelta(days=30)

    assert collect(shop, older_than=older_than, now=shop.now + timedelta(days=29)) == set()
    later = shop.now + timedelta(days=31)
    assert collect(shop, older_than=older_than, now=later) == {key.name, graph}


def test_what_is_collected_is_whole(shop):
    old, kept = shop.decoder(compiler=OLD, made_by=OLD), shop.decoder()
    for thing, _ in garbage(contents(shop.cache), now=shop.now, older_than=None, unpinned=True):
        for name in thing.files:
            shop.cache.delete(name)

    assert shop.cache.folder(old.name).names() == []
    assert state(shop.cache, kept)[0] == READY


def test_what_is_locked_or_unfinished_stays(local):
    key = local.decoder(compiler=OLD, made_by=OLD)
    local.cache.delete(f"{key.name}/INDEX.json")
    graph = local.module(compiler=OLD)
    local.cache.write(f"{graph}/model.hlo_module.pb.lock", b"")

    assert collect(local, unpinned=True) == set()


def test_every_file_is_counted_once(shop):
    shop.decoder()
    shop.decoder(batch=2)
    shop.training()
    shop.module()

    uses = usage(contents(shop.cache))

    stats = shop.cache.stats()
    assert sum(use.files for use in uses) == len(stats)
    assert sum(use.size for use in uses) == sum(stat.bytes for stat in stats.values())
    assert {(use.kind, use.artefacts) for use in uses} == {
        ("decoder", 2),
        ("training", 1),
        ("graphs", 1),
    }
