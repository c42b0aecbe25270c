"""AntiBERTy beside its weights: embeddings and pseudo log-likelihoods of antibody sequences."""

import os

from repro_guest import Runner

# Tokens that go through the model together. On a CPU more gain nothing and take memory; a GPU needs many to be busy.
BATCH_TOKENS = {"cpu": 2048, "cuda": 65536}
VARIANT = "AntiBERTy_md_smooth"  # the only one that was published; it is part of the package
NAMED = 5  # rows, in an error
ENDS = 2  # [CLS] before the residues, [SEP] after them


class Antiberty(Runner):
    """Embeds and scores antibody sequences with AntiBERTy."""

    zero_shot = True
    is_training = False
    ignored_hyper_params = {"nogpu": "the device is chosen where the training is started"}  # noqa: RUF012

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--variant", default=VARIANT, choices=[VARIANT])
        parser.add_argument("--embeddings", nargs="*", choices=["mean", "residue"], default=["mean"])
        parser.add_argument("--score", action="store_true", help="also give the pseudo log-likelihood")

    @classmethod
    def add_training_arguments(cls, parser):
        parser.add_argument(
            "--chain-columns",
            nargs="+",
            help="columns of the data set with a chain each, such as heavy light [the sequence alone]",
        )

    def load(self, options):
        os.environ["HF_HUB_OFFLINE"] = "1"  # the weights lie in the package; no hub is ever asked
        import torch
        from antiberty import AntiBERTy
        from antiberty.AntiBERTyRunner import CHECKPOINT_PATH, VOCAB_FILE

        self.torch = torch
        self.batch_tokens = BATCH_TOKENS[self.device.partition(":")[0]]
        model = AntiBERTy.from_pretrained(CHECKPOINT_PATH, local_files_only=True, weights_only=True)
        self.model = model.eval().to(self.device)
        self.max_residues = model.config.max_position_embeddings - ENDS
        with open(VOCAB_FILE) as file:
            self.ids = {token: number for number, token in enumerate(file.read().split())}
        self.amino_acids = [token for token in self.ids if len(token) == 1]
        # As in the package: a residue that is not known is [UNK], one that is left out is [MASK].
        self.letters = dict({letter: self.ids[letter] for letter in self.amino_acids}, X=self.ids["[UNK]"])
        self.letters["_"] = self.ids["[MASK]"]

    def train(self, task):
        """The pseudo log-likelihood of each held-out variant: the mean over its residues, those of all its chains."""
        self.options.score = self.is_training = True  # what has no likelihood is refused
        variants = [self._chains(task, number) for number in range(len(task.test))]
        self._refuse(task.test, variants)
        known = {}
        for chain in dict.fromkeys(chain for chains in variants for chain in chains):
            known[chain] = self._pseudo_log_likelihood(self._tokens(chain))
        return [sum(known[chain] * len(chain) for chain in chains) / sum(map(len, chains)) for chains in variants]

    def _chains(self, task, number):
        columns = self.options.chain_columns
        if not columns:
            return [task.test.sequences[number]]
        from repro_guest.assays import DatasetError

        table = task.dataset.table
        for column in columns:
            if column not in table:
                raise DatasetError("%s has no column %r; it has %s" % (task.dataset.name, column, ", ".join(table)))
        return [str(table[column][task.test.rows[number]]) for column in columns]

    def _refuse(self, examples, variants):
        """Raise DatasetError where the model cannot take a chain; names the rows."""
        from repro_guest.assays import DatasetError

        said = []
        for row, chains in zip(examples.rows, variants):
            error = next((error for error in map(self._check, chains) if error is not None), None)
            if error is not None:
                said.append("row %d: %s" % (row + 1, error))
        if said:
            more = "" if len(said) <= NAMED else "; and %d rows more" % (len(said) - NAMED)
            raise DatasetError("; ".join(said[:NAMED]) + more, "leave these rows out of the data set, or correct them")

    def predict(self, records):
        checked = [self._check(record["sequence"]) for record in records]
        rows = {i: self._tokens(record["sequence"]) for i, record in enumerate(records) if checked[i] is None}
        embedded = self._embed(rows) if self.options.embeddings else {}
        for i, error in enumerate(checked):
            if error is not None:
                yield error
                continue
            result = embedded.pop(i, {})
            if self.options.score:
                result["pseudo_log_likelihood"] = self._pseudo_log_likelihood(rows[i])
            yield result

    def _check(self, sequence):
        """What is wrong with a sequence, as an exception; None for a good one."""
        if not sequence:
            return ValueError("the sequence is empty")
        if len(sequence) > self.max_residues:
            return ValueError(
                "the sequence has %d residues and AntiBERTy takes at most %d; cut out the variable domain"
                % (len(sequence), self.max_residues)
            )
        allowed = self.amino_acids if self.options.score else self.letters
        for position, letter in enumerate(sequence, 1):
            if letter not in allowed:
                return ValueError("position %d holds %r: %s" % (position, letter, self._reason(letter)))
        return None

    def _reason(self, letter):
        if letter in self.letters:
            known = "only residues that are known have a likelihood"
            return known if self.is_training else known + "; leave the score out for this sequence"
        if letter.upper() in self.letters:
            return "AntiBERTy would take a lower-case letter for an unknown residue; give upper-case letters"
        known = "".join(self.amino_acids)
        return "it is no amino acid; AntiBERTy takes %s, X (unknown) and _ (masked)" % known

    def _tokens(self, sequence):
        return [self.ids["[CLS]"]] + [self.letters[letter] for letter in sequence] + [self.ids["[SEP]"]]

    def _embed(self, rows):
        """Embeddings by record number. Sorted by length, so that next to nothing is padded."""
        results = {}
        batch = []
        for number in sorted(rows, key=lambda i: len(rows[i])):
            if batch and len(rows[number]) * (len(batch) + 1) > self.batch_tokens:
                results.update(self._embed_batch(rows, batch))
                batch = []
            batch.append(number)
        if batch:
            results.update(self._embed_batch(rows, batch))
        return results

    def _embed_batch(self, rows, numbers):
        longest = max(len(rows[i]) for i in numbers)
        padding = self.ids["[PAD]"]
        tokens = self.torch.tensor(
            [rows[i] + [padding] * (longest - len(rows[i])) for i in numbers], device=self.device
        )
        with self.torch.inference_mode():
            hidden = self.model.bert(input_ids=tokens, attention_mask=tokens != padding).last_hidden_state
        return {i: self._chosen(hidden[row, 1 : len(rows[i]) - 1]) for row, i in enumerate(numbers)}

    def _chosen(self, residues):
        result = {}
        if "mean" in self.options.embeddings:
            result["embedding"] = residues.mean(0).cpu()
        if "residue" in self.options.embeddings:
            result["residue_embeddings"] = residues.cpu()
        return result

    def _pseudo_log_likelihood(self, tokens):
        """Mean over the residues of ln p(residue | all others), each masked in a copy of its own.

        Among the 20 amino acids alone, as AntiBERTyRunner.pseudo_log_likelihood has it. The copies of one sequence
        are of one length, so nothing is padded.
        """
        torch = self.torch
        row = torch.tensor(tokens, device=self.device)
        amino_acids = torch.tensor([self.ids[letter] for letter in self.amino_acids], device=self.device)
        positions = torch.arange(1, len(tokens) - 1, device=self.device)
        total = 0.0
        with torch.inference_mode():
            for masked in positions.split(max(1, self.batch_tokens // len(tokens))):
                copies = row.repeat(len(masked), 1)
                each = torch.arange(len(masked), device=self.device)
                copies[each, masked] = self.ids["[MASK]"]
                hidden = self.model.bert(input_ids=copies).last_hidden_state[each, masked]
                logits = self.model.cls.predictions(hidden)[:, amino_acids]
                true = row[masked].unsqueeze(1) == amino_acids
                total += logits.log_softmax(-1)[true].double().sum().item()
        return total / len(positions)


if __name__ == "__main__":
    Antiberty.main()
