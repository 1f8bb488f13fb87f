//! The cases are facts about Jayway's implementation, most of them those that its own tests state
//! (json-path/JsonPath, `json-path/src/test/java`); the document is that of Goessner's article, with their changes.

use serde_json::{Value, json};

use super::pattern::Pattern;
use super::{Allowance, Exceeded, Found, Path};

fn store() -> Value {
    json!({
        "store": {
            "book": [
                {"category": "reference", "author": "Nigel Rees", "title": "Sayings of the Century", "display-price": 8.95},
                {"category": "fiction", "author": "Evelyn Waugh", "title": "Sword of Honour", "display-price": 12.99},
                {"category": "fiction", "author": "Herman Melville", "title": "Moby Dick", "isbn": "0-553-21311-3",
                    "display-price": 8.99},
                {"category": "fiction", "author": "J. R. R. Tolkien", "title": "The Lord of the Rings",
                    "isbn": "0-395-19395-8", "display-price": 22.99}
            ],
            "bicycle": {"foo": "baz", "color": "red", "display-price": 19.95, "foo:bar": "fooBar", "dot.notation": "new"}
        },
        "foo": "bar",
        "max-price": 10,
        "@id": "ID"
    })
}

/// `expected` null is a missing value; to tell it from null itself, see `missing`.
fn check(document: &Value, path: &str, expected: Value) {
    let parsed = Path::parse(path).unwrap_or_else(|error| panic!("{path}: {error:?}"));
    let found = parsed.find(document, &mut Allowance::default()).expect("small documents");
    assert_eq!(matches!(found, Found::Many(_)), !parsed.is_definite() && found != Found::Missing, "{path}");
    assert_eq!(found.into_value(), Some(expected), "{path}");
}

fn missing(document: &Value, path: &str) {
    let parsed = Path::parse(path).unwrap_or_else(|error| panic!("{path}: {error:?}"));
    assert_eq!(parsed.find(document, &mut Allowance::default()), Ok(Found::Missing), "{path}");
}

fn check_store(path: &str, expected: Value) {
    check(&store(), path, expected);
}

#[test]
fn names_and_indices() {
    check_store("$.foo", json!("bar"));
    check_store("foo", json!("bar"));
    check_store("['foo']", json!("bar"));
    check_store(" $.foo ", json!("bar"));
    check_store("$.max-price", json!(10));
    check_store("$['@id']", json!("ID"));
    check_store("$.@id", json!("ID"));
    check_store("$.store.bicycle['foo:bar']", json!("fooBar"));
    check_store("$.store.bicycle[\"dot.notation\"]", json!("new"));
    check_store("$.store['book'][0].author", json!("Nigel Rees"));
    check_store("$.store.book[-1].author", json!("J. R. R. Tolkien"));
    check_store("$.store.book[(@.length-1)].author", json!("J. R. R. Tolkien"));
    check_store("store.book.[1].author", json!("Evelyn Waugh"));
    check(&json!([1, 2]), "$", json!([1, 2]));
    check(&json!({"it's": 1}), r"$['it\'s']", json!(1));
    check(&json!({"a": null}), "$.a", json!(null));
}

#[test]
fn what_is_not_there() {
    for path in
        ["$.a", "$.foo.a", "$.store.book[9]", "$.store.book.a", "$.foo[0]", "$.foo[5,10]", "$.a[*].b", "$.a[1:2]"]
    {
        missing(&store(), path);
    }
    check_store("$.store.book[9,10]", json!([]));
    check_store("$.store.book[*].a", json!([]));
    check_store("$.store.book[*].isbn", json!(["0-553-21311-3", "0-395-19395-8"]));
    check_store("$..a", json!([]));
    check_store("$.foo[*]", json!([]));
}

