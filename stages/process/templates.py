"""Pages with places to fill."""

import re
from collections.abc import Mapping


def filled(template: str, parts: Mapping[str, str]) -> str:
    """`template` with each {NAME} replaced by the part of that name; other braces stay.

    What a part holds is not looked at again, so that no data can name another part.
    """
    names = "|".join(map(re.escape, parts))
    return re.sub(rf"\{{({names})\}}", lambda place: parts[place[1]], template)
