"""`hypress compare`."""

from __future__ import annotations

import click

from hypress.cli import _options as o


@click.command(short_help="Measure how far one scene is from another.")
@click.argument("original", metavar="A")
@click.argument("decoded", metavar="B")
@click.option("--peak", type=float, metavar="DN", help="The peak for PSNR and SSIM.  [default: A's maximum]")
@click.option("--no-ssim", is_flag=True, help="Leave out SSIM, which takes most of the time.")
@o.key_options
@o.json_option
def command(
    original: str, decoded: str, peak: float | None, no_ssim: bool, key_file: str | None, ask: bool, as_json: bool
) -> None:
    """Compare scene B with the original A, both of any format that hypress reads."""
    from hypress.jobs.compare import compare

    with o.secret_from(key_file, ask), o.bar():
        result = compare(original, decoded, peak=peak, ssim=not no_ssim)
    if as_json:
        o.print_json(result.to_dict())
        return
    rows = {
        "maximum error": f"{result.max_error:g}",
        "mean error": f"{result.mean_error:.4g}",
        "PSNR": f"{o.figure(result.psnr_db, 'dB')} (peak {result.psnr_peak:g})",
        "mean PSNR of bands": o.figure(result.mean_band_psnr_db, "dB"),
        "SNR": o.figure(result.snr_db, "dB"),
        "spectral angle": f"{result.sam_deg:.4f}° on average, {result.max_sam_deg:.4f}° at most",
    }
    if result.ssim is not None:
        rows["SSIM"] = f"{result.ssim:.6f}"
    if result.bytes is not None and result.bpppc is not None:
        rows["size of B"] = f"{o.size(result.bytes)}, {result.bpppc:.4f} bits per sample"
    o.table(rows)