#[test]
fn lists_of_indices_slices_and_wildcards() {
    let ten = json!([1, 3, 5, 7, 8, 13, 20]);
    check(&ten, "$[:3]", json!([1, 3, 5]));
    check(&ten, "$[:-3]", json!([1, 3, 5, 7]));
    check(&ten, "$[1:3]", json!([3, 5]));
    check(&ten, "$[0:1]", json!([1]));
    check(&ten, "$[-3:]", json!([8, 13, 20]));
    check(&ten, "$[3:]", json!([7, 8, 13, 20]));
    check(&ten, "$[-3:-1]", json!([8, 13]));
    check(&ten, "$[1:-1]", json!([]));
    check(&ten, "$[-1:1]", json!([20, 1]));
    check(&ten, "$[0:9]", ten.clone());
    check(&ten, "$[-99:]", ten.clone());
    check(&ten, "$[0,1,3]", json!([1, 3, 7]));
    check(&ten, "$[ 0 , -1 ]", json!([1, 20]));
    check(&ten, "$[*]", ten.clone());
    check(&json!({"a": 1, "b": 2}), "$.*", json!([1, 2]));
    check(&json!({"a": 1, "b": 2}), "$[ * ]", json!([1, 2]));
}

#[test]
fn several_names() {
    let document = json!({"a": {"v": 5}, "b": {"v": 4}, "c": {"v": 1, "flag": true}});
    check(&document, "$['a', 'd']", json!({"a": {"v": 5}}));
    check(&document, "$['a','c'].v", json!([5, 1]));
    check(&document, "$['d', 'a', 'c', 'm'].v", json!([5, 1]));
    check(&document, "$['a', 'c'][?(@.flag)].v", json!([1]));
    check(&json!({"v": [[{}, 1, document.clone()]]}), "$..['a', 'c'].v", json!([5, 1]));
    check(&json!([{"a": 1, "b": 2, "c": 3}, [1], {"a": 4}]), "$..['a', 'c']", json!([{"a": 1, "c": 3}]));
}

#[test]
fn deep_scans() {
    check_store("$..isbn", json!(["0-553-21311-3", "0-395-19395-8"]));
    check_store("$..book[0].category", json!(["reference"]));
    check_store("$.store..display-price", json!([8.95, 12.99, 8.99, 22.99, 19.95]));
    let nested = json!({"x": [0, 1, [0, 1, 2, 3, null], null]});
    check(&nested, "$..[2][3]", json!([3]));
    check(&nested, "$..[3]", json!([null, 3]));
    let foo = json!({"x": {"foo": {"bar": 4}}, "y": {"foo": 1}});
    check(&foo, "$..foo.bar", json!([4]));
    check(&foo, "$..[*].foo.bar", json!([4]));
    check(&foo, "$..[*]foo[?(@.bar)].bar", json!([4]));
    check(&foo, "$..*", json!([{"foo": {"bar": 4}}, {"foo": 1}, {"bar": 4}, 4, 1]));
    check(&json!([{"m": true, "c": 1}, {"m": false}, {"m": true, "c": 2}]), "$..[?(@.m == true)].c", json!([1, 2]));
}

#[test]
fn filters() {
    let authors = |filter: &str, expected: &[&str]| {
        check_store(&format!("$.store.book[?({filter})].author"), expected.iter().copied().collect());
    };
    let (rees, waugh, melville, tolkien) = ("Nigel Rees", "Evelyn Waugh", "Herman Melville", "J. R. R. Tolkien");
    authors("@.display-price <= $.max-price", &[rees, melville]);
    authors("@.display-price<9", &[rees, melville]);
    authors("@.author == 'Nigel Rees' || @.author == 'Evelyn Waugh'", &[rees, waugh]);
    authors("(@.author == 'Nigel Rees' || @.author == 'Evelyn Waugh') && @.category == 'reference'", &[rees]);
    authors("@.author == 'Nigel Rees' || @.isbn && @.display-price > 20", &[rees, tolkien]);
    authors("'reference' == @.category", &[rees]);
    authors("'a' == 'a'", &[rees, waugh, melville, tolkien]);
    authors("@.category == @['category']", &[rees, waugh, melville, tolkien]);
    authors("@.category != @", &[rees, waugh, melville, tolkien]);
    authors("@.isbn", &[melville, tolkien]);
    authors("!@.isbn", &[rees, waugh]);
    authors("!(@.isbn || @.category == 'reference')", &[waugh]);
    authors("@.category =~ /reference/", &[rees]);
    authors("@.category =~ /REFER.*/i", &[rees]);
    authors("@.category =~ /refer/", &[]);
    authors("/reference/ =~ @.category", &[rees]);
    authors("@.author in ['Nigel Rees', \"J. R. R. Tolkien\"]", &[rees, tolkien]);
    authors("@.category nin ['fiction']", &[rees]);
    authors("@.isbn nin ['a']", &[rees, waugh, melville, tolkien]);
    authors("@.title contains 'of the'", &[rees, tolkien]);
    authors("@.title size 9", &[melville]);
    authors("@.isbn == null", &[]);
}

