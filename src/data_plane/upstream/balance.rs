//! Which target is next: smooth weighted round robin. Of weights 5, 1, 1 it takes a a b a c a a rather than five of the first
//! in a row, and over any seven exactly by weight. (The algorithm is nginx's, from 2012; each shard has its own round.)

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance(Box<[i64]>);

impl Balance {
    pub fn new(targets: usize) -> Balance {
        Balance(vec![0; targets].into())
    }

    /// The next one, by the weight that each has now; `None` where all are 0.
    pub fn pick(&mut self, weight: impl Fn(usize) -> u32) -> Option<usize> {
        let (mut total, mut best) = (0, None);
        for at in 0..self.0.len() {
            let weight = i64::from(weight(at));
            if weight == 0 {
                continue;
            }
            total += weight;
            self.0[at] += weight;
            if best.is_none_or(|best: usize| self.0[at] > self.0[best]) {
                best = Some(at);
            }
        }
        self.0[best?] -= total;
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rounds: &[&[u32]], expected: &str) {
        let mut balance = Balance::new(rounds[0].len());
        let picked = rounds.iter().map(|weights| match balance.pick(|at| weights[at]) {
            Some(at) => char::from(b'a' + at as u8),
            None => '-',
        });
        assert_eq!(picked.collect::<String>(), expected);
    }

    #[test]
    fn targets_are_taken_smoothly_by_weight() {
        check(&[&[1]; 3], "aaa");
        check(&[&[1, 1, 1]; 6], "abcabc");
        check(&[&[5, 1, 1]; 14], "aabacaaaabacaa");
        check(&[&[3, 1]; 8], "aabaaaba");
        check(&[&[0, 1]; 3], "bbb");
        check(&[&[0, 0]; 2], "--");
    }

    #[test]
    fn one_that_is_out_leaves_its_share_to_the_others_and_takes_it_up_again() {
        check(&[&[1, 1], &[1, 0], &[1, 0], &[1, 1], &[1, 1], &[1, 1]], "aaabab");
    }
}
