//! What the recordings do not show. Statements about Velocity are those of its 1.7 user guide and sources, about Java
//! those of its API documentation.

use std::borrow::Cow;

use serde_json::json;

use super::*;

struct Given;

impl Context for Given {
    fn variable(&self, name: &str) -> Variable<'_> {
        static CLAIMS: std::sync::LazyLock<serde_json::Value> =
            std::sync::LazyLock::new(|| json!({"sub": "abc", "groups": ["a", "b"]}));
        match name {
            "identity" | "authorizer" => Variable::Group,
            "identity.sourceIp" => Variable::Text(Cow::Borrowed("10.0.0.1")),
            "requestTimeEpoch" => Variable::Int(1_600_000_000_000),
            "authorizer.claims" => Variable::Json(&CLAIMS),
            _ => Variable::Missing,
        }
    }
}

const BODY: &str = r#"{"id": 7, "name": "O'Neil \"x\" / é", "none": null, "price": 10.50, "big": 1e10,
    "tags": ["a", "b"], "items": [{"sku": "A1", "n": 2}, {"sku": "B2", "n": 3}], "at": {"city": "Bonn", "zip": 53111}}"#;

fn run(source: &str, body: &str, overrides: &Overrides) -> Result<(String, Overrides), RenderError> {
    let pair = |name: &'static str, value: &'static str| (Cow::Borrowed(name), Cow::Borrowed(value));
    let template = Template::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    let body = Body::new(body);
    let (path, querystring) = ([pair("id", "from-path")], [pair("id", "from-query"), pair("q", "a b")]);
    let (header, stage) = ([pair("X-Test", "t"), pair("q", "header")], [pair("table", "pets")]);
    let parameters = Parameters { path: &path, querystring: &querystring, header: &header };
    let inputs = Inputs { body: &body, parameters, context: &Given, stage_variables: &stage, overrides };
    let mut output = String::new();
    let overrides = template.render(&inputs, &Budget::default(), &mut output)?;
    Ok((output, overrides))
}

fn check(source: &str, expected: &str) {
    match run(source, BODY, &Overrides::default()) {
        Ok((output, _)) => assert_eq!(output, expected, "{source}"),
        Err(error) => panic!("{source}: {error}"),
    }
}

fn fails(source: &str, cause: Cause, place: &str, message: &str) {
    let error = run(source, BODY, &Overrides::default()).expect_err(source);
    assert_eq!(error.cause, cause, "{source}: {error}");
    let text = error.to_string();
    assert!(text.starts_with(place) && text.contains(message), "{source}: {text}");
}

fn refused(source: &str, place: &str, message: &str) {
    let text = Template::parse(source).expect_err(source).to_string();
    assert!(text.starts_with(&format!("{place}: ")) && text.contains(message), "{source}: {text}");
}

#[test]
fn references_and_text() {
    check("$$id$ $5 $! ${} $.a $[", "$$ $5 $! ${} $.a $[");
    check("#set($a = 'x')$a.", "x.");
    check("#set($a = 'x')$a.b|${a}b|$!a|$!{a}|$a-b", "|xb|x|x|");
    check("#set($a = 'x')\\$a \\\\$a \\\\\\$a \\${a} \\$!{a}", "$a \\x \\$a ${a} $!{a}");
    check("\\#if \\\\\\#if \\#foo \\a", "#if \\#if \\#foo \\a");
    check("#[[ $a #if ]]#", " $a #if ");
    check("#foo #hello($a, 'b') #13ff (x)", "#foo #hello($a, 'b') #13ff (x)");
    check("a #* b *# c ## d\ne", "a  c e");
    check("  #set($a = 1)\n\t#set($b = 2)  \nx #set($c = 3)y", "x y");
    check("#set($a = 1) #set($b = 2)\nx", "x");
    check("x\n  #set($a = 1)\n  y", "x\n    y");
}

#[test]
fn nothing_is_the_empty_text() {
    check("[$nothing][$nothing.a.b()][$input.path('$.none')][$input.path('$.x.y')]", "[][][][]");
    check(
        "#if($nothing)t#end#if(!$nothing)f#end#if($nothing == '')e#end#set($n = $nothing)#if($n.length() == 0)l#end",
        "tel",
    );
    check("#set($a = $nothing)#if($a == '')e#end#set($m = {'k': null})$m #if($m.k == '')e#end", "e{k=null} e");
    check("#foreach($a in $nothing)x#end#foreach($a in 'text')x#end", "");
}

