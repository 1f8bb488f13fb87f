//! Histograms of ns, as the figures that a report shows and as the text that it keeps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

use super::Latency;

/// A figure of a distribution with its name, for tables and charts; ns.
pub type Figure = (&'static str, fn(&Latency) -> u64);

impl Latency {
    /// The key figures, without the distribution.
    pub fn figures(histogram: &Histogram<u64>) -> Latency {
        Latency {
            count: histogram.len(),
            min: histogram.min(),
            mean: tenths(histogram.mean()),
            stdev: tenths(histogram.stdev()),
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            p9999: histogram.value_at_quantile(0.9999),
            max: histogram.max(),
            histogram: None,
        }
    }

    /// The key figures and the distribution.
    pub fn whole(histogram: &Histogram<u64>) -> Latency {
        Latency { histogram: Some(encode(histogram)), ..Latency::figures(histogram) }
    }

    /// The distribution, where the report has it.
    pub fn distribution(&self) -> Result<Option<Histogram<u64>>, String> {
        self.histogram.as_deref().map(decode).transpose()
    }
}

/// Parts of a nanosecond are noise, and short decimals survive being written and read.
fn tenths(ns: f64) -> f64 {
    (ns * 10.0).round() / 10.0
}

/// The same with counters as [`Latency`] takes them.
pub fn widened(histogram: &Histogram<u32>) -> Histogram<u64> {
    let mut wide = Histogram::new(histogram.sigfig()).expect("they are another histogram's digits");
    wide.auto(true);
    for value in histogram.iter_recorded() {
        wide.record_n(value.value_iterated_to(), value.count_since_last_iteration())
            .expect("a histogram that resizes takes all values");
    }
    wide
}

/// HdrHistogram's V2 compressed encoding in base64: what its tools in all languages read.
pub fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).expect("a vector takes what is written to it");
    STANDARD.encode(bytes)
}

/// The opposite of [`encode`]; also reads the encoding without compression.
pub fn decode(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = STANDARD.decode(text).map_err(|error| format!("the histogram is not base64: {error}"))?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| format!("the histogram is damaged: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::tally::latency_histogram;

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut histogram = latency_histogram();
        (1..=1000).for_each(|ms| histogram.record(ms * 1_000_000).unwrap());
        let latency = Latency::whole(&histogram);
        let decoded = latency.distribution().unwrap().unwrap();
        assert_eq!(decoded, histogram);
        assert_eq!(Latency::figures(&decoded), Latency { histogram: None, ..latency });
        assert_eq!(Latency::default().distribution(), Ok(None));
    }

    #[test]
    fn damage_is_an_error() {
        fn check(text: &str, expected: &str) {
            let error = decode(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        check("not base64!", "is not base64");
        check("", "is damaged");
        check("HISTFAAAABB4nA==", "is damaged");
    }
}
