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

    /// So many picks with the same weights, then so many with others.
    #[track_caller]
    fn check(phases: &[(usize, &[u32])], expected: &str) {
        let mut balance = Balance::new(phases[0].1.len());
        let rounds = phases.iter().flat_map(|(picks, weights)| std::iter::repeat_n(weights, *picks));
        let picked = rounds.map(|weights| match balance.pick(|at| weights[at]) {
            Some(at) => char::from(b'a' + at as u8),
            None => '-',
        });
        assert_eq!(picked.collect::<String>(), expected);
    }

    #[test]
    fn targets_are_taken_smoothly_by_weight() {
        check(&[(3, &[1])], "aaa");
        check(&[(6, &[1, 1, 1])], "abcabc");
        check(&[(14, &[5, 1, 1])], "aabacaaaabacaa");
        check(&[(8, &[3, 1])], "aabaaaba");
        check(&[(3, &[0, 1])], "bbb");
        check(&[(2, &[0, 0])], "--");
    }

    #[test]
    fn one_that_is_out_leaves_its_share_to_the_others_and_takes_it_up_again() {
        check(&[(1, &[1, 1]), (2, &[1, 0]), (3, &[1, 1])], "aaabab");
    }
}