#[test]
fn expressions() {
    let result = |expression: &str, expected: &str| check(&format!("#set($r = {expression})$r"), expected);
    result("1 + 2 * 3 - 4 / 2", "5");
    result("(1 + 2) * 3", "9");
    result("7 / 2", "3");
    result("-7 % 3", "-1");
    result("7.0 / 2", "3.5");
    result("1e3 + .5", "1000.5");
    result("5-3", "2");
    result("1 / 0", "");
    result("1.5e10", "1.5E10");
    result("0.0001", "1.0E-4");
    result("100.0", "100.0");
    result("'a' + 1 + 2", "a12");
    result("1 + 2 + 'a'", "3a");
    result("1 == 1.0", "true");
    result("'1' == 1", "true");
    result("'a' == 'A'", "false");
    result("'a' < 'b'", "false");
    result("not true or true and false", "false");
    result("1 lt 2 && 2 le 2 && 3 gt 2 && 2 ge 2 && 1 eq 1 && 1 ne 2", "true");
    result("[1, 'a', [2.0], {'k' : $nothing}]", "[1, a, [2.0], {k=}]");
    result("[3..1]", "[3, 2, 1]");
    result("'it''s'", "it's");
    result("\"a\"\"b\"", "a\"b");
    result("\"\\u0041\\n\"", "A\\n");
    result("\"$input.path('$.tags[1]') #if(1 == 1)yes#{else}no#end $\"", "b yes $");
    result("{1: 'a', true: 'b'}", "{1=a, true=b}");
    fails("#set($x = 9223372036854775807 + 1)", Cause::Template, "1:6", "64 bits");
}

#[test]
fn statements() {
    check("#if(false)a#elseif(true)b#{else}c#end", "b");
    check("#if(false)\na\n#elseif(false)\nb\n#else\nc\n#end\nd", "c\nd");
    check("#foreach($i in [1..9])#if($i == 4)#break#end$i#end.", "123.");
    check("#foreach($i in {'a': 1, 'b': 2})$i#if($foreach.hasNext),#end#end", "1,2");
    check("#foreach($i in [1, 2])#foreach($j in [1])$foreach.parent.index$foreach.topmost.count#end#end", "0112");
    check("#foreach($i in [1, 2])#foreach($j in [1])$foreach.count#end$velocityCount#end$velocityCount", "1112");
    check(
        "#foreach($e in $input.path('$.at').entrySet())$e.key=$e.getValue() $e;#end",
        "city=Bonn city=Bonn;zip=53111 zip=53111;",
    );
    check("#set($l = [1])#foreach($i in $l)#if($l.size() < 4)#set($x = $l.add(9))#end$i#end", "1999");
    check("#define($d)<$x>#end#set($x = 1)$d#set($x = 2)$d \"$d\" #set($t = \"$d\")$t", "<1><2> \"<2>\" <2>");
    check("#define($d)x$d#end$d", "xx");
    check("a#stop b", "a");
    check("#foreach($i in [1..5000])#set($last = $i)#end$last", "1000");
    check("#set($m = {})#set($m.a = {})#set($m.a.b = 1)#set($m['c'] = [1])#set($m.c[0] = 2)$m", "{a={b=1}, c=[2]}");
    check("#set($nothing.a = 1)ok", "ok");
}

#[test]
fn strings() {
    let result = |call: &str, expected: &str| check(&format!("#set($s = 'a-B.c')#set($r = $s.{call})$r"), expected);
    result("length()", "5");
    result("substring(2)", "B.c");
    result("substring(0, 1)", "a");
    result("charAt(2)", "B");
    result("indexOf('.')", "3");
    result("indexOf('a', 1)", "-1");
    result("lastIndexOf('c')", "4");
    result("replace('-', '$1')", "a$1B.c");
    result("replaceAll('([a-c])-', '<$1>')", "<a>B.c");
    result("replaceAll(\"[.-]\", '\\$')", "a$B$c");
    result("replaceFirst('[^a]', '')", "aB.c");
    result("split('[.-]')", "[a, B, c]");
    result("split('c')", "[a-B.]");
    result("split('', 2)", "[a, -B.c]");
    result("split('-').get(1).split('\\.').size()", "2");
    result("contains('B')", "true");
    result("startsWith('B', 2)", "true");
    result("endsWith('.c')", "true");
    result("toLowerCase().toUpperCase()", "A-B.C");
    result("concat('!').trim()", "a-B.c!");
    result("isEmpty()", "false");
    result("equals('a-B.c')", "true");
    result("equalsIgnoreCase('A-b.C')", "true");
    result("compareTo('b')", "-1");
    result("hashCode()", "90987083");
    result("matches('a')", "false");
    result("nothing('x').more()", "");
    result("length(1)", "");
    check("#set($s = 'é😀x')$s.length() $s.indexOf('x') $s.substring(3) $s.substring(1, 3)", "4 3 x 😀");
    check(
        "#set($n = 0)#set($d = 0.0)#set($b = true)$n.parseInt('12') $n.valueOf('3') $d.parseDouble('1') $b.parseBoolean('TRUE')",
        "12 3 1.0 true",
    );
    check("#set($x = 3)$x.equals('3') $x.compareTo(2) $x.doubleValue() $x.toString().length()", "false 1 3.0 1");
}

