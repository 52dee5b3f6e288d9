from dataclasses import replace

import pytest
import torch

from workloads.llama import (
    SIZES,
    Cache,
    Llama,
    LlamaConfig,
    RopeScaling,
    rotate,
    rotations,
    sized,
    slowed,
)

CONFIG = sized("micro", vocabulary=50, context=24)


def model(config: LlamaConfig = CONFIG, seed: int = 0) -> Llama:
    made = Llama(config)
    made.initialise(seed)
    return made.eval()


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(0, 50, (2, 24), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", ["micro", "tiny"])
@pytest.mark.parametrize("tied", [True, False])
@torch.no_grad()
def test_token_by_token_with_a_cache_gives_what_all_at_once_gives(tokens, size, tied):
    config = replace(sized(size, vocabulary=50, context=24), tied=tied)
    llama = model(config)
    cache = Cache(config, batch=2)

    together = llama(tokens)
    prompt = llama(tokens[:, :10], cache)
    rest = [llama(tokens[:, at : at + 1], cache) for at in range(10, 24)]

    assert torch.allclose(prompt[:, 0], together[:, 9], atol=1e-5)
    assert torch.allclose(torch.cat(rest, dim=1), together[:, 10:], atol=1e-5)


@torch.no_grad()
def test_no_token_sees_a_later_one(tokens):
    llama = model()
    changed = tokens.clone()
    changed[:, 12:] = (changed[:, 12:] + 1) % 50

    before, after = llama(tokens), llama(changed)

    assert torch.equal(before[:, :12], after[:, :12])
    assert not torch.allclose(before[:, 12:], after[:, 12:])


@torch.no_grad()
def test_attention_depends_on_distance_not_on_position():
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, CONFIG.head_width, generator=generator)
    cosines, sines = rotations(CONFIG)

    def score(query_at: int, key_at: int) -> float:
        turned = [
            rotate(x, (cosines[at : at + 1], sines[at : at + 1]))
            for x, at in ((query, query_at), (key, key_at))
        ]
        return float((turned[0] * turned[1]).sum())

    assert score(5, 2) == pytest.approx(score(20, 17), abs=1e-5)
    assert score(5, 2) != pytest.approx(score(5, 4), abs=1e-3)


def test_scaling_slows_what_turns_seldom_and_leaves_what_turns_often():
    """With the numbers of Llama 3.1."""
    scaling = RopeScaling(factor=8.0, low_frequency=1.0, high_frequency=4.0, first_context=8192)
    speeds = 500_000.0 ** -(torch.arange(0, 128, 2, dtype=torch.float64) / 128)
    turns = 8192 * speeds / (2 * torch.pi)

    ratio = slowed(speeds, scaling) / speeds

    assert torch.equal(ratio[turns >= 4], torch.ones(int((turns >= 4).sum()), dtype=torch.float64))
    assert torch.allclose(ratio[turns <= 1], torch.tensor(1 / 8, dtype=torch.float64))
    between = ratio[(turns > 1) & (turns < 4)]
    assert len(between) > 2
    assert torch.all(between.diff() < 0) and torch.all((between > 1 / 8) & (between < 1))


def test_the_seed_decides_the_weights():
    first, again, other = (model(seed=seed).state_dict() for seed in (3, 3, 4))

    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["model.embed_tokens.weight"], other["model.embed_tokens.weight"])


@torch.no_grad()
def test_a_fresh_model_guesses_among_all_tokens(tokens):
    logits = model()(tokens[:, :-1])

    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    assert float(loss) == pytest.approx(torch.log(torch.tensor(50.0)).item(), abs=0.05)


@pytest.mark.parametrize("name", SIZES)
def test_every_size_is_one_that_attention_can_split(name):
    size = SIZES[name]

    assert size.heads % size.kv_heads == 0
    assert size.head_width % 2 == 0


def test_tied_embeddings_have_no_second_matrix():
    assert "lm_head.weight" not in model().state_dict()
    assert "lm_head.weight" in model(replace(CONFIG, tied=False)).state_dict()


@torch.no_grad()
def test_the_logits_are_those_of_transformers():
    """Computed by LlamaForCausalLM of transformers 5.23.0, and by 4.57.6 alike."""
    config = replace(CONFIG, rope_theta=123_456.0, layers=2, heads=4, kv_heads=2)
    llama = Llama(config)
    for number, (name, weight) in enumerate(sorted(llama.state_dict().items())):
        waves = torch.sin(torch.arange(weight.numel(), dtype=torch.float64) * 0.7 + number) * 0.3
        weight.copy_((waves + (1.0 if "norm" in name else 0.0)).reshape(weight.shape))

    logits = llama(torch.arange(24)[None] * 7 % 50)[0, -1, :8]

    assert logits.tolist() == pytest.approx(
        [2.3162, -1.1947, -0.1238, 1.4219, -2.4855, 3.1395, -3.2759, 2.8723], abs=1e-4
    )
