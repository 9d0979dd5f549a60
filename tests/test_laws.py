"""Every law over every codec that the directory lists, every example configuration, and the gallery."""

import pytest

from hypress.codec import find, names
from hypress.errors import MissingExtraError
from hypress.testing import trials


def everything():
    for name in names():
        try:
            kind = find(name)
        except MissingExtraError:
            continue
        for law, example, case in trials(kind):
            settings = ",".join(f"{k}={v}" for k, v in example.configuration().items())
            yield pytest.param(law, example, case, id=f"{name}({settings})-{case}-{law.__name__}")


@pytest.mark.parametrize(("law", "codec", "case"), list(everything()))
def test_law(law, codec, case):
    law(codec, case)
