//! The names of condition operators: `ForAnyValue:StringNotLikeIfExists`.
//! (IAM's guide, `reference_policies_elements_condition_operators`.)

use super::context::ValueType;

/// An operator with all that its name says. Case counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    pub comparison: Comparison,
    /// Whether the condition holds where the comparison does not, and where the key is absent.
    pub negated: bool,
    /// Whether it holds where the key is absent.
    pub if_exists: bool,
    pub quantifier: Quantifier,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Text(TextComparison),
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Address,
    /// `ArnEquals` and `ArnLike` are the same.
    Arn,
    /// Whether the key is absent.
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextComparison {
    Equals,
    EqualsIgnoringCase,
    Like,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What of a request's values has to fit one of the policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// Any, and for a negated operator none: one value is what nearly every key has.
    Usual,
    /// `ForAllValues:`, which holds where there is none.
    All,
    /// `ForAnyValue:`, which does not.
    Any,
}

const NAMES: [(&str, Comparison, bool); 27] = {
    use Comparison::{Address, Arn, Binary, Bool, Date, Null, Number, Text};
    use Order::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    use TextComparison::{Equals, EqualsIgnoringCase, Like};
    [
        ("StringEquals", Text(Equals), false),
        ("StringNotEquals", Text(Equals), true),
        ("StringEqualsIgnoreCase", Text(EqualsIgnoringCase), false),
        ("StringNotEqualsIgnoreCase", Text(EqualsIgnoringCase), true),
        ("StringLike", Text(Like), false),
        ("StringNotLike", Text(Like), true),
        ("NumericEquals", Number(Equal), false),
        ("NumericNotEquals", Number(Equal), true),
        ("NumericLessThan", Number(Less), false),
        ("NumericLessThanEquals", Number(LessOrEqual), false),
        ("NumericGreaterThan", Number(Greater), false),
        ("NumericGreaterThanEquals", Number(GreaterOrEqual), false),
        ("DateEquals", Date(Equal), false),
        ("DateNotEquals", Date(Equal), true),
        ("DateLessThan", Date(Less), false),
        ("DateLessThanEquals", Date(LessOrEqual), false),
        ("DateGreaterThan", Date(Greater), false),
        ("DateGreaterThanEquals", Date(GreaterOrEqual), false),
        ("Bool", Bool, false),
        ("BinaryEquals", Binary, false),
        ("IpAddress", Address, false),
        ("NotIpAddress", Address, true),
        ("ArnEquals", Arn, false),
        ("ArnLike", Arn, false),
        ("ArnNotEquals", Arn, true),
        ("ArnNotLike", Arn, true),
        ("Null", Null, false),
    ]
};

impl Operator {
    pub fn parse(name: &str) -> Option<Operator> {
        let (quantifier, name) = match name.split_once(':') {
            Some(("ForAllValues", name)) => (Quantifier::All, name),
            Some(("ForAnyValue", name)) => (Quantifier::Any, name),
            Some(_) => return None,
            None => (Quantifier::Usual, name),
        };
        let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
        let (_, comparison, negated) = NAMES.into_iter().find(|(known, ..)| *known == name)?;
        if comparison == Comparison::Null && (if_exists || quantifier != Quantifier::Usual) {
            return None;
        }
        Some(Operator { comparison, negated, if_exists, quantifier })
    }

    /// Whether it can tell anything of such values.
    pub fn fits(&self, value_type: ValueType) -> bool {
        use ValueType::{Address, Arn, Bool, Tag, Text, Time};
        match self.comparison {
            Comparison::Text(_) | Comparison::Null => true,
            Comparison::Number(_) | Comparison::Date(_) => matches!(value_type, Time | Tag),
            Comparison::Bool => matches!(value_type, Bool | Tag),
            Comparison::Binary => matches!(value_type, Text | Tag),
            Comparison::Address => matches!(value_type, Address | Tag),
            Comparison::Arn => matches!(value_type, Arn | Tag),
        }
    }

    /// For messages.
    pub fn known() -> String {
        let names: Vec<_> = NAMES.iter().map(|(name, ..)| *name).collect();
        format!(
            "{}; all but `Null` also with `IfExists` behind and `ForAllValues:` or `ForAnyValue:` before",
            names.join(", ")
        )
    }
}

impl Order {
    pub fn holds<V: PartialOrd>(self, value: V, than: V) -> bool {
        match self {
            Order::Equal => value == than,
            Order::Less => value < than,
            Order::LessOrEqual => value <= than,
            Order::Greater => value > than,
            Order::GreaterOrEqual => value >= than,
        }
    }
}
