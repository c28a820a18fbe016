from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.identity import passwords

COST = passwords.MIN_COST


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=100), st.text(max_size=100))
def test_the_password_and_no_other(password, other):
    hash = passwords.hash_password(password, COST)
    assert passwords.verify(password, hash)
    assert passwords.verify(other, hash) == (other == password)


def test_every_byte_counts_also_beyond_the_72_of_bcrypt_and_behind_a_nul():
    for password in ("x" * 72 + "a", "before\0a", "ä" * 500 + "a"):
        hash = passwords.hash_password(password, COST)
        assert passwords.verify(password, hash)
        assert not passwords.verify(password[:-1] + "b", hash)


def test_hashes_that_passlib_wrote():
    """The vectors of passlib's tests of bcrypt_sha256, version 2."""
    vectors = [
        ("", "$bcrypt-sha256$v=2,t=2b,r=5$E/e/2AOhqM5W/KJTFQzLce$WFPIZKtDDTriqWwlmRFfHiOTeheAZWe"),
        ("password",
         "$bcrypt-sha256$v=2,t=2b,r=5$5Hg1DKFqPE8C2aflZ5vVoe$wOK1VFFtS8IGTrGa7.h5fs0u84qyPbS"),
    ]
    for password, hash in vectors:
        assert passwords.verify(password, hash)
        assert not passwords.verify(password + "x", hash)


def test_what_is_too_long_is_refused_and_never_right():
    with pytest.raises(ValueError, match="4096"):
        passwords.hash_password("x" * 4097, COST)
    assert not passwords.verify("x" * 4097, passwords.hash_password("x" * 4096, COST))


@pytest.mark.parametrize("hash", ["", "plain", "$2b$04$" + "a" * 53, "$bcrypt-sha256$v=1"])
def test_what_is_no_hash_is_nobodys(hash):
    assert not passwords.verify("", hash)
    assert not passwords.verify("plain", hash)


def test_nobody_has_no_password():
    assert not passwords.verify_nobody("", COST)
