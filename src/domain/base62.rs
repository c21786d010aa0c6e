//! Numbers in base 62: digits, then capitals, then small letters.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The last `N` base-62 digits of a big-endian number, zero-padded.
#[must_use]
pub fn encode<const N: usize>(number: &[u8]) -> String {
    let mut number = number.to_vec();
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[usize::from(divide_by_62(&mut number))];
    }
    digits.iter().map(|b| char::from(*b)).collect()
}

/// Whether the text consists of base-62 digits.
#[must_use]
pub fn is_base62(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Divides a big-endian number in place and returns the remainder.
fn divide_by_62(number: &mut [u8]) -> u8 {
    let mut remainder = 0_u16;
    for byte in number {
        let dividend = remainder << 8 | u16::from(*byte);
        *byte = u8::try_from(dividend / 62).expect("the remainder is below 62, so the quotient fits a byte");
        remainder = dividend % 62;
    }
    u8::try_from(remainder).expect("a remainder of 62 fits a byte")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_zero_padded_with_the_last_digits_kept() {
        assert_eq!(encode::<6>(&0_u32.to_be_bytes()), "000000");
        assert_eq!(encode::<6>(&61_u32.to_be_bytes()), "00000z");
        assert_eq!(encode::<6>(&62_u32.to_be_bytes()), "000010");
        assert_eq!(encode::<6>(&u32::MAX.to_be_bytes()), "4gfFC3");
        assert_eq!(encode::<2>(&u32::MAX.to_be_bytes()), "C3");
        // 256 bits need 43 digits.
        assert_eq!(encode::<44>(&[0xFF; 32]).as_bytes()[0], b'0');
        assert_ne!(encode::<43>(&[0xFF; 32]).as_bytes()[0], b'0');
    }
}
