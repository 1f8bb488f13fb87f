use std::io::Read;

use super::*;
use crate::model::{AuthorizationType, Integration, Method, MethodResponse, Model, OrderedMap, Resource, RestApi};

/// A little of everything: parameters of each kind, a greedy one, models, a signature.
fn definition() -> ApiDefinition {
    let map = |pairs: &[(&str, bool)]| pairs.iter().map(|(name, required)| ((*name).to_owned(), *required)).collect();
    let models = |name: &str| OrderedMap::from([("application/json".to_owned(), name.to_owned())]);
    let answer =
        MethodResponse { status_code: "200".into(), response_models: models("Pet"), ..MethodResponse::default() };
    let get = Method {
        http_method: "GET".into(),
        request_parameters: map(&[
            ("method.request.path.petId", true),
            ("method.request.querystring.tag", false),
            ("method.request.header.X-Trace", true),
        ]),
        method_responses: OrderedMap::from([("200".to_owned(), answer)]),
        ..Method::default()
    };
    let post = Method { http_method: "POST".into(), request_models: models("Pet"), ..Method::default() };
    let any = Method { http_method: "ANY".into(), ..Method::default() };
    let signed =
        Method { http_method: "GET".into(), authorization_type: AuthorizationType::AwsIam, ..Method::default() };
    let resource = |path: &str, methods: Vec<Method>| Resource {
        path: path.into(),
        resource_methods: methods
            .into_iter()
            .map(|method| {
                (method.http_method.clone(), Method { method_integration: Some(Integration::default()), ..method })
            })
            .collect(),
        ..Resource::default()
    };
    let schema = r#"{ "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } }"#;
    ApiDefinition {
        rest_api: RestApi { name: "pets\n*/".into(), ..RestApi::default() },
        resources: vec![
            resource("/", vec![signed]),
            resource("/pets", vec![post]),
            resource("/pets/{petId}", vec![get]),
            resource("/files/{proxy+}", vec![any]),
        ],
        models: vec![Model { name: "Pet".into(), schema: schema.into(), ..Model::default() }],
        ..ApiDefinition::default()
    }
}

fn zip(sdk_type: SdkType) -> Vec<u8> {
    let invoke_url = "http://127.0.0.1:1/dev";
    sdk_type.zip(&Source { definition: &definition(), stage_name: "dev", invoke_url, now_s: 1_456_185_138 })
}

/// The files of an archive, read as a program would that goes by the directory at its end.
fn unzipped(bytes: &[u8]) -> Vec<(String, String)> {
    let short = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let long = |at: usize| short(at) | short(at + 2) << 16;
    let end = bytes.len() - 22;
    assert_eq!(&bytes[end..end + 4], b"PK\x05\x06");
    let mut at = long(end + 16);
    assert_eq!(at + long(end + 12), end);
    let mut files = Vec::new();
    for _ in 0..short(end + 10) {
        assert_eq!(&bytes[at..at + 4], b"PK\x01\x02");
        let (checksum, deflated, content) = (long(at + 16), long(at + 20), long(at + 24));
        let (name_length, local) = (short(at + 28), long(at + 42));
        let name = String::from_utf8(bytes[at + 46..at + 46 + name_length].to_vec()).expect("UTF-8");
        assert_eq!(&bytes[local..local + 4], b"PK\x03\x04");
        assert_eq!(&bytes[local + 4..local + 30], &bytes[at + 6..at + 32], "both say the same");
        let start = local + 30 + name_length;
        let mut text = String::new();
        let mut decoder = flate2::read::DeflateDecoder::new(&bytes[start..start + deflated]);
        decoder.read_to_string(&mut text).expect("it is deflated");
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        assert_eq!((crc.sum() as usize, text.len()), (checksum, content));
        at += 46 + name_length;
        files.push((name, text));
    }
    files
}

#[test]
fn a_client_is_a_zip_file_of_source_and_readme() {
    for (sdk_type, names) in [
        (SdkType::JavaScript, ["apiGateway-js-sdk/apigClient.js", "apiGateway-js-sdk/README.md"]),
        (SdkType::TypeScript, ["typescript-sdk/client.ts", "typescript-sdk/README.md"]),
    ] {
        let files = unzipped(&zip(sdk_type));
        assert_eq!(files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
        let placeholder = files.iter().find(|(_, text)| text.contains("@METHODS@") || text.contains("@API@"));
        assert_eq!(placeholder.map(|(name, _)| name), None);
        assert!(files[1].1.contains("| `petsPetIdGet` | `GET /pets/{petId}` |"), "{}", files[1].1);
        assert!(files[1].1.contains("client of pets * /, stage dev"), "{}", files[1].1);
    }
    assert_eq!(SdkType::JavaScript.file_name(1_456_185_138), "javascript_2016-02-22_23-52Z.zip");
}

#[test]
fn what_drives_the_functions_says_how_to_call_each() {
    let (_, text) = unzipped(&zip(SdkType::JavaScript)).swap_remove(0);
    for line in [
        r#"    "rootGet": {"httpMethod":"GET","path":"/","signed":true},"#,
        r#"    "petsPost": {"httpMethod":"POST","path":"/pets"},"#,
        concat!(
            r#"    "petsPetIdGet": {"httpMethod":"GET","path":"/pets/{petId}","query":["tag"],"headers":["X-Trace"],"#,
            r#""required":["petId","X-Trace"]},"#
        ),
        r#"    "filesProxyAny": {"httpMethod":"ANY","path":"/files/{proxy+}","rest":"proxy","required":["proxy"]},"#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[test]
fn functions_have_types() {
    let (_, text) = unzipped(&zip(SdkType::TypeScript)).swap_remove(0);
    for line in [
        r#"export interface Pet { "id": number }"#,
        concat!(
            r#"petsPetIdGet(parameters: { "petId": Exclude<Scalar, undefined>; "tag"?: QueryValue; "#,
            r#""X-Trace": Exclude<Scalar, undefined> }, options: RequestOptions = {}): Promise<ApiResponse<Pet>> {"#
        ),
        r#"petsPost(parameters: {  } = {}, body: Pet, options: RequestOptions = {}): Promise<ApiResponse<unknown>> {"#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[test]
fn what_is_filled_in_is_not_looked_at_again() {
    assert_eq!(filled("a@X@b@Y@ @", &[("X", "@Y@"), ("Y", "y")]), "a@Y@by @");
    assert_eq!(filled("me@example.com @X@", &[("X", "x")]), "me@example.com x");
}
