"""One thread for each process that computes."""

import torch


def one_thread() -> None:
    """Compute on one thread: results do not depend on the number of cores, and workers do not compete."""
    torch.set_num_threads(1)
