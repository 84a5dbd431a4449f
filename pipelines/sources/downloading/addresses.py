"""Which addresses may be connected to, asked at the moment of connecting: after DNS, after every redirect."""

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from pipelines.sources.downloading.policy import DownloadPolicy

_Network = IPv4Network | IPv6Network
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "100.64.0.0/10",
        "::1/128",
        "fc00::/7",
    )
)
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local, the metadata of clouds
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "::/96",
        "64:ff9b:1::/48",
        "100::/63",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fe80::/9",  # link-local and the old site-local
        "ff00::/8",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_6TO4 = IPv6Network("2002::/16")


class Addresses:
    """Answers for one policy, and remembers them."""

    def __init__(self, policy: DownloadPolicy) -> None:
        allowed = [ipaddress.ip_network(network) for network in policy.allowed_networks]
        self._allowed: tuple[_Network, ...] = (*allowed, *(_PRIVATE if policy.allow_private else ()))

    def refusal(self, address: str) -> str:
        """Why an address is not connected to; empty where it may be."""
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return f"{address}: not an IP address"
        inner = _inner(parsed)
        if _is_in(parsed, self._allowed) or _is_in(inner, self._allowed):
            return ""
        if _is_in(inner, _PRIVATE):
            return f"{address}: a private address"
        if _is_in(inner, _NEVER) or not inner.is_global:
            return f"{address}: link-local, multicast or reserved"
        return ""


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _6TO4:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address


def _is_in(address: IPv4Address | IPv6Address, networks: tuple[_Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
