import json
import shutil

import pytest
import torch

from workloads.command import InputError
from workloads.serve.engine import Engine, Sampling, choose

GREEDY = Sampling(temperature=0, top_p=1, top_k=0, max_tokens=10)


@pytest.fixture(scope="module")
def engine(model) -> Engine:
    return Engine(model)


def run(engine: Engine, sampling: Sampling, prompt: str = "Tell me"):
    tokens = engine.encode(prompt, marks=True)
    pieces = list(engine.generate(tokens, sampling, cancelled=lambda: False))
    return "".join(piece.text for piece in pieces), pieces[-1]


def test_greedy_text_is_what_the_model_finds_likeliest(engine):
    tokens = engine.encode("Tell me", marks=True)
    with torch.no_grad():
        for _ in range(10):
            tokens.append(int(engine.model(torch.tensor([tokens]))[0, -1].argmax()))

    text, last = run(engine, GREEDY)

    assert text == engine.tokenizer.decode(tokens[3:])
    assert engine.tokenizer.decode(tokens[:3]) == "Tell me"
    assert (last.tokens, last.finish) == (10, "length")


def test_a_seed_gives_the_same_text_again_and_others_give_others(engine):
    def sampled(seed):
        return run(engine, Sampling(temperature=1.5, top_p=1, top_k=0, max_tokens=20, seed=seed))[0]

    assert sampled(1) == sampled(1)
    assert len({sampled(seed) for seed in range(5)}) == 5
    assert len({sampled(None) for _ in range(5)}) == 5


def test_the_context_ends_a_text(engine):
    prompt = engine.encode("Tell me", marks=True)

    pieces = list(
        engine.generate(
            prompt,
            Sampling(temperature=2, top_p=1, top_k=0, max_tokens=10_000, seed=0),
            cancelled=lambda: False,
        )
    )

    assert pieces[-1].finish in ("length", "stop")
    assert pieces[-1].tokens <= 32 - len(prompt)


def test_the_end_mark_ends_a_text_and_is_not_in_it(engine):
    end = engine.model.config.vocabulary - 1
    before, engine._ends = engine._ends, frozenset(range(end + 1))
    try:
        text, last = run(engine, GREEDY)
    finally:
        engine._ends = before

    assert (text, last.tokens, last.finish) == ("", 1, "stop")


def test_a_stop_string_ends_a_text(engine):
    text, _ = run(engine, GREEDY)

    shorter, last = run(
        engine, Sampling(temperature=0, top_p=1, top_k=0, max_tokens=10, stop=(text[3:6],))
    )

    assert shorter == text[: text.find(text[3:6])]
    assert last.finish == "stop"


def test_who_cancels_gets_no_more(engine):
    tokens = engine.encode("Tell me", marks=True)
    asked = iter([False, False, False, True])

    pieces = list(engine.generate(tokens, GREEDY, cancelled=lambda: next(asked)))

    assert all(piece.finish is None for piece in pieces)
    assert pieces[-1].tokens <= 3


LOGITS = torch.tensor([0.6, 0.3, 0.1]).log()


@pytest.mark.parametrize(
    ("temperature", "top_p", "top_k", "possible"),
    [
        (0, 1, 0, {0}),
        (1, 1, 0, {0, 1, 2}),
        (1, 0.5, 0, {0}),
        (1, 0.7, 0, {0, 1}),
        (1, 1, 1, {0}),
        (1, 1, 2, {0, 1}),
        (1, 1, 50, {0, 1, 2}),
        (1, 0.001, 0, {0}),
        (0.01, 1, 0, {0}),
    ],
)
def test_only_tokens_within_the_limits_are_chosen(temperature, top_p, top_k, possible):
    random = torch.Generator().manual_seed(0)
    sampling = Sampling(temperature=temperature, top_p=top_p, top_k=top_k, max_tokens=1)

    assert {choose(LOGITS, sampling, random) for _ in range(200)} == possible


def test_tokens_are_chosen_as_often_as_they_are_likely():
    random = torch.Generator().manual_seed(0)
    sampling = Sampling(temperature=1, top_p=1, top_k=0, max_tokens=1)

    chosen = [choose(LOGITS, sampling, random) for _ in range(5000)]

    assert chosen.count(0) / 5000 == pytest.approx(0.6, abs=0.03)
    assert chosen.count(2) / 5000 == pytest.approx(0.1, abs=0.02)


def test_a_folder_without_generation_config_ends_at_the_configs_end_token(model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    (folder / "generation_config.json").unlink()

    engine = Engine(folder)

    assert engine.defaults == {}
    assert engine._ends == {json.loads((folder / "config.json").read_text())["eos_token_id"]}


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
)
def test_a_missing_file_is_named(model, tmp_path, name):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    (folder / name).unlink()

    with pytest.raises(InputError, match=f"{name} does not exist"):
        Engine(folder)


def test_a_tokenizer_that_is_none_is_a_sentence(model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    (folder / "tokenizer.json").write_text("{}")

    with pytest.raises(InputError, match=r"tokenizer\.json is not a tokenizer"):
        Engine(folder)
