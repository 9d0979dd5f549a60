"""Decoding in other processes: without torch, under other numbers of threads, with other arithmetic of torch."""

import json
import os
import subprocess
import sys

import numpy as np

CHECKSUMS = """
import sys, zlib
import numpy as np
import hypress
for path in sys.argv[1:]:
    print(zlib.crc32(np.ascontiguousarray(hypress.decode(open(path, "rb").read())).tobytes()))
assert "torch" not in sys.modules
"""
INTEGERS = """
import hashlib, json, sys
import numpy as np, torch
how = json.loads(sys.argv[2])
if "threads" in how:
    torch.set_num_threads(how["threads"])
if "mkldnn" in how:
    torch.backends.mkldnn.enabled = how["mkldnn"]
import hypress
from hypress.entropy import tables
from hypress.neural import autoencoder
from hypress.neural.bandwise import coding as bandwise_coding
from hypress.neural.hific import coding as hific_coding
seen = hashlib.sha256()
class Watched(tables.TableDecoder):
    def read(self, chosen):
        values = super().read(chosen)
        seen.update(values.tobytes())
        return values
autoencoder.TableDecoder = bandwise_coding.TableDecoder = hific_coding.TableDecoder = Watched
if how.get("channels_last"):
    original = autoencoder.apply
    kinds = {4: torch.channels_last, 5: torch.channels_last_3d}
    def other(layers, batch):
        return original(lambda t: layers(t.contiguous(memory_format=kinds.get(t.ndim, torch.contiguous_format))), batch)
    autoencoder.apply = other
samples = hypress.decode(open(sys.argv[1], "rb").read())
np.save(sys.argv[1] + ".npy", samples)
print(seen.hexdigest())
"""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
OTHER_PROCESSOR = {"ATEN_CPU_CAPABILITY": "default", "NUMBA_CPU_NAME": "generic"}


def checksums(paths, threads):
    """Of the scenes in the codestreams at `paths`, decoded by that many threads and without torch."""
    return _run(CHECKSUMS, *map(str, paths), environment=dict.fromkeys(THREADS, str(threads)))


def integers(path, how, environment):
    """A digest of all that the entropy decoder reads from the codestream at `path`, and the scene."""
    digest = _run(INTEGERS, str(path), json.dumps(how), environment=environment).strip()
    return digest, np.load(f"{path}.npy")


def _run(program, *arguments, environment):
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
