"""The loop that benchmarks.train compares with: PyTorch and nothing else.

The same model and optimizer on random tokens that lie in memory: no data set, no checkpoints, no
metrics, no other processes, nobody to stop it.
"""

import sys
import time

import torch
import torch.nn.functional as F

from workloads.llama import Llama, sized


def main(size: str, vocabulary: int, length: int, batch: int, steps: int, skip: int) -> None:
    """Print the seconds that the steps after the first `skip` took, on one thread."""
    torch.set_num_threads(1)
    model = Llama(sized(size, vocabulary=vocabulary, context=length))
    model.initialise(0)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    norms = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}],
        lr=1e-3,
        betas=(0.9, 0.95),
        fused=True,
    )
    tokens = torch.randint(vocabulary, (steps, batch, length + 1))
    for step in range(steps):
        if step == skip:
            started = time.perf_counter()
        rows = tokens[step]
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
