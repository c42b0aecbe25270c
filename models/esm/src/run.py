"""ESM-1b, ESM-1v and ESM-2 beside their weights, computed by the published code (fair-esm)."""

import re

import checkpoint
from repro_guest import Runner

# Tokens that go through the model together. On a CPU larger batches are slower; a GPU needs many to be busy.
BATCH_TOKENS = {"cpu": 1024, "cuda": 8192}
MAX_RESIDUES = 1022  # ESM-1b has no more positions; ESM-2 was trained on no more
ENDS = 2  # BOS before the residues, EOS after them
TOKEN = re.compile(r"<mask>|.", re.DOTALL)


class Esm(Runner):
    """Representations, logits and contacts of proteins from ESM-1b, ESM-1v and ESM-2."""

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--variant", default="esm2_t6_8M_UR50D", help="VARIANT.pt in the folder of weights")
        parser.add_argument("--embeddings", nargs="*", choices=["mean", "bos", "residue"], default=["mean"])
        parser.add_argument("--layers", nargs="+", type=int, default=[-1], help="0 is the embedding, -1 the last layer")
        parser.add_argument("--logits", action="store_true")
        parser.add_argument("--contacts", action="store_true")

    def load(self, options):
        import torch

        self.torch = torch
        self.path = checkpoint.find(options.weights_dir, options.variant)
        model, self.alphabet, self.has_contacts = checkpoint.load(self.path)
        self.model = model.to(self.device)
        self.batch_tokens = BATCH_TOKENS[self.device.partition(":")[0]]
        positions = getattr(getattr(model, "embed_positions", None), "max_positions", MAX_RESIDUES + ENDS)
        self.max_residues = min(MAX_RESIDUES, positions - ENDS)
        letters = [*self.alphabet.standard_toks, "<mask>"]
        self.ids = {letter: self.alphabet.get_idx(letter) for letter in letters}

    def predict(self, records):
        wrong = self._wrong_options()
        checked = [wrong or self._tokens(record["sequence"]) for record in records]
        rows = {i: tokens for i, tokens in enumerate(checked) if not isinstance(tokens, Exception)}
        results = {}
        for numbers in self._batches(rows):
            results.update(self._forward([rows[i] for i in numbers], numbers))
        for i, tokens in enumerate(checked):
            yield results.pop(i) if i in rows else tokens

    # ----------------------------------------------------------------------------------------------- what is asked for

    def _wrong_options(self):
        """What is wrong with this call's options, as an exception; None where they are good."""
        count = self.model.num_layers
        for layer in self.options.layers:
            if not -count - 1 <= layer <= count:
                message = "%s has no layer %d: give 0 (the embedding) to %d, or -1 (the last) to %d"
                return ValueError(message % (self.path.stem, layer, count, -count - 1))
        if self.options.contacts and not self.has_contacts:
            message = "%s has no regression weights (%s%s.pt), without which contacts would be wrong"
            return ValueError(message % (self.path.stem, self.path.stem, checkpoint.REGRESSION))
        return None

    def _tokens(self, sequence):
        """Token ids with the ends, or a ValueError that says what is wrong with the sequence."""
        letters = TOKEN.findall(sequence)
        if not letters:
            return ValueError("the sequence is empty")
        if len(letters) > self.max_residues:
            message = "the sequence has %d residues and %s takes at most %d"
            return ValueError(message % (len(letters), self.path.stem, self.max_residues))
        for position, letter in enumerate(letters, 1):
            if letter not in self.ids:
                return ValueError("position %d holds %r: %s" % (position, letter, self._reason(letter)))
        return [self.alphabet.cls_idx, *(self.ids[letter] for letter in letters), self.alphabet.eos_idx]

    def _reason(self, letter):
        if letter.upper() in self.ids:
            return "ESM has no token for lower-case letters; give upper-case ones"
        return "ESM has no token for it; it takes %s" % " ".join(self.ids)

    # ------------------------------------------------------------------------------------------------------ the compute

    def _batches(self, rows):
        """Lists of record numbers that go through the model together: of about one length, within the token budget."""
        batch = []
        for number in sorted(rows, key=lambda i: len(rows[i])):
            full = len(rows[number]) * (len(batch) + 1) > self.batch_tokens
            # Contacts need all attention maps at once: layers x heads x length^2 numbers a sequence.
            if batch and (full or self.options.contacts):
                yield batch
                batch = []
            batch.append(number)
        if batch:
            yield batch

    def _forward(self, rows, numbers):
        """Results by record number."""
        longest = max(map(len, rows))
        padded = [row + [self.alphabet.padding_idx] * (longest - len(row)) for row in rows]
        tokens = self.torch.tensor(padded, device=self.device)
        layers = [layer % (self.model.num_layers + 1) for layer in self.options.layers]
        with self.torch.inference_mode():
            out = self.model(tokens, repr_layers=layers, return_contacts=self.options.contacts)
            return {number: self._result(out, i, len(rows[i]), layers) for i, number in enumerate(numbers)}

    def _result(self, out, i, length, layers):
        residues = slice(1, length - 1)
        states = [out["representations"][layer][i] for layer in layers]
        result = {}
        if "mean" in self.options.embeddings:
            result["embedding"] = self._joined([state[residues].mean(0) for state in states])
        if "bos" in self.options.embeddings:
            result["bos_embedding"] = self._joined([state[0] for state in states])
        if "residue" in self.options.embeddings:
            result["residue_embeddings"] = self._joined([state[residues] for state in states])
        if self.options.logits:
            result["logits"] = out["logits"][i, residues].cpu()
        if self.options.contacts:
            result["contacts"] = out["contacts"][i].cpu()
        return result

    def _joined(self, of_layers):
        """One layer as it is; several along a new first axis, in the order in which they were asked for."""
        return (of_layers[0] if len(of_layers) == 1 else self.torch.stack(of_layers)).cpu()


if __name__ == "__main__":
    Esm.main()
