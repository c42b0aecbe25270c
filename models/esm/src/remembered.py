"""An engine that remembers what it computed last: what comes again in a later batch of a call is not computed again.

Mutants of one protein come in many batches and share its positions, and a file of sequences may hold one of them often.
"""

from collections import OrderedDict, deque

_MOST_BYTES = 64 << 20
_BYTES_BESIDE = 512  # of a key and a tensor, beside their contents
_SHARE_OF_ONE = 8  # what takes more than such a part of the memory is not kept: it would drive out all else


class Remembered:
    """An engine (`Fast` or `Reference`) with a bounded memory of one call, the least recently used forgotten first.

    Args:
        engine: what computes.
        most_bytes: of results that are kept.
    """

    def __init__(self, engine, most_bytes=_MOST_BYTES):
        self._engine = engine
        self.name = engine.name
        self.layer_count = engine.layer_count
        self.max_residues = engine.max_residues
        self.has_contacts = engine.has_contacts
        self._most_bytes = most_bytes
        self._bytes = 0
        self._call = None
        self._kept = OrderedDict()  # (result, bytes) by what was asked

    def of_call(self, call):
        """Forget what was computed for another call than this one: who asks again, to measure or to compare, is to
        get what is computed."""
        if call is None or call != self._call:
            self._kept.clear()
            self._bytes = 0
        self._call = call

    def embed(self, rows, ask):
        """Yield one result a row (tokens as bytes), in order."""
        known = {row: self._get((row, ask)) for row in rows}
        fresh = self._engine.embed([row for row in rows if known[row] is None], ask)
        for row in rows:
            if known[row] is not None:
                yield known[row]
                continue
            result = next(fresh)
            self._keep((row, ask), result, len(row), result.values())
            yield result

    def log_probabilities_at(self, masked):
        """Yield the (33,) natural logs of the probabilities of all tokens at one place of each row."""
        return self._through(masked, self._engine.log_probabilities_at, lambda pair: len(pair[0]))

    def log_probabilities(self, rows):
        """Yield the (length, 33) natural logs of the probabilities of all tokens at all places of each row."""
        return self._through(rows, self._engine.log_probabilities, len)

    def _through(self, asked, compute, bytes_of):
        """Results in the order in which they are asked for; the engine gets what is not known, as it takes it."""
        waiting = deque()

        def unknown():
            for key in asked:
                known = self._get(key)
                waiting.append((key, known))
                if known is None:
                    yield key

        for result in compute(unknown()):
            while waiting[0][1] is not None:
                yield waiting.popleft()[1]
            key, _ = waiting.popleft()
            self._keep(key, result, bytes_of(key), [result])
            yield result
        for _, known in waiting:
            yield known

    def _get(self, key):
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def _keep(self, key, result, key_bytes, tensors):
        size = _BYTES_BESIDE + key_bytes + sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        if key in self._kept or size > self._most_bytes // _SHARE_OF_ONE:
            return
        self._kept[key] = _own(result), size
        self._bytes += size
        while self._bytes > self._most_bytes:
            _, (_, freed) = self._kept.popitem(last=False)
            self._bytes -= freed


def _own(result):
    """A copy: what an engine gives is a view of all that its batch gave, which would stay as long as the view."""
    return {name: tensor.clone() for name, tensor in result.items()} if isinstance(result, dict) else result.clone()
