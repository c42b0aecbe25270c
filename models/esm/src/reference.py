"""The reference engine: the published code (fair-esm), untouched, on padded batches as it makes them."""

import checkpoint
import tokens
import torch
from outputs import cut

# Tokens that go through the model together, padding included. On a CPU larger batches are slower.
_BATCH_TOKENS = {"cpu": 1024, "cuda": 8192}


class Reference:
    """A model of fair-esm, ready to compute. It has the methods of `Fast`.

    Raises:
        CheckpointError: the file cannot be used.
    """

    def __init__(self, path, device="cpu"):
        self.name = path.stem
        self.device = device
        model, _, self.has_contacts = checkpoint.load(path)
        self.model = model.to(device)
        self.layer_count = model.num_layers
        positions = getattr(getattr(model, "embed_positions", None), "max_positions", tokens.MAX_RESIDUES + tokens.ENDS)
        self.max_residues = min(tokens.MAX_RESIDUES, positions - tokens.ENDS)
        self.batch_tokens = _BATCH_TOKENS[device.partition(":")[0]]

    def embed(self, rows, ask):
        """Yield one result a row (tokens as bytes), in order."""
        results = {}
        for numbers in self._batches(rows, alone=ask.contacts):
            out = self._forward([rows[number] for number in numbers], ask.state_layers, ask.contacts)
            for i, number in enumerate(numbers):
                results[number] = self._result(out, i, len(rows[number]), ask)
        yield from (results.pop(number) for number in range(len(rows)))

    def log_probabilities_at(self, masked):
        """Yield the (33,) natural logs of the probabilities of all tokens at one place of each row."""
        for row, place in masked:
            yield self._forward([row])["logits"][0, place].log_softmax(-1).cpu()

    def log_probabilities(self, rows):
        """Yield the (length, 33) natural logs of the probabilities of all tokens at all places of each row."""
        for row in rows:
            yield self._forward([row])["logits"][0].log_softmax(-1).cpu()

    def _batches(self, rows, alone):
        """Lists of row numbers that go through the model together: of about one length, within the token budget."""
        batch = []
        for number in sorted(range(len(rows)), key=lambda i: len(rows[i])):
            full = len(rows[number]) * (len(batch) + 1) > self.batch_tokens
            # Contacts need all attention maps at once: layers x heads x length^2 numbers a sequence.
            if batch and (full or alone):
                yield batch
                batch = []
            batch.append(number)
        if batch:
            yield batch

    def _forward(self, rows, layers=(), contacts=False):
        longest = max(map(len, rows))
        padded = [list(row) + [tokens.PAD] * (longest - len(row)) for row in rows]
        with torch.inference_mode():
            batch = torch.tensor(padded, device=self.device)
            return self.model(batch, repr_layers=layers, return_contacts=contacts)

    def _result(self, out, i, length, ask):
        residues = slice(1, length - 1)
        states = [out["representations"][layer][i] for layer in ask.state_layers]
        return cut(
            ask,
            [state[residues].mean(0).cpu() for state in states],
            [state[0].cpu() for state in states],
            [state[residues].cpu() for state in states],
            out["logits"][i, residues].cpu() if ask.logits else None,
            out["contacts"][i].cpu() if ask.contacts else None,
        )