#[test]
fn lists_and_maps() {
    let list = |calls: &str, expected: &str| check(&format!("#set($l = [1, 'b', 1]){calls}"), expected);
    list("$l.get(1)$l[2]$l.size()$l.isEmpty()$l.empty", "b13falsefalse");
    list("$l.add(4)$l.add(0, 'z')$l.addAll([5])$l", "truetrue[z, 1, b, 1, 4, 5]");
    list("$l.set(0, 2)$l.remove(1)$l.remove('x')$l", "1bfalse[2, 1]");
    list("$l.contains('b')$l.contains(2)$l.indexOf(1)$l.lastIndexOf(1)$l.containsAll([1])", "truefalse02true");
    list("$l.subList(1, 3)#set($i = $l.iterator())$i.next()$i.hasNext()#foreach($x in $i)$x#end", "[b, 1]1trueb1");
    list("#set($k = $l)#set($x = $k.clear())$l", "[]");
    let map = |calls: &str, expected: &str| check(&format!("#set($m = {{'a': 1, 'b': 'x'}}){calls}"), expected);
    map("$m.a$m.get('b')$m['a']$m.size()$m.isEmpty()", "1x12false");
    map("$m.put('a', 2)$m.put('c', 3)$m.remove('b')$m", "1x{a=2, c=3}");
    map("$m.keySet()$m.values()$m.entrySet()", "[a, b][1, x][a=1, b=x]");
    map("$m.containsKey('a')$m.containsValue('x')$m.containsKey('z')$m.getOrDefault('z', 9)", "truetruefalse9");
    map("$m.putIfAbsent('a', 5)$m.putAll({'z': 0})$m.toString()", "1{a=1, b=x, z=0}");
    fails("#set($l = [1])\n$l.get(1)", Cause::Template, "2:1", "outside");
    fails("#set($l = [1])#set($l[3] = 1)", Cause::Template, "1:20", "outside");
    fails("#set($s = 'abc') $s.substring(2, 9)", Cause::Template, "1:18", "outside");
    fails("#set($m = {})#set($x = $m.put('m', $m))$m", Cause::Template, "1:40", "too deeply");
}

