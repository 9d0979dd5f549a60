"""CCSDS 123.0-B-2: streams that independent programs wrote, byte for byte and sample for sample."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from hypress.ccsds123 import read_header, reference
from hypress.ccsds123.lanes import Lanes
from hypress.ccsds123.parameters import STRUCTURES, TYPES
from hypress.ccsds123.predictor import lane_type, map_lanes
from hypress.codec import Spec
from hypress.codecs.ccsds123 import Ccsds123

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "conformance" / "ccsds123"
CASES = sorted(path.parent for path in FOLDER.glob("*/params.json"))

pytestmark = pytest.mark.skipif(not CASES, reason="the conformance streams are not here")


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request):
    return request.param


def load(case):
    """What is told of a case, its samples, what a decoder makes of them, and the stream."""
    told = json.loads((case / "params.json").read_text())
    given = told["input"]
    container = np.dtype(given["container"]).newbyteorder(">" if given["byte_order"] == "big" else "<")
    shape = given["N_Z"], given["N_Y"], given["N_X"]

    def array(file):
        return np.fromfile(case / file, container).reshape(shape).astype(given["container"])

    samples, expected = array(given["file"]), told["expected"]["reconstruction"]
    rebuilt = array(expected) if expected.startswith("expected") else samples
    return told, samples, rebuilt, (case / "compressed.flex").read_bytes()


def codec_of(told):
    """The codec with a case's parameters."""
    predictor, quantizer, coder = told["predictor"], told["quantizer"], told["entropy_coder"]
    weights = predictor["weight_initialization"]
    exponents = predictor["weight_exponent_offsets"] or {"rows_by_band": None, "in_header": True}
    updating = quantizer["periodic_updating"] or {}
    representative = told["sample_representative"] or {"Theta": 0, "phi": 0, "psi": 0}
    order = told["encoding_order"]
    fields = {
        "dynamic_range": told["image"]["D"],
        "user_data": told["image"]["user_defined_data"],
        "output_word_size": told["image"]["output_word_size_B"],
        "encoding_order": order["order"],
        "interleaving_depth": order["M"] or None,
        "prediction_bands": predictor["P"],
        "prediction_mode": predictor["prediction_mode"],
        "local_sum": predictor["local_sum_type"],
        "register_size": predictor["R"],
        "weight_resolution": predictor["Omega"],
        "weight_update_interval": predictor["t_inc"],
        "weight_update_initial": predictor["v_min"],
        "weight_update_final": predictor["v_max"],
        "weight_initialization": weights["Lambda_by_band"] if weights["method"] == "custom" else "default",
        "weight_exponent_offsets": exponents["rows_by_band"],
        "absolute_error_bits": quantizer["D_A"],
        "absolute_error_limit": updating.get("absolute_per_period") or quantizer["a_z"],
        "relative_error_bits": quantizer["D_R"],
        "relative_error_limit": updating.get("relative_per_period") or quantizer["r_z"],
        "update_period_exponent": updating.get("u"),
        "representative_resolution": representative["Theta"],
        "damping": representative["phi"],
        "offset": representative["psi"],
        "entropy_coder": coder["type"],
        "supplementary_tables": [
            {
                "type": TYPES[table["table_type"]],
                "purpose": table["table_purpose"],
                "structure": STRUCTURES[table["table_structure"]],
                "values": table["values"],
                "bits": table.get("D_I", table.get("D_F")),
                "exponent_bits": table.get("D_E", 0),
                "exponent_bias": table.get("beta", 0),
                "user_data": table["user_defined_data"],
            }
            for table in told["supplementary_information_tables"] or []
        ],
        "omitted_tables": [
            name
            for name, here in (
                ("weight_initialization", weights.get("in_header")),
                ("weight_exponent_offsets", exponents["in_header"]),
                ("damping", representative.get("phi_table_in_header")),
                ("offset", representative.get("psi_table_in_header")),
                ("accumulator_initialization", coder.get("k_table_in_header")),
            )
            if here is False
        ],
    }
    if weights["method"] == "custom":
        fields["weight_initialization_bits"] = weights["Q"]
    if coder["type"] == "block_adaptive":
        fields |= {"block_size": coder["J"], "reference_interval": coder["r"]}
        fields["restricted_code_options"] = coder["restricted"]
    else:
        fields["unary_length_limit"] = coder["U_max"]
        fields["rescaling_counter_size"] = coder["gamma_star"]
        fields["initial_count_exponent"] = coder["gamma_0"]
    if coder["type"] == "sample_adaptive":
        fields["accumulator_initialization"] = coder["K"] if coder["K"] is not None else coder["k_table"]
    if coder["type"] == "hybrid":
        fields["initial_accumulators"] = coder["Sigma_0"]
    return Ccsds123.configured(fields)


def spec_of(told, samples):
    return Spec(samples.shape, samples.dtype.name, told["image"]["D"])


def test_samples_encode_to_the_same_bytes(case):
    told, samples, _, stream = load(case)
    assert codec_of(told).to_standard(samples, spec_of(told, samples)) == stream


def test_streams_decode(case):
    """Nothing but the stream is needed, and tables that its header leaves out."""
    told, _, rebuilt, stream = load(case)
    fields = codec_of(told).configuration()
    left_out = {name: fields[name] for name in fields["omitted_tables"]}
    decoded = Ccsds123.configured(left_out).from_standard(stream)
    assert decoded.itemsize <= rebuilt.itemsize
    np.testing.assert_array_equal(decoded, rebuilt)


def test_mapped_quantiser_indices(case):
    told, samples, _, _ = load(case)
    p = codec_of(told).parameters(samples, spec_of(told, samples))
    lanes = Lanes(p.bands, p.pixels, lane_type(p))
    lanes.load(samples)
    map_lanes(lanes, p)
    indices = np.empty(p.shape, "<u4")
    lanes.unload(indices)
    assert hashlib.sha256(indices.tobytes()).hexdigest() == told["expected"]["mapped_quantizer_index_sha256"]
    if samples.size < 2000:
        np.testing.assert_array_equal(reference.map_samples(samples, p)[0], indices)


def test_headers_say_all_parameters(case):
    told, samples, _, stream = load(case)
    codec = codec_of(told)
    p, size = read_header(stream, codec._given())
    assert size == told["stream"]["header_bytes"]
    wanted = codec.parameters(samples, spec_of(told, samples))
    for name in ("shape", "bits", "signed", "depth", "weights", "exponent_offsets", "damping", "offset", "tables"):
        assert getattr(p, name) == getattr(wanted, name), name
