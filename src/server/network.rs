//! Whom a connection or a request is counted for.

use std::net::{IpAddr, Ipv6Addr};

/// Bits of an IPv6 address that a provider gives to one customer; the rest is the customer's choice.
const IPV6_PREFIX: u32 = 64;

/// One IPv4 address, or one IPv6 /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Network(IpAddr);

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let prefix = u128::MAX << (Ipv6Addr::BITS - IPV6_PREFIX);
                Ipv6Addr::from_bits(address.to_bits() & prefix).into()
            }
            v4 => v4,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_customer_is_one_network_and_an_ipv4_address_another() {
        let network = |text: &str| Network::of(text.parse().expect(text));
        for (one, other, same) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ] {
            assert_eq!(network(one) == network(other), same, "{one} {other}");
        }
    }
}
