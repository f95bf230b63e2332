//! Address blocks of trunks.

use std::collections::HashMap;
use std::net::IpAddr;

/// Looks up the longest block that holds an address; a probe per prefix length
/// in use, however many blocks there are.
#[derive(Debug)]
pub struct Blocks<T> {
    /// The longest prefix first.
    lengths: Vec<u8>,
    blocks: HashMap<(u8, u128), T>,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self { lengths: Vec::new(), blocks: HashMap::new() }
    }
}

impl<T> Blocks<T> {
    /// Adds `address` or `address/length`; false when it is neither.
    pub fn insert(&mut self, block: &str, value: T) -> bool {
        let Some((address, length)) = parse(block) else { return false };
        if !self.lengths.contains(&length) {
            self.lengths.push(length);
            self.lengths.sort_by_key(|l| std::cmp::Reverse(*l));
        }
        self.blocks.insert((length, masked(address, length)), value);
        true
    }

    /// What holds the address most closely.
    pub fn get(&self, address: IpAddr) -> Option<&T> {
        let address = bits(address);
        self.lengths.iter().find_map(|l| self.blocks.get(&(*l, masked(address, *l))))
    }
}

/// IPv4 lives in `::ffff:0:0/96`, so one table serves both.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

fn masked(address: u128, length: u8) -> u128 {
    match length {
        0 => 0,
        length => address & (u128::MAX << (128 - u32::from(length))),
    }
}

fn parse(block: &str) -> Option<(u128, u8)> {
    let (address, length) = match block.trim().split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
        None => (block.trim(), None),
    };
    let address: IpAddr = address.parse().ok()?;
    let (most, offset) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
    let length = length.unwrap_or(most);
    (length <= most).then(|| (bits(address), length + offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_block_wins() {
        let mut blocks = Blocks::default();
        for block in ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32"] {
            assert!(blocks.insert(block, block));
        }
        let find = |text: &str| blocks.get(text.parse().unwrap()).copied();
        assert_eq!(find("10.9.9.9"), Some("10.0.0.0/8"));
        assert_eq!(find("10.1.9.9"), Some("10.1.0.0/16"));
        assert_eq!(find("10.1.2.3"), Some("10.1.2.3"));
        assert_eq!(find("::ffff:10.1.2.3"), Some("10.1.2.3"));
        assert_eq!(find("2001:db8::7"), Some("2001:db8::/32"));
        assert_eq!(find("192.0.2.1"), None);
    }

    #[test]
    fn what_is_no_block_is_refused() {
        let mut blocks = Blocks::default();
        for text in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/x", "name/8"] {
            assert!(!blocks.insert(text, ()), "{text}");
        }
    }
}
