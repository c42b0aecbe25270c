"""Which sequences go through the model together: as many tokens as fit, in order, and fewer when memory runs out."""

from collections import deque
from itertools import groupby

import cgroup

# A GPU needs many to be busy. On a CPU more than these gain nothing: the activations leave the cache; but a matrix that
# does not fit into it is read anew for each batch, and pays with more of them only.
_MOST_TOKENS = {"cpu": 1024, "cuda": 65536}
_MOST_TOKENS_WIDE = {**_MOST_TOKENS, "cpu": 4096}
_WIDE = 1024
_SHARE_OF_FREE_MEMORY = 0.5
_CPU_ALLOCATOR = "can't allocate memory"  # what PyTorch's RuntimeError says


class Budget:
    """How many tokens a batch may have. Halves when memory runs out, and stays so.

    Attributes:
        tokens: the budget now. One sequence goes through the model whatever its length.
    """

    def __init__(self, tokens):
        self.tokens = tokens

    @classmethod
    def from_free_memory(cls, device, width, bytes_per_token):
        """The budget for what is free now, where one token takes `bytes_per_token` on its way through a model."""
        most = (_MOST_TOKENS_WIDE if width >= _WIDE else _MOST_TOKENS)[device.partition(":")[0]]
        free = free_bytes(device)
        fitting = most if free is None else int(free * _SHARE_OF_FREE_MEMORY / bytes_per_token)
        return cls(max(1, min(most, fitting)))

    def batches(self, items, tokens_of, compute):
        """Yield `compute(batch)` for lists of items within the budget, in order.

        Args:
            items: any iterable; no more of it is taken than the next batch needs.
            tokens_of: the tokens of one item.
            compute: takes a list of items. A batch for which memory does not suffice is tried again in two.

        Raises:
            MemoryError: memory does not suffice for one item alone.
        """
        source = iter(items)
        waiting = deque()
        while batch := self._take(waiting, source, tokens_of):
            done, result = _tried(compute, batch)
            if done:
                yield result
            elif len(batch) == 1:
                raise MemoryError("there is not enough memory for one sequence of %d tokens" % tokens_of(batch[0]))
            else:
                self.tokens = max(1, sum(map(tokens_of, batch)) // 2)
                waiting.extendleft(reversed(batch))

    def _take(self, waiting, source, tokens_of):
        """The next batch: from what waits, then from the source. The first item that is too many goes to `waiting`."""
        batch, tokens = [], 0
        while True:
            if not waiting:
                waiting.extend(item for item in [next(source, None)] if item is not None)
            if not waiting or (batch and tokens + tokens_of(waiting[0]) > self.tokens):
                return batch
            tokens += tokens_of(waiting[0])
            batch.append(waiting.popleft())


def _tried(compute, batch):
    """(True, the result), or (False, None) where memory ran out."""
    import torch

    try:
        return True, compute(batch)
    except (MemoryError, RuntimeError) as error:
        exhausted = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or _CPU_ALLOCATOR in str(error)
        if not exhausted:
            raise
    # After the `except`: until there the error held what the batch had allocated.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return False, None


def free_bytes(device):
    """Memory that can still be taken, of the GPU or of this container; None where it is not known."""
    if not device.startswith("cuda"):
        return cgroup.memory_left_bytes()
    import torch

    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + kept


def equal_lengths(rows):
    """(first token, how many, length) of each run of rows of one length, rows standing one behind the other."""
    groups, start = [], 0
    for length, run in groupby(rows, key=len):
        count = len(list(run))
        groups.append((start, count, length))
        start += count * length
    return groups