#[test]
fn filters_over_lists() {
    let sizes = json!([{"n": 1, "s": ["S", "M"]}, {"n": 2, "s": ["M", "L"]}, {"n": 3, "s": []}]);
    let numbers = |filter: &str, expected: Value| check(&sizes, &format!("$[?(@.s {filter})].n"), expected);
    numbers("subsetof ['M','L']", json!([2, 3]));
    numbers("anyof ['M']", json!([1, 2]));
    numbers("noneof ['M']", json!([3]));
    numbers("all ['M']", json!([1, 2]));
    numbers("size 2", json!([1, 2]));
    numbers("empty true", json!([3]));
    numbers("empty false", json!([1, 2]));
    numbers("contains 'S'", json!([1]));
    numbers("=~ /l/i", json!([2]));
    check(&sizes, "$[?(@.s.length() == 2)].n", json!([1, 2]));
    check(&sizes, "$[?(@.s[0] == 'S')].n", json!([1]));
    check(&json!([0, 1, null, 2]), "$[?(@)]", json!([0, 1, null, 2]));
    check(&json!([0, 1, null, 2]), "$[?(@ != null)]", json!([0, 1, 2]));
    check(&json!(["x"]), r"$[?(@ == 'abc' || @ =~ /\/|x/)]", json!(["x"]));
    check(&json!(["it\\", "&& it", "] it", "'foo"]), r"$[?(@ == 'it\\')]", json!(["it\\"]));
    check(
        &json!(["it\\", "&& it", "] it", "'foo"]),
        r"$[?(@ in ['&& it', '] it', '\'foo'])]",
        json!(["&& it", "] it", "'foo"]),
    );
}

#[test]
fn numbers_and_text_that_reads_as_one() {
    let one = |document: Value, filter: &str| check(&document, &format!("$[?(@.value{filter})]"), document.clone());
    let none = |document: Value, filter: &str| check(&document, &format!("$[?(@.value{filter})]"), json!([]));
    one(json!([{"value": "5"}]), "=='5'");
    one(json!([{"value": 5}]), "==5");
    one(json!([{"value": 5}]), "=='5'");
    one(json!([{"value": "5"}]), "==5");
    none(json!([{"value": "5"}]), "===5");
    none(json!([{"value": "5.1.26"}]), "==5.1");
    none(json!([{"value": 5.1}]), "=='5.1.26'");
    one(json!([{"value": "5"}]), "<'7'");
    one(json!([{"value": 5}]), "<7.1");
    none(json!([{"value": 7.1}]), "<5");
    none(json!([{"value": null}]), "<5");
}

#[test]
fn functions() {
    let numbers = json!({"numbers": [1, 2, 3, 4], "text": ["a", "b"], "empty": []});
    check(&numbers, "$.numbers.sum()", json!(10.0));
    check(&numbers, "$.numbers.avg()", json!(2.5));
    check(&numbers, "$.numbers.min()", json!(1.0));
    check(&numbers, "$.numbers.max()", json!(4.0));
    check(&numbers, "$.numbers.stddev()", json!(1.118033988749895));
    check(&numbers, "$.numbers.length()", json!(4));
    check(&numbers, "$.numbers.size()", json!(4));
    check(&numbers, "$.length()", json!(3));
    check(&numbers, "$.keys()", json!(["numbers", "text", "empty"]));
    check(&numbers, "$.numbers.first()", json!(1));
    check(&numbers, "$.numbers.last()", json!(4));
    check(&numbers, "$.numbers.index(-2)", json!(3));
    check(&numbers, "$.text.concat()", json!("ab"));
    check(&numbers, "$.text.concat(\"c\", $.numbers)", json!("abc1234"));
    check(&numbers, "$.numbers.append(5)", json!([1, 2, 3, 4, 5]));
    check(&numbers, "$.sum($.numbers.min(), $.numbers.max())", json!(5.0));
    check_store("$..display-price.max()", json!(22.99));
    missing(&numbers, "$.empty.sum()");
    missing(&numbers, "$.text.first().sum()");
}

