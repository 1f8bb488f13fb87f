//! Counts over the last so many milliseconds, in ten steps: what is older than the window, or in the last tenth of it,
//! is forgotten step by step.

const STEPS: usize = 10;

pub struct Window {
    step_ms: u64,
    steps: [Step; STEPS],
    /// The number of the step that is being counted in, from the start of the clock.
    newest: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Step {
    all: u32,
    marked: u32,
}

impl Window {
    pub fn new(window_ms: u32) -> Window {
        let step_ms = (u64::from(window_ms) / STEPS as u64).max(1);
        Window { step_ms, steps: [Step::default(); STEPS], newest: 0 }
    }

    /// Another length forgets what was counted.
    pub fn resize(&mut self, window_ms: u32) {
        let resized = Window::new(window_ms);
        if resized.step_ms != self.step_ms {
            *self = resized;
        }
    }

    pub fn add(&mut self, now_ms: u64, all: u32, marked: u32) {
        self.turn(now_ms);
        let step = &mut self.steps[self.newest as usize % STEPS];
        step.all = step.all.saturating_add(all);
        step.marked = step.marked.saturating_add(marked);
    }

    /// All of the window, and the marked ones of them.
    pub fn sums(&mut self, now_ms: u64) -> (u64, u64) {
        self.turn(now_ms);
        self.steps
            .iter()
            .fold((0, 0), |(all, marked), step| (all + u64::from(step.all), marked + u64::from(step.marked)))
    }

    /// A clock that stands still or goes back counts into the newest step.
    fn turn(&mut self, now_ms: u64) {
        let number = now_ms / self.step_ms;
        let passed = number.saturating_sub(self.newest).min(STEPS as u64);
        for step in 0..passed {
            self.steps[(number - step) as usize % STEPS] = Step::default();
        }
        self.newest = self.newest.max(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut window = Window::new(1000);
        window.add(0, 1, 1);
        window.add(150, 2, 0);
        window.add(999, 4, 1);
        assert_eq!(window.sums(999), (7, 2));
        assert_eq!(window.sums(1000), (6, 1), "the step of the first is over");
        assert_eq!(window.sums(1100), (4, 1));
        window.add(1100, 1, 0);
        assert_eq!(window.sums(1899), (5, 1));
        assert_eq!(window.sums(1900), (1, 0));
        assert_eq!(window.sums(1_000_000), (0, 0));
    }

    #[test]
    fn a_clock_that_goes_back_loses_nothing() {
        let mut window = Window::new(1000);
        window.add(5000, 1, 0);
        window.add(4000, 1, 1);
        assert_eq!(window.sums(3000), (2, 1));
        assert_eq!(window.sums(6000), (0, 0));
    }

    #[test]
    fn another_length_begins_anew() {
        let mut window = Window::new(1000);
        window.add(0, 1, 0);
        window.resize(1000);
        assert_eq!(window.sums(0), (1, 0));
        window.resize(2000);
        assert_eq!(window.sums(0), (0, 0));
        assert_eq!(Window::new(1).step_ms, 1);
    }
}
