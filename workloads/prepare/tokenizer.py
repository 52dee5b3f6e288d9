"""The tokenizer: byte-level BPE learnt from the documents that are left, or a given one."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from workloads.command import InputError
from workloads.files import Folder, open_folder
from workloads.prepare.batches import pieces
from workloads.prepare.layout import RULES, survivors
from workloads.prepare.settings import Settings
from workloads.prepare.work import Tally

BEGIN = "<|begin|>"
END = "<|end|>"
SMALLEST = 2 + 256  # the two marks and every byte


def provide(
    work: Folder, stem: str, cleaned: Sequence[str], merged: str, settings: Settings, share: float
) -> Tally:
    """Write the given tokenizer's rules, or those learnt from a `share` of the documents."""
    if settings.tokenizer is None:
        texts = _sample(work, cleaned, merged, share)
        tokenizer, names = train_tokenizer(texts, settings.vocabulary), (BEGIN, END)
        rules = tokenizer.to_str().encode()
    else:
        tokenizer, names = Tokenizer.from_str(settings.tokenizer), settings.marks
        rules = settings.tokenizer.encode()  # to the byte: whose it is, is told by its digest
    work.write(stem + RULES, rules)
    return {
        "sha256": hashlib.sha256(rules).hexdigest(),
        "vocabulary": tokenizer.get_vocab_size(),
        "begin": tokenizer.token_to_id(names[0]),
        "end": tokenizer.token_to_id(names[1]),
    }


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Learn up to `vocabulary` tokens; equal texts give a byte-identical tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[BEGIN, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, tokenizer.token_to_id(BEGIN))]
    )
    return tokenizer


def read_tokenizer(uri: str) -> tuple[str, tuple[str, str]]:
    """A tokenizer.json's rules, and what it calls begin and end.

    `uri` is the file or its folder. The names are those of the tokenizer_config.json beside it,
    or our own; a tokenizer without a begin mark has its end mark there, as GPT-2 has.
    """
    folder, _, name = uri.rpartition("/")
    if not name.endswith(".json"):
        folder, name = uri, "tokenizer.json"
    place = open_folder(folder or ("/" if uri.startswith("/") else "."))
    rules = place.read(name).decode(errors="replace")
    try:
        tokenizer = Tokenizer.from_str(rules)
    except Exception as error:  # the library raises nothing narrower
        raise InputError(f"{uri} is no tokenizer of the tokenizers library: {error}") from None
    names: list[str | None] = [BEGIN, END]
    config = str(Path(name).with_name("tokenizer_config.json"))
    if place.exists(config):
        table = json.loads(place.read(config))
        marks = (table.get("bos_token"), table.get("eos_token"))
        names = [mark["content"] if isinstance(mark, dict) else mark for mark in marks]
    begin, end = names[0] or names[1], names[1]
    for mark in (begin, end):
        if mark is None or tokenizer.token_to_id(mark) is None:
            raise InputError(
                f"{uri} has no token {mark!r} to end a document with; put its tokenizer_config.json"
                " with bos_token and eos_token beside it"
            )
    assert begin is not None and end is not None
    return rules, (begin, end)


def _sample(work: Folder, cleaned: Sequence[str], merged: str, share: float) -> Iterator[str]:
    """A share of the documents that are left, chosen by the hash of their content."""
    below = np.uint64(min(int(share * 2**64), 2**64 - 1))
    for part, stem in enumerate(cleaned):
        for texts, hashes in survivors(work, stem, merged, part):
            chosen = zip(texts, hashes <= below, strict=True)
            for text in (text for text, choose in chosen if choose):
                yield from pieces(text)
