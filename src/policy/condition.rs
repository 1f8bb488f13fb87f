//! Conditions, and when they hold.
//! (IAM's guide, `reference_policies_condition-logic-multiple-context-keys-or-values`.)

use super::context::{ConditionKey, Context, Value};
use super::operator::{Operator, Quantifier};
use super::test::Test;
use super::truth::Truth;

/// One key of a `Condition`, under one operator.
#[derive(Debug)]
pub enum Condition {
    Known {
        key: ConditionKey,
        operator: Operator,
        test: Test,
    },
    /// By an operator or a key that this gateway does not know.
    Unknown,
}

impl Condition {
    pub fn holds(&self, context: &dyn Context) -> Truth {
        match self {
            Condition::Known { key, operator, test } => holds(key, operator, test, context),
            Condition::Unknown => Truth::Unknown,
        }
    }
}

fn holds(key: &ConditionKey, operator: &Operator, test: &Test, context: &dyn Context) -> Truth {
    let values = context.values(key);
    let values = values.as_slice();
    if let Test::Null(expected) = test {
        let absent = values.is_none_or(<[_]>::is_empty);
        return expected.contains(&absent).into();
    }
    let fits = |value: &Value<'_>| test.fits(*value, context);
    let Some(values) = values else {
        let without_values = match operator.quantifier {
            Quantifier::Usual => operator.negated,
            Quantifier::All => true,
            Quantifier::Any => false,
        };
        return (operator.if_exists || without_values).into();
    };
    // An empty text is no value of a set.
    let of_set = values.iter().filter(|value| !matches!(value, Value::Text("")));
    match operator.quantifier {
        Quantifier::Usual => Truth::any(values.iter().map(fits)).negated_if(operator.negated),
        Quantifier::All => Truth::all(of_set.map(|value| fits(value).negated_if(operator.negated))),
        Quantifier::Any => Truth::any(of_set.map(|value| fits(value).negated_if(operator.negated))),
    }
}
