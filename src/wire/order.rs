//! Integers ↔ bytes, in network order (`be_`) and in the host's (`host_`).
//!
//! No other file knows the host's order (`tests/layering.rs`). What depends on it here is written for either, and
//! tested in both.

use byteorder::{BigEndian, ByteOrder, NativeEndian};

/// Whether the numbers of this host begin with their lowest byte.
pub(crate) const HOST_IS_LITTLE: bool = cfg!(target_endian = "little");

macro_rules! integers {
    ($($int:ident: $write:ident, $read:ident, $be:ident, $from_be:ident, $host:ident, $from_host:ident;)*) => {$(
        #[inline]
        fn $write<O: ByteOrder>(value: $int) -> [u8; size_of::<$int>()] {
            let mut bytes = [0; size_of::<$int>()];
            O::$write(&mut bytes, value);
            bytes
        }

        #[inline]
        pub(crate) fn $be(value: $int) -> [u8; size_of::<$int>()] {
            $write::<BigEndian>(value)
        }

        #[inline]
        pub(crate) fn $from_be(bytes: [u8; size_of::<$int>()]) -> $int {
            BigEndian::$read(&bytes)
        }

        #[inline]
        pub(crate) fn $host(value: $int) -> [u8; size_of::<$int>()] {
            $write::<NativeEndian>(value)
        }

        #[inline]
        pub(crate) fn $from_host(bytes: [u8; size_of::<$int>()]) -> $int {
            NativeEndian::$read(&bytes)
        }
    )*};
}

integers! {
    u16: write_u16, read_u16, be_u16, from_be_u16, host_u16, from_host_u16;
    u32: write_u32, read_u32, be_u32, from_be_u32, host_u32, from_host_u32;
    u64: write_u64, read_u64, be_u64, from_be_u64, host_u64, from_host_u64;
}

#[inline]
pub(crate) fn be_u128(value: u128) -> [u8; 16] {
    value.to_be_bytes()
}

#[inline]
pub(crate) fn from_be_u128(bytes: [u8; 16]) -> u128 {
    u128::from_be_bytes(bytes)
}

/// Length and type of an attribute, as the host has them; for constants as well.
#[inline]
pub(crate) const fn attr_header(len: u16, attr: u16) -> [u8; 4] {
    attr_header_in(HOST_IS_LITTLE, len, attr)
}

const fn attr_header_in(little: bool, len: u16, attr: u16) -> [u8; 4] {
    let ([a, b], [c, d]) =
        if little { (len.to_le_bytes(), attr.to_le_bytes()) } else { (len.to_be_bytes(), attr.to_be_bytes()) };
    [a, b, c, d]
}

/// Turns a number of the host into one that compares as its bytes do, and back.
#[inline]
pub(crate) fn sort(number: &mut [u8]) {
    sort_in(HOST_IS_LITTLE, number);
}

fn sort_in(little: bool, number: &mut [u8]) {
    if little {
        number.reverse();
    }
}

#[cfg(test)]
mod tests {
    use byteorder::LittleEndian;

    use super::*;

    /// Whether the host's functions are those of one of both orders.
    fn are_of<O: ByteOrder>() -> bool {
        (host_u16(0x0102), host_u32(0x0102_0304), host_u64(0x0102_0304_0506_0708))
            == (write_u16::<O>(0x0102), write_u32::<O>(0x0102_0304), write_u64::<O>(0x0102_0304_0506_0708))
            && from_host_u16([1, 2]) == O::read_u16(&[1, 2])
            && from_host_u32([1, 2, 3, 4]) == O::read_u32(&[1, 2, 3, 4])
            && from_host_u64([1, 2, 3, 4, 5, 6, 7, 8]) == O::read_u64(&[1, 2, 3, 4, 5, 6, 7, 8])
    }

    #[test]
    fn functions_of_the_host_are_those_of_its_order() {
        assert_eq!([are_of::<LittleEndian>(), are_of::<BigEndian>()], [HOST_IS_LITTLE, !HOST_IS_LITTLE]);
        assert_eq!(attr_header(12, 0x8001), *[host_u16(12), host_u16(0x8001)].as_flattened());
        let mut one = host_u32(1);
        sort(&mut one);
        assert_eq!(one, [0, 0, 0, 1]);
    }

    #[test]
    fn numbers_are_the_same_in_both_orders() {
        assert_eq!(write_u16::<BigEndian>(0x0102), [1, 2]);
        assert_eq!(write_u32::<BigEndian>(0x0102_0304), [1, 2, 3, 4]);
        assert_eq!(write_u64::<BigEndian>(0x0102_0304_0506_0708), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(write_u16::<LittleEndian>(0x0102), [2, 1]);
        assert_eq!(write_u32::<LittleEndian>(0x0102_0304), [4, 3, 2, 1]);
        assert_eq!(write_u64::<LittleEndian>(0x0102_0304_0506_0708), [8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(be_u64(0x0102_0304_0506_0708), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!((from_be_u16([1, 2]), from_be_u32([1, 2, 3, 4])), (0x0102, 0x0102_0304));
        assert_eq!(from_be_u128(be_u128(0x0102 << 112)), 0x0102 << 112);
    }

    #[test]
    fn headers_of_attributes_are_in_the_order_of_the_host() {
        assert_eq!(attr_header_in(true, 0x0102, 0x8003), [2, 1, 3, 0x80]);
        assert_eq!(attr_header_in(false, 0x0102, 0x8003), [1, 2, 0x80, 3]);
    }

    #[test]
    fn sorted_numbers_compare_as_bytes_in_both_orders() {
        let numbers = [0u32, 1, 255, 256, 65_536, u32::MAX];
        for (little, bytes) in
            [(true, numbers.map(write_u32::<LittleEndian>)), (false, numbers.map(write_u32::<BigEndian>))]
        {
            let sorted = bytes.map(|mut number| {
                sort_in(little, &mut number);
                number
            });
            assert!(sorted.is_sorted(), "{sorted:?}");
            let again = sorted.map(|mut number| {
                sort_in(little, &mut number);
                number
            });
            assert_eq!(again, bytes);
        }
    }
}
