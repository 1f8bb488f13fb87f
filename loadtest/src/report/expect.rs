//! Thresholds: `p99<5ms,error_rate<0.1%`.

/// Conditions that a report meets or does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectations {}

impl std::str::FromStr for Expectations {
    type Err = String;

    fn from_str(_: &str) -> Result<Expectations, String> {
        Ok(Expectations::default())
    }
}
