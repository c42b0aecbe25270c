"""The C allocator, told to keep what is freed: activations come and go by the megabyte, a hundred times a second."""

import ctypes

# Their numbers in glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_KEPT_BYTES = 2**31 - 1
_TOP_PAD_BYTES = 64 << 20


def keep_freed_memory():
    """Whether the C library was told never to give memory back; False where it is none that can be told (not glibc).

    By default glibc maps each large block afresh and unmaps it when freed, and the kernel fills each page with zeros
    at its first use. For batches of a few megabytes that takes as long as the arithmetic.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEPT_BYTES), (_M_TOP_PAD, _TOP_PAD_BYTES))
    accepted = [mallopt(name, value) for name, value in settings]
    return all(accepted)
