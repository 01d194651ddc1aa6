//! Decimal numbers with a comma where DICOM asks for a point, as some programs write them in the language of their country.

/// `text` with a point for each comma, where that makes a number of every value; `None` where there is no comma, or no number.
pub(super) fn pointed(text: &str) -> Option<String> {
    let pointed = text.contains(',').then(|| text.replace(',', "."))?;
    let is_number = |value: &str| value.trim().is_empty() || value.trim().parse::<f64>().is_ok();
    pointed.split('\\').all(is_number).then_some(pointed)
}

/// Whether the comma of a number may stand between its digits, as English writes thousands: "-1,024".
pub(super) fn may_be_thousands(text: &str) -> bool {
    let Some((whole, rest)) = text.trim().trim_start_matches(['-', '+']).split_once(',') else { return false };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (1..=3).contains(&whole.len()) && rest.len() == 3 && is_digits(whole) && is_digits(rest) && !whole.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_is_a_point_where_that_makes_numbers() {
        assert_eq!(pointed("-125,5\\ 3\\0,25"), Some("-125.5\\ 3\\0.25".to_string()));
        assert_eq!(pointed("1,5E2").as_deref(), Some("1.5E2"));
        for text in ["-125.5\\3", "", "1,2,3", "1,5.2", "one,two", "1.024,5"] {
            assert_eq!(pointed(text), None, "{text}");
        }
    }

    #[test]
    fn thousands_are_told_from_decimals_where_they_can_be() {
        assert!(["-1,024", "1,000", "124,500"].iter().all(|text| may_be_thousands(text)));
        assert!(["-1024,0", "-1024,000", "0,125", "-1024", "1,0", "1,02"].iter().all(|text| !may_be_thousands(text)));
    }
}