#[test]
fn what_is_no_path() {
    let refused = |path: &str, offset: usize| match Path::parse(path) {
        Err(error) => assert_eq!(error.offset, offset, "{path}: {}", error.message),
        Ok(parsed) => panic!("{path} is {parsed:?}"),
    };
    refused("", 0);
    refused("  ", 0);
    refused("$X", 1);
    refused("$.", 2);
    refused("$..", 3);
    refused("$.a.", 4);
    refused("$.foo bar", 5);
    refused("$['a", 2);
    refused("$['a',]", 6);
    refused("$[a]", 2);
    refused("$[:]", 3);
    refused("$[99999999999]", 2);
    refused("$.a.nothing()", 4);
    refused("$[?(@.a]", 8);
    refused("$[?(@.a ~ 1)]", 8);
    refused("$[?(@.a =~ /(?=a)/)]", 11);
    refused("$[?('a')]", 7);
    refused(&"(".repeat(50), 0);
    refused(&format!("$[?({}", "(".repeat(99)), 36);
    refused(&"a".repeat(9_000), 8_192);
}

#[test]
fn work_is_bounded() {
    let mut document = json!(1);
    for _ in 0..100 {
        document = json!([document.clone(), 0]);
    }
    let path = Path::parse("$..*..*..*..*").expect("a path");
    let mut allowance = Allowance(10_000);
    assert_eq!(path.find(&document, &mut allowance), Err(Exceeded));
    assert_eq!(allowance, Allowance(0));
}

/// Comparisons are work too: of lists with lists, and of what is deep.
#[test]
fn comparisons_are_charged() {
    #[track_caller]
    fn check(document: &Value, path: &str, allowed: u32, expected: bool) {
        let path = Path::parse(path).expect("a path");
        assert_eq!(path.find(document, &mut Allowance(allowed)).is_ok(), expected, "{path:?}");
    }
    let ids: Vec<u32> = (0..1_000).collect();
    let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    let document = json!({ "ids": ids, "items": items, "deep": [ids, ids], "text": "x".repeat(64_000) });
    check(&document, "$.items[?(@.id in $.ids)]", 500_000, false);
    check(&document, "$.items[?(@.id in $.ids)]", 2_000_000, true);
    check(&document, "$.items[?(@.id == 7)]", 10_000, true);
    check(&document, "$.items[?($.ids subsetof $.ids)]", 900_000, false);
    check(&document, "$.deep[?(@ == $.ids)]", 1_500, false);
    check(&document, "$.deep[?(@ == $.ids)]", 10_000, true);
    check(&document, "$.items[?($.text == $.text)]", 100_000, false);
}

#[test]
fn patterns_are_javas() {
    let matches = |pattern: &str, text: &str, expected: bool| {
        let pattern = Pattern::whole(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        assert_eq!(pattern.is_match(text), expected, "{pattern:?} on {text:?}");
    };
    matches(r"\d{4}-\d\d", "2020-01", true);
    matches(r"\d", "\u{664}", false);
    matches(r"[\w.-]+@[\w-]+\.\w+", "a-b.c@example.org", true);
    matches(r"\s\S", "\u{a0}a", false);
    matches("a.b", "a\u{2028}b", false);
    matches("(?s)a.b", "a\nb", true);
    matches("(?i)ABC", "abc", true);
    matches(r"\Qa.b\E+", "a.bb", true);
    matches(r"\p{Alpha}\P{Digit}", "ab", true);
    matches(r"\p{L}\p{IsAlphabetic}", "éä", true);
    matches(r"\u0041\x42", "AB", true);
    matches(r"[a--c]", "-", true);
    matches(r"[\-\~&]+", "-~&", true);
    matches(r"[a-z&&[^c]]", "c", false);
    matches(r"\<a\/", "<a/", true);
    matches("a|b", "ab", false);
    for refused in
        ["a(?=b)", "(?<!a)b", "(?>a)", r"(a)\1", "a*+", "a{2}+", r"\G", r"\", "(", "[a", r"\u12", "(a{1000}){1000}"]
    {
        assert!(Pattern::whole(refused).is_err(), "{refused}");
    }
}
