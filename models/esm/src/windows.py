"""Proteins that are longer than the model's window, cut as ProteinGym cuts them (Notin et al. 2023).

Positions and lengths count tokens: BOS and EOS belong to the first and the last window alone.
"""

import math


def optimal_window(place, length, window):
    """(start, end) of the window that has `place` in its middle, or as near to it as the ends allow."""
    if length <= window:
        return 0, length
    start = min(max(place - window // 2, 0), length - window)
    return start, start + window


def overlapping_windows(length, window):
    """Starts of windows from both ends inwards until they meet, and one in the middle where they hardly overlap.

    A window may stand there twice, as ProteinGym has it; its weight is then twice as large.
    """
    if length <= window:
        return [0]
    step = window // 2 - 1
    left, right = 0, length - window
    starts = [left, right]
    while left + window - 1 <= right:
        left, right = left + step, right - step
        starts += [left, right]
    if left + window - right < step:
        starts.append(length // 2 - window // 2)
    return starts


def window_weights(window):
    """How much each place of an overlapping window counts: 1 in the middle, falling off as a sigmoid in the outer
    quarters. The very first and last place count fully, as in ProteinGym, for which they are BOS and EOS."""
    quarter, half, slope = window // 4, window // 8, window / 64
    weights = [1.0] * window
    for place in range(1, quarter + 1):
        weights[place] = 1 / (1 + math.exp(-(place - half) / slope))
    for place in range(window - 2 - quarter, window - 1):
        weights[place] = 1 / (1 + math.exp((place - (window - 2) + half) / slope))
    return weights
