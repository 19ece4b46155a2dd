"""Hosts: which addresses are refused, where one leads, and which key may be sent there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papillon.errors import ProfileError, UsageError
from papillon.hosts import checked_address, host_of, is_loopback, key_refusal, read_pairs


def refused(address: str) -> str:
    with pytest.raises(UsageError) as raised:
        checked_address(address, "OPENAI_BASE_URL")
    text = str(raised.value)
    assert text.startswith("OPENAI_BASE_URL: expected ")
    assert text.endswith(".")
    assert "\n" not in text
    return text


class TestAnAddress:
    @pytest.mark.parametrize(
        "address",
        [
            "http://localhost:8000/v1",
            "https://api.openai.com/v1",
            "HTTPS://API.OpenAI.com",
            "http://[::1]:8000/v1",
            "http://model_server:1",
            "https://xn--bcher-kva.example/a/b/",
            "http://192.0.2.7:65535",
        ],
    )
    def test_with_a_host_is_taken_as_it_is(self, address: str) -> None:
        assert checked_address(address, "here") == address

    @pytest.mark.parametrize(
        ("address", "complaint"),
        [
            ("https://ann:hunter2@api.example.org/v1", "an address without a user or password in it"),
            ("https://hunter2@api.example.org", "an address without a user or password in it"),
            ("https://evil.example\\@api.openai.com", "an address without a user or password in it"),
            ("ann:hunter2@api.example.org", "an http:// or https:// address, got one that begins otherwise"),
            ("https://api.example.org/v1?key=hunter2", "an address without a query (?…) or a fragment (#…)"),
            ("https://api.example.org/v1?", "an address without a query"),
            ("https://api.example.org/v1#hunter2", "or a fragment"),
            ("https://", "an address with a host, such as http://localhost:8000/v1, got one without"),
            ("https:///v1", "an address with a host"),
            ("http://:8000/v1", "an address with a host"),
            ("http:/localhost/v1", "an http:// or https:// address"),
            ("ftp://hunter2/v1", "an http:// or https:// address"),
            ("localhost:8000", "an http:// or https:// address"),
            ("", "an http:// or https:// address"),
            ("http://localhost:65536/v1", "a port from 1 to 65535"),
            ("http://localhost:0/v1", "a port from 1 to 65535"),
            ("http://localhost:http/v1", "a port from 1 to 65535"),
            ("http://localhost:/v1", "a port from 1 to 65535"),
            ("http://local host/v1", "an address without blanks and line ends"),
            ("http://localhost/v1\n", "an address without blanks and line ends"),
            ("http://local\thost/v1", "an address without blanks and line ends"),
            ("http://api.openai.com\\.evil.example/v1", "a host of letters, digits, dots and hyphens"),
            ("http://ａpi.openai.com/v1", "a host of letters, digits, dots and hyphens"),
            ("http://api.openai.com%2eevil.example/v1", "a host of letters, digits, dots and hyphens"),
            ("http://[::1/v1", "whose host cannot be read"),
        ],
    )
    def test_that_could_hold_a_secret_or_leads_nowhere_is_refused_unseen(self, address: str, complaint: str) -> None:
        text = refused(address)
        assert complaint in text
        assert "hunter2" not in text

    @given(st.text(st.characters(exclude_characters="/"), max_size=30))
    def test_no_secret_in_front_of_a_host_passes(self, secret: str) -> None:
        with pytest.raises(ProfileError):
            checked_address(f"https://{secret}@api.example.org/v1", "local.api_base", ProfileError)


class TestWhereAnAddressLeads:
    def test_the_host_is_folded_and_keeps_its_port(self) -> None:
        assert host_of("https://API.OpenAI.com./v1") == "api.openai.com"
        assert host_of("http://Localhost:8000/v1") == "localhost:8000"
        assert host_of("http://[::1]:8000/v1") == "[::1]:8000"

    @pytest.mark.parametrize(
        "host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.9.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"]
    )
    def test_the_loopback_by_any_of_its_names(self, host: str) -> None:
        assert is_loopback(f"http://{host}:8000/v1")

    @pytest.mark.parametrize(
        "host",
        ["api.openai.com", "localhost.evil.example", "127.0.0.1.evil.example", "127.evil.example", "10.0.0.1", "[::2]"],
    )
    def test_a_host_that_only_begins_like_it_is_elsewhere(self, host: str) -> None:
        assert not is_loopback(f"http://{host}/v1")


class TestWhichKeyMayGoWhere:
    def test_one_that_is_paired_with_the_host(self) -> None:
        pairs = {"MY_KEY": ["api.example.org", "API.Other.example:8443"]}
        assert key_refusal("MY_KEY", "https://api.example.org/v1", pairs) is None
        assert key_refusal("MY_KEY", "https://API.Example.org.:8443/v1", pairs) is None
        assert key_refusal("MY_KEY", "https://api.other.example:8443/v1", pairs) is None

    @pytest.mark.parametrize(
        "address",
        [
            "https://evil.example/v1",
            "https://sub.api.example.org/v1",
            "https://example.org/v1",
            "https://api.example.org.evil.example/v1",
            "https://api.other.example/v1",
            "http://127.0.0.1:9/v1",
        ],
    )
    def test_no_other_host_gets_it(self, address: str) -> None:
        pairs = {"MY_KEY": ["api.example.org", "api.other.example:8443"], "OTHER": ["evil.example"]}
        assert key_refusal("MY_KEY", address, pairs) is not None

    def test_the_refusal_says_what_to_pair_and_where(self) -> None:
        assert key_refusal("GITHUB_TOKEN", "https://evil.example:444/v1", {}) == (
            "Expected the host evil.example:444 to be paired with the variable GITHUB_TOKEN before a profile outside "
            'pyproject.toml sends its value there; if you trust both, add GITHUB_TOKEN = "evil.example:444" to '
            "[tool.papillon.keys] in pyproject.toml, or set PAPILLON_KEY_HOSTS='GITHUB_TOKEN=evil.example:444'."
        )

    @pytest.mark.parametrize(
        ("variable", "address", "may"),
        [
            ("OPENAI_API_KEY", "https://api.openai.com/v1", True),
            ("OPENAI_API_KEY", "https://API.OPENAI.COM./v1", True),
            ("OPENAI_API_KEY", "http://localhost:8000/v1", True),
            ("OPENAI_API_KEY", "http://api.openai.com/v1", False),
            ("OPENAI_API_KEY", "https://openrouter.ai/api/v1", False),
            ("OPENAI_API_KEY", "https://eu.api.openai.com/v1", False),
            ("OPENROUTER_API_KEY", "https://openrouter.ai/api/v1", True),
        ],
    )
    def test_a_providers_own_goes_to_it_and_to_the_loopback(self, variable: str, address: str, may: bool) -> None:
        assert (key_refusal(variable, address, {}) is None) == may

    def test_a_providers_own_goes_to_it_unencrypted_only_where_that_port_is_paired(self) -> None:
        refusal = key_refusal("OPENAI_API_KEY", "http://api.openai.com/v1", {})
        assert refusal is not None
        assert "PAPILLON_KEY_HOSTS='OPENAI_API_KEY=api.openai.com:80'" in refusal
        assert (
            key_refusal("OPENAI_API_KEY", "http://api.openai.com/v1", {"OPENAI_API_KEY": ["api.openai.com:80"]}) is None
        )

    def test_a_pair_adds_a_host_to_a_providers_own(self) -> None:
        assert key_refusal("OPENAI_API_KEY", "https://proxy.example/v1", {"OPENAI_API_KEY": ["proxy.example"]}) is None


class TestPairsFromTheEnvironment:
    def test_variables_and_hosts_are_read(self) -> None:
        assert read_pairs(" A = a.example , b.example:8 ;B=[::1]:9; A=c.example;") == {
            "A": ["a.example", "b.example:8", "c.example"],
            "B": ["[::1]:9"],
        }
        assert read_pairs("") == {}

    @pytest.mark.parametrize("text", ["hunter2", "=hunter2", "A=", "A=https://hunter2.example", "A=a.example/hunter2"])
    def test_another_form_is_refused_unseen(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"^PAPILLON_KEY_HOSTS.*: expected ") as raised:
            read_pairs(text)
        assert "hunter2" not in str(raised.value)
