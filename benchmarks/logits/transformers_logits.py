"""In an environment that has transformers: its logits for a model folder, into a file.

python transformers_logits.py MODEL TOKENS.npy LOGITS.npy
"""

import sys

import numpy as np
import torch
import transformers

if __name__ == "__main__":
    folder, tokens, logits = sys.argv[1:]
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        np.save(logits, model(torch.from_numpy(np.load(tokens))).logits.numpy())
    print(transformers.__version__, model.config.to_dict().get("rope_theta"))
