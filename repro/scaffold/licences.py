"""Names of licences, as https://spdx.org/licenses has them."""

from __future__ import annotations

import difflib
import re

# Those that software and weights of biology commonly have. A licence need not be one of them.
_NAMES = (
    "0BSD AFL-3.0 AGPL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause "
    "BSD-3-Clause-Clear BSL-1.0 CC-BY-3.0 CC-BY-4.0 CC-BY-NC-4.0 CC-BY-NC-ND-4.0 CC-BY-NC-SA-4.0 CC-BY-ND-4.0 "
    "CC-BY-SA-4.0 CC0-1.0 CECILL-2.1 EPL-2.0 EUPL-1.2 GPL-2.0 GPL-2.0-only GPL-2.0-or-later GPL-3.0 GPL-3.0-only "
    "GPL-3.0-or-later ISC LGPL-2.1 LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0 LGPL-3.0-only LGPL-3.0-or-later MIT MIT-0 "
    "MPL-2.0 PSF-2.0 Python-2.0 Unlicense Zlib"
)
_COMMON = tuple(_NAMES.split())
_EXPRESSION = re.compile(r"[()]|\b(?:AND|OR|WITH\s+\S+)\b")


def unknown_licence(text: str) -> str:
    """What to say of a licence that is none of the common ones; empty where it is, or is a combination of them.

    >>> unknown_licence("MIT OR (Apache-2.0 AND CC-BY-4.0)")
    ''
    >>> unknown_licence("MIIT")
    "the licence 'MIIT' is no common SPDX name; did you mean MIT? https://spdx.org/licenses has them all"
    """
    known = {name.lower() for name in _COMMON}
    names = [name.strip() for name in _EXPRESSION.split(text) if name.strip()]
    unknown = next((name for name in names if name.lower() not in known and not name.startswith("LicenseRef-")), None)
    if unknown is None:
        return ""
    near = difflib.get_close_matches(unknown.upper(), {name.upper(): name for name in _COMMON}, n=1)
    meant = f"did you mean {next(name for name in _COMMON if name.upper() == near[0])}? " if near else ""
    return f"the licence {unknown!r} is no common SPDX name; {meant}https://spdx.org/licenses has them all"
