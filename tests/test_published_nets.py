"""The published autoencoders, layer by layer: parameters and latents are those that their papers state."""

import pytest

torch = pytest.importorskip("torch")

from hypress.neural.nets.cae1d import Cae1d  # noqa: E402
from hypress.neural.nets.cae3d import Cae3d  # noqa: E402
from hypress.neural.nets.sscnet import SscNet  # noqa: E402


def parameters(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("latents", "count"),
    [(1024, 13_783_242), (3232, 34_136_586), (1616, 19_240_298), (808, 11_792_154), (404, 8_068_082)],
)
def test_sscnet_has_the_parameters_of_its_benchmark(latents, count):
    with torch.device("meta"):
        assert parameters(SscNet(202, latents)) == count


def test_sscnet_at_2_53_bits_of_float_latents():
    with torch.device("meta"):
        latents = SscNet(202, 1024).encode(torch.empty(1, 202, 64, 64))
    assert latents.shape == (1, 1024, 8, 8)
    assert round(32 * latents.numel() / (202 * 64 * 64), 2) == 2.53


@pytest.mark.parametrize(("halvings", "ratio"), [(2, 3.96), (3, 7.77), (4, 15.54), (5, 28.86)])
def test_cae1d_reduces_202_bands_as_published(halvings, ratio):
    padded = -(-202 // 2**halvings) * 2**halvings
    with torch.device("meta"):
        net = Cae1d(halvings)
        latents = net.encode(torch.empty(5, 1, padded))
        assert net.decode(latents).shape == (5, 1, padded)
    assert round(202 / latents[0].numel(), 2) == ratio


def test_cae1d_layers():
    weights = [tuple(p.shape) for p in Cae1d(2).parameters() if p.dim() == 3]
    assert weights == [
        (64, 1, 11), (32, 64, 11), (16, 32, 9), (1, 16, 7),
        (16, 1, 7), (32, 16, 9), (64, 32, 11), (1, 64, 11),
    ]  # fmt: skip


@pytest.mark.parametrize(("latents", "rate"), [(64, 8.08), (32, 4.04), (16, 2.02), (8, 1.01)])
def test_cae3d_reduces_202_bands_as_published(latents, rate):
    net = Cae3d(latents).eval()
    with torch.inference_mode():
        coded = net.encode(torch.zeros(1, 1, 204, 16, 16))
        assert net.decode(coded).shape == (1, 1, 204, 16, 16)
    assert coded.shape == (1, latents, 51, 2, 2)
    assert round(32 * coded.numel() / (202 * 16 * 16), 2) == rate


@pytest.mark.parametrize("net", [Cae1d(2), Cae3d(8)], ids=["cae1d", "cae3d"])
def test_each_learns(net):
    torch.manual_seed(0)
    shape = (4, 1, 16) if isinstance(net, Cae1d) else (1, 1, 8, 16, 16)
    target = torch.rand(shape) * 0.2 + 0.4
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(net(target), target)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