#[test]
fn input() {
    check(
        "$input.path('$.id') $input.path('$.price') $input.path('$.big') $input.json('$.name')",
        "7 10.5 1.0E10 \"O'Neil \\\"x\\\" / é\"",
    );
    check(
        "$input.json('$.items[*].sku') $input.path('$.items[*].sku').size() $input.json('$.items[0]')",
        r#"["A1","B2"] 2 {"sku":"A1","n":2}"#,
    );
    check(
        "$input.path('$.at') $input.path('$.items') $input.path('$.at').city",
        r#"{city=Bonn, zip=53111} [{"sku":"A1","n":2},{"sku":"B2","n":3}] Bonn"#,
    );
    check("$input.json('$.nothing') $input.json('$.none') $input.json('$..nothing')", r#""" "" []"#);
    check("#set($p = '$.id')$input.path($p)#set($i = $input)|$i.path(\"$.tags[0]\")", "7|a");
    check("#set($r = $input.path('$'))#set($x = $r.put('new', 1))$input.path('$').new $r.items[1].sku", "1 B2");
    check("#foreach($i in $input.path('$.items'))$i.sku:$i.n#if($foreach.hasNext),#end#end", "A1:2,B2:3");
    check(
        "$input.params('id') $input.params('q') $input.params('x-test') [$input.params('none')]",
        "from-path a b t []",
    );
    check(
        "#set($p = $input.params())$p.keySet() $p.header.get('X-Test') $p.get('querystring')",
        "[path, querystring, header] t {id=from-query, q=a b}",
    );
    check("$stageVariables.table $stageVariables.get('table') [$stageVariables.none]", "pets pets []");
    let empty = run("$input.json('$') $input.path('$.a').b [$input.body]", "", &Overrides::default());
    assert_eq!(empty.expect("renders").0, "{}  []");
    let error = run("{\n $input.json('$')}", "{a", &Overrides::default()).expect_err("no JSON");
    assert_eq!((error.cause, error.place), (Cause::Body, Place { line: 2, column: 2 }));
}

#[test]
fn context_and_overrides() {
    check("$context.identity.sourceIp $context.requestTimeEpoch [$context.none.x]", "10.0.0.1 1600000000000 []");
    check(
        "$context.authorizer.claims.sub $context.authorizer.claims.groups[1] $context.authorizer.claims",
        r#"abc b {sub=abc, groups=["a","b"]}"#,
    );
    check(
        "#set($c = $context.identity)$c.sourceIp $c['sourceIp'] $context.get('identity').sourceIp",
        "10.0.0.1 10.0.0.1 10.0.0.1",
    );
    let source = "#set($context.requestOverride.header.X-A = 'a')#set($context.requestOverride.path.id = 5)\
        #set($context.requestOverride.querystring['q'] = $input.path('$.id'))\
        #set($context.responseOverride.status = 404)#set($context.responseOverride.header.Y = \"$stageVariables.table\")";
    let (output, overrides) = run(source, BODY, &Overrides::default()).expect("renders");
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let expected = Overrides {
        request_header: pair("X-A", "a"),
        request_path: pair("id", "5"),
        request_querystring: pair("q", "7"),
        response_status: Some("404".to_owned()),
        response_header: pair("Y", "pets"),
    };
    assert_eq!((output.as_str(), &overrides), ("", &expected));
    let later = run("$context.requestOverride.path.id $context.responseOverride.status", BODY, &overrides);
    assert_eq!(later, Ok(("5 404".to_owned(), expected)));
}

#[test]
fn util() {
    check("$util.escapeJavaScript($input.path('$.name'))", r#"O\'Neil \"x\" \/ \u00E9"#);
    check(
        "$util.escapeJavaScript($input.json('$.tags'))|$util.escapeJavaScript('')|$util.escapeJavaScript(5)",
        r#"[\"a\",\"b\"]||5"#,
    );
    check("$util.urlEncode('a b&c=é*~') $util.urlDecode('a+b%26c%3D%C3%A9')", "a+b%26c%3D%C3%A9*%7E a b&c=é");
    check(
        "$util.base64Encode('a') $util.base64Encode('ab') $util.base64Encode('abc') $util.base64Encode('')",
        "YQ== YWI= YWJj ",
    );
    check("$util.base64Decode('YWI=') $util.base64Decode('YWJj') $util.base64Decode('w6k')", "ab abc é");
    check("#set($j = $util.parseJson('{\"a\":[1,{\"b\":2}]}'))$j.a[1].b $j.a $j", r#"2 [1,{"b":2}] {a=[1,{"b":2}]}"#);
    fails("$util.parseJson('{')", Cause::Template, "1:1", "not JSON");
    fails("$util.urlDecode('%4')", Cause::Template, "1:1", "URL-encoded");
}

#[test]
fn what_is_no_template() {
    refused("a\n  #if($a) b", "2:6", "has no `#end`");
    refused("#end", "1:5", "ends nothing");
    refused("#if($a)#else#else#end", "1:18", "follows an `#else`");
    refused("#foreach($a of $b)#end", "1:13", "expected `in`");
    refused("é#set($a == 1)", "1:11", "expected a value");
    refused("#set($a = b)", "1:11", "the word `b`");
    refused("#set($a = 'b)", "1:11", "no closing quote");
    refused("${a.b", "1:6", "expected `}`");
    refused("$a[1", "1:5", "expected `]`");
    refused("#* a", "1:1", "has no `*#`");
    refused("#macro(a)#end", "1:1", "not available");
    refused("#parse('a')", "1:1", "not available");
    refused("x $input.path('$.a[')", "1:15", "JSONPath");
    refused("$a.replaceAll('(?=a)', '')", "1:15", "look-ahead");
    refused("#set($a = \"$b.c(\")", "1:11", "expected");
    refused(&"#if(1)".repeat(99), "1:287", "nested too deeply");
    refused(&format!("#set($a = {})", "(".repeat(99)), "1:59", "nested too deeply");
    refused(&"a".repeat(400_000), "1:1", "300 KB");
}

#[test]
fn budgets_end_a_template() {
    let thousand = |inner: &str| format!("#foreach($i in [1..1000]){inner}#end");
    fails(&thousand(&thousand(&thousand("x"))), Cause::Budget, "1:", "");
    fails(&format!("#set($s = 'aaaaaaaaaa'){}", thousand("#set($s = \"$s$s\")")), Cause::Budget, "1:", "");
    fails(&format!("#set($l = [1, 2]){}", thousand("#set($x = $l.addAll($l))")), Cause::Budget, "1:", "");
    fails("#set($l = [1..2000000000])", Cause::Budget, "1:6", "");
    fails(
        &format!("#set($s = 'aaaaaaaaaaaaaaaa'){}", thousand("#set($s = $s.replace('a', 'aaaaaaaa'))")),
        Cause::Budget,
        "1:",
        "",
    );
    fails(&format!("#set($s = \"{}\"){}", "a".repeat(90_000), thousand("$s")), Cause::Budget, "1:", "prints too much");
    let deep: String = (0..100).map(|at| format!("#define($d{at})#if(1)#if(1)$d{}#end#end#end", at + 1)).collect();
    fails(&format!("{deep}$d0"), Cause::Budget, "1:", "nested too deeply");
}
