"""From coordinates to a graph: which residues are neighbours, and what the model is told of each pair.

After Dauparas et al. 2022 (doi:10.1126/science.add2187) and the published code, whose constants these are.
"""

import torch
from torch.nn import functional

DISTANCES = 16  # radial basis functions a distance, from 2 to 22 Angstrom
FARTHEST = 32  # positions along a chain are told apart up to here
EPSILON = 1e-6
ROWS = 1024  # residues whose distances to all others are in memory together
N, CA, C, OX, CB = range(5)
# Pairs of atoms, of a residue and of its neighbour, in the order of the weights. CA to CA stands before them.
PAIRS = (
    *((N, N), (C, C), (OX, OX), (CB, CB), (CA, N), (CA, C), (CA, OX), (CA, CB), (N, C), (N, OX), (N, CB), (CB, C)),
    *((CB, OX), (OX, C), (N, CA), (C, CA), (OX, CA), (CB, CA), (C, N), (OX, N), (CB, N), (C, CB), (OX, CB), (C, OX)),
)
# The same for models that see CA alone: the one before, the residue itself, and the one behind.
CA_PAIRS = ((0, 0), (2, 2), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1))


def neighbours(ca, mask, most):
    """Distances (L, K) and places (L, K) of the nearest residues, the residue itself among them.

    Residues without a backbone count as far away: they are taken where there are not enough others.
    """
    distances, places = [], []
    for start in range(0, len(ca), ROWS):
        rows = ca[start : start + ROWS]
        both = mask[start : start + ROWS, None] * mask
        apart = both * torch.sqrt(((rows[:, None] - ca) ** 2).sum(-1) + EPSILON)
        farthest = apart.max(-1, keepdim=True).values
        nearest = torch.topk(apart + (1.0 - both) * farthest, min(most, len(ca)), largest=False)
        distances.append(nearest.values)
        places.append(nearest.indices)
    return torch.cat(distances), torch.cat(places)


def radial_basis(distance):
    """(L, K) Angstrom -> (L, K, 16)."""
    centres = torch.linspace(2.0, 22.0, DISTANCES, device=distance.device)
    return torch.exp(-(((distance[..., None] - centres) / (20.0 / DISTANCES)) ** 2))


def positional(weights, index, chain, places):
    """How far apart two residues are in their chain: an embedding, (L, K, 16)."""
    offset = index[:, None] - index[places]
    same = chain[:, None] == chain[places]
    step = torch.where(same, (offset + FARTHEST).clamp(0, 2 * FARTHEST), 2 * FARTHEST + 1)
    table = weights["features.embeddings.linear.weight"].T
    return table[step] + weights["features.embeddings.linear.bias"]


def edges(weights, coordinates, mask, index, chain, most, ca_only):
    """Features of the edges, (L, K, 128), and the neighbours' places, (L, K).

    Args:
        coordinates: (L, 4, 3), zero where there is no atom.
        mask: (L,), 1 where the backbone is complete.
        index: (L,) positions; chain: (L,) numbers of chains.
    """
    distances, places = neighbours(coordinates[:, CA], mask, most)
    parts = [positional(weights, index, chain, places), radial_basis(distances)]
    if ca_only:
        parts += _around_ca(coordinates[:, CA], places)
    else:
        atoms = torch.cat([coordinates, _cb(coordinates)[:, None]], 1)
        parts += [radial_basis(_apart(atoms[:, a], atoms[:, b], places)) for a, b in PAIRS]
    embedded = functional.linear(torch.cat(parts, -1), weights["features.edge_embedding.weight"])
    norm = weights["features.norm_edges.weight"], weights["features.norm_edges.bias"]
    return functional.layer_norm(embedded, (embedded.shape[-1],), *norm), places


def _apart(a, b, places):
    return torch.sqrt(((a[:, None] - b[places]) ** 2).sum(-1) + EPSILON)


def _cb(atoms):
    """Where CB would be, of an ideal residue."""
    b, c = atoms[:, CA] - atoms[:, N], atoms[:, C] - atoms[:, CA]
    a = torch.cross(b, c, dim=-1)
    return -0.58273431 * a + 0.56802827 * b - 0.54067466 * c + atoms[:, CA]


# ------------------------------------------------------------------------------------------------------------- CA alone


def _around_ca(ca, places):
    nothing = torch.zeros_like(ca[:1])
    shifted = (torch.cat([nothing, ca[:-1]]), ca, torch.cat([ca[1:], nothing]))
    parts = [radial_basis(_apart(shifted[a], shifted[b], places)) for a, b in CA_PAIRS]
    return [*parts, _orientations(ca, places)]


def _orientations(ca, places):
    """Direction of each neighbour and its rotation as a quaternion, in a frame that follows the chain: (L, K, 7)."""
    steps = ca[1:] - ca[:-1]
    length = steps.norm(dim=-1)
    along = functional.normalize(steps * ((length > 3.6) & (length < 4.0))[:, None], dim=-1)  # not across a gap
    before, behind = along[:-2], along[1:-1]
    normal = functional.normalize(torch.cross(before, behind, dim=-1), dim=-1)
    bisector = functional.normalize(before - behind, dim=-1)
    frames = torch.stack((bisector, normal, torch.cross(bisector, normal, dim=-1)), 1)
    frames = functional.pad(frames, (0, 0, 0, 0, 1, 2))
    direction = (frames[:, None] @ (ca[places] - ca[:, None])[..., None]).squeeze(-1)
    rotation = frames[:, None].transpose(-1, -2) @ frames[places]
    return torch.cat((functional.normalize(direction, dim=-1), _quaternions(rotation)), -1)


def _quaternions(rotation):
    xx, yy, zz = torch.diagonal(rotation, dim1=-2, dim2=-1).unbind(-1)
    sizes = torch.stack((xx - yy - zz, -xx + yy - zz, -xx - yy + zz), -1)
    signs = torch.stack(
        [rotation[..., i, j] - rotation[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0))],
        -1,
    ).sign()
    real = torch.sqrt(functional.relu(1 + xx + yy + zz))[..., None] / 2
    return functional.normalize(torch.cat((signs * 0.5 * torch.sqrt((1 + sizes).abs()), real), -1), dim=-1)
