//! The one source of chance: SplitMix64 streams, each named, all derived from the cluster's seed.
//!
//! A component that draws more or fewer numbers than before does not disturb the others, because every
//! component has a stream of its own. The generator follows Steele, Lea and Flood, "Fast Splittable
//! Pseudorandom Number Generators" (OOPSLA 2014).

use std::ops::Range;

/// A stream of pseudo-random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The stream called `name` of `seed`.
    pub(crate) fn named(seed: u64, name: &str) -> Self {
        Self(name.bytes().fold(seed ^ 0x51_7c_c1_b7_27_22_0a_95, |state, byte| {
            mix(state.wrapping_mul(0x0000_0100_0000_01b3) ^ u64::from(byte))
        }))
    }

    /// The next number of the stream.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in `range`, which must not be empty.
    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// True once in `n` times, on average.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | ((b >> 48) & 0x3fff),
            b & 0xffff_ffff_ffff
        )
    }

    /// A suffix as generated names have them: the alphabet leaves out vowels and look-alikes, as in
    /// `k8s.io/apimachinery/pkg/util/rand`.
    pub(crate) fn suffix(&mut self, length: usize) -> String {
        (0..length).map(|_| safe_char(self.next())).collect()
    }
}

/// Writes a hash in the alphabet of generated names.
pub(crate) fn safe_encode(hash: u64) -> String {
    hash.to_string().bytes().map(|digit| safe_char(u64::from(digit))).collect()
}

/// A hash of a text that is the same in every build and on every machine (FNV-1a, 32 bits).
pub(crate) fn hash(text: &str) -> u64 {
    let fold = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
    u64::from(text.bytes().fold(2_166_136_261, fold))
}

fn safe_char(number: u64) -> char {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    char::from(ALPHABET[(number % ALPHABET.len() as u64) as usize])
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
