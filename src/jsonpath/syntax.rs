//! What a path is made of.

use serde_json::Value;

use super::Path;
use super::pattern::Pattern;

/// One step further into a document.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// `.a`, `['a']`
    Name(Box<str>),
    /// `['a','b']`
    Names(Vec<Box<str>>),
    /// `.*`, `[*]`
    Wildcard,
    /// `[0]`, `[-1]`
    Index(i64),
    /// `[0,1]`
    Indices(Vec<i64>),
    /// `[1:3]`
    Slice { from: Option<i64>, to: Option<i64> },
    /// `..`
    Scan,
    /// `[?(…)]`
    Filter(Filter),
    /// `.length()`
    Function { function: Function, arguments: Vec<Argument> },
}

impl Step {
    /// Whether it has one value at most. `at_end` matters to several names: they merge into one object there.
    fn is_definite(&self, at_end: bool) -> bool {
        match self {
            Step::Name(_) | Step::Index(_) | Step::Function { .. } => true,
            Step::Names(_) => at_end,
            Step::Wildcard | Step::Indices(_) | Step::Slice { .. } | Step::Scan | Step::Filter(_) => false,
        }
    }
}

pub(super) fn are_definite(steps: &[Step]) -> bool {
    // `$..price.sum()` is a function of everything that the scan finds: one value.
    if collects(steps).is_some() {
        return true;
    }
    steps.iter().enumerate().all(|(at, step)| step.is_definite(at + 1 == steps.len()))
}

/// The steps of a path that begins with a scan and ends with a function, without the function: Jayway calls such a
/// function once, with all that was found, where it calls any other with each value.
pub(super) fn collects(steps: &[Step]) -> Option<(&[Step], &Step)> {
    match steps {
        [Step::Scan, .., last @ Step::Function { .. }] if steps.len() > 2 => Some((&steps[..steps.len() - 1], last)),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Append,
    Avg,
    Concat,
    First,
    Index,
    Keys,
    Last,
    Length,
    Max,
    Min,
    StdDev,
    Sum,
}

impl Function {
    const ALL: [(&'static str, Function); 13] = [
        ("append", Function::Append),
        ("avg", Function::Avg),
        ("concat", Function::Concat),
        ("first", Function::First),
        ("index", Function::Index),
        ("keys", Function::Keys),
        ("last", Function::Last),
        ("length", Function::Length),
        ("max", Function::Max),
        ("min", Function::Min),
        ("size", Function::Length),
        ("stddev", Function::StdDev),
        ("sum", Function::Sum),
    ];

    pub(super) fn named(name: &str) -> Option<Function> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }
}

/// Of a function: a value, or a path from the root.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    Value(Value),
    Path(Path),
}

/// The condition in `[?(…)]`.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    /// A path alone: whether it leads anywhere, be it to null.
    Exists(Operand),
    Compare {
        left: Operand,
        operator: Operator,
        right: Operand,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// `@.a`: from the value that the filter looks at.
    Here(Path),
    /// `$.a`
    Root(Path),
    Value(Value),
    /// `/re/i`
    Pattern(Box<Pattern>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    /// `===`: values of two kinds are never equal.
    SameKindEqual,
    SameKindNotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    All,
    Contains,
    Size,
    Empty,
    SubsetOf,
    AnyOf,
    NoneOf,
}

impl Operator {
    /// Longer ones before those that they begin with. Jayway reads the words in capitals, too.
    pub(super) const SYMBOLS: [(&'static str, Operator); 9] = [
        ("===", Operator::SameKindEqual),
        ("!==", Operator::SameKindNotEqual),
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("=~", Operator::Matches),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];

    pub(super) const WORDS: [(&'static str, Operator); 9] = [
        ("all", Operator::All),
        ("anyof", Operator::AnyOf),
        ("contains", Operator::Contains),
        ("empty", Operator::Empty),
        ("in", Operator::In),
        ("nin", Operator::NotIn),
        ("noneof", Operator::NoneOf),
        ("size", Operator::Size),
        ("subsetof", Operator::SubsetOf),
    ];
}
