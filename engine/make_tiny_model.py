"""Make the tiny model: a Llama of two layers with random weights (2 MB), for tests of scheduling and load.

    .venv-engine/bin/python engine/make_tiny_model.py [--target .cache/models/tiny-llama]

Its words mean nothing; its tokenizer, chat template, KV cache and context length are real.
"""

import argparse
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from model_dir import write_once

TARGET = Path(__file__).resolve().parent.parent / ".cache/models/tiny-llama"
SEED = 20240229
VOCABULARY = 2048
CONTEXT = 8192
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tiny model.")
    parser.add_argument("--target", type=Path, default=TARGET)
    write_once(parser.parse_args().target, make)


def make(target: Path) -> None:
    save_tokenizer(target)
    save_model(target)


def save_tokenizer(target: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(local_text(), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|endoftext|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT,
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(target)


def local_text() -> Iterator[str]:
    """The standard library's own sources: every Python has them, in a fixed order."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:60]:
        yield path.read_text(encoding="utf-8", errors="replace")


def save_model(target: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(target)


if __name__ == "__main__":
    main()
