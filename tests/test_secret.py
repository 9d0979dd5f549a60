"""Secrets: where they hold, how they are told apart, and authenticated encryption of files."""

import hashlib
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor

import click
import numpy as np
import pytest

from hypress import encryption, secret
from hypress.ambient import Ambient
from hypress.cli import _options
from hypress.errors import CodestreamError, ConfigurationError, HypressError, VersionError
from hypress.secret import SecretError


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Cheap derivations: what they cost is no matter here."""
    monkeypatch.setattr(secret, "LOG2_COST", 4)


# --- where a value holds ----------------------------------------------------------------------------


def test_an_ambient_value_holds_inside_its_block():
    ambient = Ambient[int]("test")
    assert ambient.get() is None
    with ambient.use(1):
        assert ambient.get() == 1
        with ambient.use(2):
            assert ambient.get() == 2
        assert ambient.get() == 1
    assert ambient.get() is None


def test_threads_that_help_have_the_one_value_in_use():
    ambient = Ambient[int]("test")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ambient.get).result() is None  # the thread is there before the block
        with ambient.use(1):
            assert pool.submit(ambient.get).result() == 1
            with ambient.use(1):
                assert pool.submit(ambient.get).result() == 1
            with ambient.use(2):
                assert pool.submit(ambient.get).result() is None  # whose?
        assert pool.submit(ambient.get).result() is None


def test_blocks_of_two_threads_never_mix():
    ambient, both = Ambient[int]("test"), threading.Barrier(2)

    def work(value):
        with ambient.use(value):
            both.wait(10)
            found = ambient.get()
            both.wait(10)
            return found

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, [1, 2])) == [1, 2]
    assert ambient.get() is None


def test_a_block_that_fails_leaves_nothing_behind():
    with pytest.raises(ZeroDivisionError), secret.use("x"):
        raise ZeroDivisionError
    with pytest.raises(SecretError, match="needs its secret"):
        secret.required("this scene")


# --- secrets ----------------------------------------------------------------------------------------


def test_integers_are_their_digits_and_accents_are_composed():
    assert secret.as_bytes(42) == secret.as_bytes("42") == b"42"
    assert secret.as_bytes("\u00e9") == secret.as_bytes("e\u0301")
    assert secret.as_bytes(b"\xff\x00") == b"\xff\x00"
    for nothing in ("", b""):
        with pytest.raises(SecretError, match="empty"):
            secret.as_bytes(nothing)
    assert issubclass(SecretError, HypressError)


def test_secrets_are_stretched_by_scrypt():
    # RFC 7914, section 12, the second test vector
    expected = (
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb9"
    )
    assert secret.stretched(b"password", b"NaCl", 52, log2_cost=10, block=8, lanes=16).hex() == expected


def test_a_guess_takes_64_mebibytes():
    unpatched = inspect.signature(secret.stretched.__wrapped__).parameters["log2_cost"].default
    assert 128 * secret.BLOCK << unpatched == 64 << 20


# --- encryption -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_what_is_sealed_comes_back(size):
    pytest.importorskip("cryptography")
    data = bytes(range(256)) * 4
    sealed = encryption.seal(data[:size], "secret")
    assert len(sealed) == size + 56
    assert encryption.is_sealed(sealed)
    assert encryption.unseal(sealed, "secret") == data[:size]
    assert encryption.seal(data[:size], "secret") != sealed


def test_sealed_bytes_follow_the_page():
    """An independent reading of the layout."""
    aead = pytest.importorskip("cryptography.hazmat.primitives.ciphers.aead")
    sealed = encryption.seal(b"some samples", 7)
    assert sealed[:9] == b"\x89HYS\r\n\x1a\n\x01"
    cost, block, lanes = sealed[9:12]
    key = hashlib.scrypt(b"7", salt=sealed[12:28], n=1 << cost, r=block, p=lanes, dklen=32, maxmem=1 << 27)
    assert aead.AESGCM(key).decrypt(sealed[28:40], sealed[40:], sealed[:40]) == b"some samples"


def test_any_altered_byte_and_any_other_secret_is_refused():
    pytest.importorskip("cryptography")
    sealed = encryption.seal(b"some samples", "secret")
    with pytest.raises(SecretError, match="not the one"):
        encryption.unseal(sealed, "Secret")
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises((SecretError, CodestreamError, VersionError)):
            encryption.unseal(bytes(altered), "secret")
    for size in (0, 8, 55, len(sealed) - 1):
        with pytest.raises((SecretError, CodestreamError)):
            encryption.unseal(sealed[:size], "secret")


def test_a_file_cannot_ask_for_all_memory():
    sealed = bytearray(encryption.MAGIC + bytes([1, 30, 8, 1]) + bytes(60))
    for parameters in ([30, 8, 1], [20, 32, 1], [0, 8, 1], [16, 0, 1], [16, 8, 200]):
        sealed[9:12] = bytes(parameters)
        with pytest.raises(CodestreamError, match="asks for scrypt"):
            encryption.unseal(bytes(sealed), "secret")


def test_too_much_at_once_is_refused(monkeypatch):
    monkeypatch.setattr(encryption, "LARGEST", 10)
    with pytest.raises(ConfigurationError, match="seal parts"):
        encryption.seal(bytes(11), "secret")


# --- the command line -------------------------------------------------------------------------------


def test_a_file_is_sealed_and_unsealed(cli, tmp_path):
    pytest.importorskip("cryptography")
    np.save(tmp_path / "a.npy", np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    for name, text in [("key", "correct horse\n"), ("other", "wrong horse")]:
        (tmp_path / name).write_text(text)
    assert cli("compress", tmp_path / "a.npy", tmp_path / "a.hyp").code == 0
    key = ["--key-file", tmp_path / "key"]
    assert cli("seal", tmp_path / "a.hyp", tmp_path / "a.sealed", *key).code == 0
    assert cli("seal", tmp_path / "a.hyp", tmp_path / "a.sealed", *key).code == 2
    assert cli("seal", tmp_path / "a.hyp", tmp_path / "b.sealed").code == 2
    assert cli("verify", tmp_path / "a.sealed").code == 2
    ran = cli("unseal", tmp_path / "a.sealed", tmp_path / "b.hyp", "--key-file", tmp_path / "other")
    assert ran.code == 2
    assert "not the one" in ran.err
    assert not (tmp_path / "b.hyp").exists()
    assert cli("unseal", tmp_path / "a.sealed", tmp_path / "b.hyp", *key).code == 0
    assert (tmp_path / "b.hyp").read_bytes() == (tmp_path / "a.hyp").read_bytes()
    sealed = (tmp_path / "a.sealed").read_bytes()
    assert encryption.unseal(sealed, "correct horse") == (tmp_path / "a.hyp").read_bytes()


def test_where_a_secret_comes_from(monkeypatch, tmp_path):
    path = tmp_path / "key"
    for written, wanted in [
        (b"x\r\n", b"x"),
        (b" x ", b" x "),
        ("e\u0301\n".encode(), "\u00e9".encode()),
        (b"\xff", b"\xff"),
    ]:
        path.write_bytes(written)
        with _options.secret_from(str(path), False):
            assert secret.required("a test") == wanted
    monkeypatch.setattr(click, "prompt", lambda *_, hide_input, **__: "typed" if hide_input else None)
    with _options.secret_from(None, True):
        assert secret.required("a test") == b"typed"
    with pytest.raises(click.UsageError), _options.secret_from(str(path), True):
        pass
    with _options.secret_from(None, False), pytest.raises(SecretError):
        secret.required("a test")
