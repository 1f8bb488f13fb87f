//! The table of settings. To add one is to add a row; `docs/settings.md` is printed from it.

use super::basic_auth::BasicUser;
use super::choice::{
    BasePath, ClientAuth, CredentialsSource, Driver, LogLevel, Parity, ThrottleHeaders, UnderscoreTwins, Unresolved,
    Unsupported,
};
use super::credentials::{AccessKey, AccessToken};
use super::define::{Setting, settings};
use super::endpoints::ServiceEndpoints;
use super::functions::{PROGRAM, USER};
use super::iam::IamUser;
use super::kind::{Facts, Kind};
use super::special::{
    ACCOUNT_ID, AuditDestination, CertificateFiles, HTTP_ADDRESS, LOG_FORMAT, LogDestination, PROFILE, REGION,
    SHARDS_MAX, STAGE_NAME, ShardCount, StageVariables, VIA_NAME,
};
use super::targets::{FunctionTargets, VpcLinks};
use super::vpc::VpcEndpoint;
use crate::function::definition::Configured;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const GIB: u64 = 1 << 30;

settings! {
    /// All settings, checked and complete: what the program runs on.
    ///
    /// `Config::default()` is what `tollgate serve` runs on without a file, variables and flags.
    Config {
        /// The OpenAPI documents to serve, one API each. Without any, `tollgate serve` runs its built-in example.
        files: Vec<PathBuf> = Vec::new() => Facts::plain().flag("FILE");
        /// The addresses that clients connect to. They speak TLS when there are certificates and no `tls.listen`.
        listen: Vec<SocketAddr> = vec![SocketAddr::from(([127, 0, 0, 1], 8080))] => Facts::plain().flag("--listen");
        /// The address of the admin listener (the management API, health, metrics, reload), or `off`. Without
        /// `management.access_keys` and `management.tokens`, loopback only: it asks nobody for credentials then. It speaks
        /// plain HTTP: an access key does not cross the network, a token does, and wants TLS in front.
        admin: Option<SocketAddr> = Some(SocketAddr::from(([127, 0, 0, 1], 8081))) => Facts::plain().flag("--admin");
        /// How long a start waits for addresses that others listen on, for all of them together, before it fails. A gateway
        /// that was killed still has its own for a moment after its end, until the kernel has taken down its io_uring.
        listen_wait_ms: u64 = 2_000 => Facts::milliseconds(0, HOUR_MS);
        /// How many shards serve, each a thread with its own event loop. `auto` is one for each CPU that the process
        /// may use.
        shards: ShardCount = ShardCount::Auto => Facts::count(1, SHARDS_MAX as u64).flag("--shards");
        /// What drives a shard's sockets. `auto` takes io_uring where the kernel allows it and epoll otherwise, and
        /// says in the log which it was.
        driver: Driver = Driver::Auto => Facts::plain().flag("--driver");
        /// The folder for what must outlive the process. Without one, nothing is written to disk.
        data: Option<PathBuf> = None => Facts::plain().flag("--data");
        /// Start without the built-in example where there is neither a file nor `data`.
        empty: bool = false => Facts::plain().flag("--empty");
        /// The stage that the files are deployed to, the first part of the path: `/prod/pets`. Not set, each document
        /// says (`x-tollgate-stage-name`, or the base path that AWS wrote into an export), or it is `default`.
        stage: Option<String> = None => Facts::text(STAGE_NAME).flag("--stage");
        /// The stage's variables, `${stageVariables.name}` in the documents; they win over those that a document
        /// itself sets. A stronger source replaces the whole table. In the environment `name=value,name=value`; a value
        /// with a comma needs a file or a flag.
        stage_variables: StageVariables = StageVariables::new() => Facts::plain().flag("--stage-variable");
        /// The account that the APIs belong to, `$context.accountId`: twelve digits.
        account_id: String = "000000000000".to_owned() => Facts::text(ACCOUNT_ID).aws("the owner's account");
        /// Serve the one API at `/`, without the stage in the path.
        root: bool = false => Facts::plain().flag("--root").aws("a custom domain name with an empty base path mapping");
        /// What becomes of a document's base path: AWS's parameter `basepath` of an import.
        basepath: BasePath = BasePath::Ignore => Facts::plain().flag("--basepath").aws("ignore");
        /// Answer methods without an integration with a mock, from the examples that they declare, instead of refusing
        /// the document.
        mock_missing: bool = false => Facts::plain().flag("--mock-missing").aws("the document is refused");
        /// Whose limits are in effect where nobody sets them: `aws` gives every limit that AWS's quotas for REST APIs name
        /// the value that it has there, so that what fails there fails here. What is set besides is stronger.
        parity: Parity = Parity::None => Facts::plain();
        /// Where VPC links lead: origins by a link's id, its name, or the ARN of its load balancer. An integration with
        /// `connectionType: VPC_LINK` connects there; its `uri` still says path and `Host`.
        vpc_links: VpcLinks = VpcLinks::default() => Facts::plain().aws("the link's load balancer");
        /// Deploy anew whenever one of the files changes. SIGHUP and the admin listener's `/reload` do so always.
        watch: bool = true => Facts::plain();
    }

    /// TLS, to clients and to backends.
    tls: Tls {
        /// The certificate chains and their keys, in PEM. The name that the client asks for (SNI) selects; the first
        /// pair is for clients that name none, or one that no certificate has.
        certificates: Vec<CertificateFiles> = Vec::new() => Facts::plain().flag("--tls-certificate");
        /// The addresses that speak TLS, beside those of `listen`, which then do not. Empty, with certificates: all
        /// addresses of `listen` speak TLS.
        listen: Vec<SocketAddr> = Vec::new() => Facts::plain();
        /// Certificate authorities to trust in backends, in PEM, beside those of the system.
        upstream_ca_file: Option<PathBuf> = None => Facts::plain();
        /// Certificate authorities whose clients are let in, in PEM. With it, clients have to show a certificate of theirs on
        /// all addresses that speak TLS, or on those of `client_auth_listen`. Lists of revoked certificates (`X509 CRL`) may
        /// stand in it too. Custom domain names with mutual TLS have truststores of their own in place of it.
        client_truststore_file: Option<PathBuf> = None => Facts::plain();
        /// Lists of certificates that `client_truststore_file` would let in and that are revoked, in PEM (`X509 CRL`). With
        /// lists, one has to speak of every authority between a client and the truststore's and be in time: clients of which
        /// that cannot be said are refused.
        client_crl_file: Option<PathBuf> = None => Facts::plain();
        /// Whether a client without a certificate is refused. One that shows a certificate has to show a good one.
        client_auth: ClientAuth = ClientAuth::Required => Facts::plain();
        /// Addresses that speak TLS and ask clients for certificates, beside those of `listen` and `tls.listen`, which then do
        /// not ask.
        client_auth_listen: Vec<SocketAddr> = Vec::new() => Facts::plain();
        /// The folder of the truststores of custom domain names with mutual TLS: `s3://bucket/key` is the file `bucket/key` in
        /// it. Without it, there can be no such domain names.
        truststore_dir: Option<PathBuf> = None => Facts::plain();
        /// How long a client may take for the handshake before it is disconnected.
        handshake_timeout_ms: u64 = 10_000 => Facts::milliseconds(1, HOUR_MS);
    }

    /// What one client, or all of them, may ask for.
    limits: Limits {
        /// The longest request target (path and query); a longer one is answered 414.
        target_bytes_max: u64 = 10_240 => Facts::bytes(256, 1 << 20).aws("10240 (answered 414)").parity(10_240);
        /// The largest header of a request, all fields together; a larger one is answered 431.
        header_bytes_max: u64 = 10_240 => Facts::bytes(256, 1 << 20).aws("10240 (answered 431)").parity(10_240);
        /// The most header fields in a request; more are answered 431.
        header_fields_max: u32 = 100 => Facts::count(1, 256);
        /// The largest body of a request; a larger one is answered 413.
        body_bytes_max: u64 = 10_485_760 => Facts::bytes(0, 1024 * GIB).aws("10485760 (answered 413)").parity(10_485_760);
        /// The largest body of an answer that an integration with `responseTransferMode: BUFFERED`, the default, may give:
        /// a larger one is answered 500, or broken off where it did not say its length. `STREAM` has no such limit. 0 sets
        /// none for either.
        response_body_bytes_max: u64 = 0 => Facts::bytes(0, 1024 * GIB).aws("10485760").parity(10_485_760);
        /// The longest `timeoutInMillis` that an integration may ask for; with `responseTransferMode: STREAM`, it is always
        /// 900000. A longer one is refused when the document is deployed.
        integration_timeout_max_ms: u64 = 900_000
            => Facts::milliseconds(50, 900_000).aws("29000, more on request").parity(29_000);
        /// The largest mapping template. A larger one is refused when the document is deployed.
        template_bytes_max: u64 = 307_200 => Facts::bytes(0, 64 << 20).aws("307200").parity(307_200);
        /// The largest resource policy of an API. A larger one is refused when the document is deployed.
        policy_bytes_max: u64 = 65_536 => Facts::bytes(256, 1 << 20).aws("8192").parity(8_192);
        /// The most client connections of the whole process; one more is answered 503 and closed.
        connections_max: u32 = 100_000 => Facts::count(1, 100_000_000);
        /// The longest time from the first byte of a request to the end of its head; then the answer is 408.
        head_timeout_ms: u64 = 10_000 => Facts::milliseconds(1, HOUR_MS);
        /// How long a connection may wait for its next request before it is closed.
        idle_timeout_ms: u64 = 60_000 => Facts::milliseconds(1, DAY_MS);
        /// The least average rate of a request's body once `body_grace_ms` has passed; below it, the answer is 408.
        /// 0 asks for none.
        body_bytes_per_second_min: u64 = 100 => Facts::bytes_per_second(0, GIB);
        /// How long after its head a body may be slower than `body_bytes_per_second_min`.
        body_grace_ms: u64 = 10_000 => Facts::milliseconds(0, HOUR_MS);
        /// The longest pause inside a request's body; then the answer is 408.
        body_idle_timeout_ms: u64 = 20_000 => Facts::milliseconds(1, HOUR_MS);
        /// How long a client may take nothing of an answer that is ready for it before it is disconnected.
        write_timeout_ms: u64 = 30_000 => Facts::milliseconds(1, HOUR_MS);
        /// The most requests that one connection may carry; then it is closed. 0 sets no limit.
        requests_per_connection_max: u64 = 0 => Facts::count(0, u32::MAX as u64);
    }

    /// Throttling, beside what stages and usage plans say.
    throttle: Throttle {
        /// How many requests per second all APIs together may be called with; more are answered 429. 0 sets no limit.
        account_rate_limit: u64 = 0 => Facts::count(0, 1_000_000_000).aws("10000").parity(10_000);
        /// How many requests may come at once on top of `account_rate_limit`.
        account_burst_limit: u32 = 5_000 => Facts::count(1, i32::MAX as u64).aws("5000").parity(5_000);
        /// For how many callers at a time limits are kept that nobody has listed, such as those of single methods for each
        /// API key, or of client addresses; 18 bytes each. One more takes the place of the one that has used least of its
        /// own.
        keyed_buckets_max: u32 = 262_144 => Facts::count(7, 1 << 30);
        /// What answers of 429 say of the limit: nothing, how many seconds to wait (`Retry-After`), or also how much it
        /// allows (`RateLimit-Policy` and `RateLimit`, draft-ietf-httpapi-ratelimit-headers-10).
        headers: ThrottleHeaders = ThrottleHeaders::Off => Facts::plain();
    }

    /// Quotas of usage plans, and what is counted for them.
    quota: Quota {
        /// How many API keys in usage plans can be counted for, each in each plan; one more is refused. 64 bytes each, as
        /// they come; in `data` a file, `usage`.
        memberships_max: u32 = 2_097_152 => Facts::count(1, 1 << 30);
        /// How often counts are written through to the disk: what a loss of power may cost. The end of the process, however
        /// sudden, costs nothing.
        sync_ms: u64 = 1_000 => Facts::milliseconds(10, HOUR_MS);
        /// For how many days counts are kept, for each API key in each plan; about 120 bytes of memory for each day with
        /// requests. The default is the 90 days that `GetUsage` tells at a time, and the month before them, on which depends
        /// what was left.
        history_days: u32 = 121 => Facts::count(31, 3_660);
    }

    /// Connections to backends. An origin is a backend's scheme, host and port.
    upstream: Upstream {
        /// How long a connection to one address of a backend may take, TLS included.
        connect_timeout_ms: u64 = 3_000 => Facts::milliseconds(1, HOUR_MS);
        /// How long a connection is kept for the next request. Less than the backend's own time spares requests that
        /// meet a closing connection.
        idle_timeout_ms: u64 = 55_000 => Facts::milliseconds(0, DAY_MS);
        /// The most connections kept for the next request, for each shard and origin; 0 keeps none.
        idle_connections_max: u32 = 256 => Facts::count(0, 1_000_000);
        /// The most connections in use, for each shard and origin; one request more is answered 503.
        connections_max: u32 = 4_096 => Facts::count(1, 1_000_000);
        /// The largest head of a backend's response; a larger one is answered 502.
        response_head_bytes_max: u64 = 65_536 => Facts::bytes(256, 16 << 20);
        /// The longest pause inside the body of a backend's response; then the connection is closed.
        response_idle_timeout_ms: u64 = 60_000
            => Facts::milliseconds(1, DAY_MS).aws("300000 in a stream").parity(300_000);
        /// How often a request is sent again after a failure, if it is idempotent or was not sent at all.
        retries_max: u32 = 1 => Facts::count(0, 10);
        /// What is kept of a request's body for the retries and the mirror of `x-tollgate-upstream`; requests with
        /// longer bodies are neither sent again nor mirrored.
        replay_body_bytes_max: u64 = 65_536 => Facts::bytes(0, 64 << 20);
        /// The most copies of requests that are on their way to mirrors at a time, for each shard; more are dropped.
        mirrors_max: u32 = 64 => Facts::count(0, 100_000);
        /// The shortest time that a resolved name is believed, even if its record says less.
        dns_ttl_min_ms: u64 = 1_000 => Facts::milliseconds(0, DAY_MS);
        /// The longest time that a resolved name is believed, even if its record says more.
        dns_ttl_max_ms: u64 = 60_000 => Facts::milliseconds(1, DAY_MS);
        /// How long a name may take to resolve.
        dns_timeout_ms: u64 = 5_000 => Facts::milliseconds(1, HOUR_MS);
        /// What a deploy does about a backend whose name does not resolve: `refuse` it, or `warn` and answer 502.
        unresolved: Unresolved = Unresolved::Refuse => Facts::plain();
    }

    /// JSON Web Tokens, and the keys that they are verified with. Keys are fetched beside the requests, which never wait for
    /// them: a token whose key is not there is refused.
    jwt: Jwt {
        /// The longest token; a longer one is refused.
        token_bytes_max: u64 = 8_192 => Facts::bytes(256, 1 << 20);
        /// By how much an issuer's clock may be off: for so long `exp` may have passed, and `nbf` and `iat` be to come.
        leeway_s: u32 = 0 => Facts::count(0, 3_600).aws("not said");
        /// How often an issuer's keys are fetched, where its answer has no `Cache-Control`.
        refresh_ms: u64 = 300_000 => Facts::milliseconds(1_000, DAY_MS).aws("up to 7200000");
        /// The shortest time that keys are used, even if `Cache-Control` says less.
        refresh_min_ms: u64 = 60_000 => Facts::milliseconds(1_000, DAY_MS);
        /// The longest time that keys are used, even if `Cache-Control` says more.
        refresh_max_ms: u64 = 7_200_000 => Facts::milliseconds(1_000, DAY_MS).aws("7200000");
        /// How soon after a fetch keys are fetched again because a token has a key that is not among them. Whatever tokens
        /// come, an issuer is asked no oftener than this.
        early_refresh_ms: u64 = 30_000 => Facts::milliseconds(1_000, DAY_MS);
        /// For how long keys are used that cannot be fetched again; then the issuer's tokens are refused.
        stale_ms: u64 = 86_400_000 => Facts::milliseconds(0, 30 * DAY_MS);
        /// How long an issuer may take for its document, and again for its keys.
        fetch_timeout_ms: u64 = 1_500 => Facts::milliseconds(1, 60_000).aws("1500").parity(1_500);
        /// The largest document with an issuer's keys; of a larger one no key is used.
        key_set_bytes_max: u64 = 150_000 => Facts::bytes(1_024, 16 << 20).aws("150000").parity(150_000);
        /// The most keys in such a document; of more, no key is used.
        keys_max: u32 = 100 => Facts::count(1, 10_000);
        /// The most issuers whose keys are fetched; the tokens of those beyond are refused.
        sources_max: u32 = 1_000 => Facts::count(0, 100_000);
        /// Fetch keys without TLS where an address begins with `http://`, from other machines too. Whoever is on the way can
        /// say then whose tokens are good.
        insecure_http: bool = false => Facts::plain().aws("no");
        /// Where Amazon Cognito's user pools are, for tests with something that stands in for it: an address such as
        /// `http://127.0.0.1:9229`. Tokens may have it as their issuer then, or AWS's.
        cognito_endpoint: Option<String> = None => Facts::text(HTTP_ADDRESS).aws("https://cognito-idp.{region}.amazonaws.com");
    }

    /// Answers of APIs with a `minimumCompressionSize`, and compressed requests.
    compression: Compression {
        /// How hard answers are compressed: 1 is the fastest, 9 the smallest. 2 makes JSON some 10 % longer than 4, in
        /// less than half the time.
        level: u32 = 2 => Facts::count(1, 9);
        /// The most answers that are being compressed at a time, for each shard, with 380 KB each; one more is sent
        /// as it is.
        concurrent_max: u32 = 256 => Facts::count(0, 100_000);
        /// How many times as long as it came a body may get that is decompressed, once it is longer than 1 MiB; a body
        /// beyond that, or beyond `limits.body_bytes_max`, is answered 413.
        request_ratio_max: u32 = 200 => Facts::count(1, 1_100);
    }

    /// Answers that stages with a `cacheClusterEnabled` keep and give again.
    cache: Cache {
        /// The memory of each shard for kept answers. The stages that keep any share it equally, each up to its
        /// `cacheClusterSize` over all shards. As much again may be on its way into it.
        shard_bytes_max: u64 = 67_108_864
            => Facts::bytes(1 << 20, 1024 * GIB).aws("the stage's cacheClusterSize, 0.5 to 237 GB");
        /// How long a request waits for the answer that another is asking the backend for already; then it asks too.
        wait_ms: u64 = 5_000 => Facts::milliseconds(0, HOUR_MS);
        /// Tell clients by `X-Cache` whether an answer was kept: `HIT`, `STALE`, `MISS` or `REFRESH`.
        header: bool = false => Facts::plain().aws("no");
    }

    /// Those who decide who may call: Lambda authorizers and others.
    authorizers: Authorizers {
        /// The memory of each shard for what they have decided.
        shard_bytes_max: u64 = 16_777_216 => Facts::bytes(1 << 20, 64 * GIB).aws("as much as there is");
        /// How long an authorizer may take; then the request is answered 500.
        timeout_ms: u64 = 10_000 => Facts::milliseconds(50, HOUR_MS).aws("10 s");
        /// The longest answer of an authorizer; a longer one decides nothing, and the request is answered 500.
        answer_bytes_max: u64 = 65_536 => Facts::bytes(1024, 16 << 20).aws("8 KB");
    }

    /// The management API on the admin listener, for AWS's tools, and who may use it. With access keys or tokens, everything
    /// there demands one but `/`, `/healthz`, `/readyz`, `/metrics` and `/openapi.json`.
    management: Management {
        /// The region of calls that come with a token, which unlike a signature names none.
        region: String = "us-east-1".to_owned() => Facts::text(REGION);
        /// Access keys, with which AWS's tools sign (SigV4). A key with the scope `read-only` changes nothing. `tollgate
        /// config` shows no secret.
        access_keys: Vec<AccessKey> = Vec::new() => Facts::plain().aws("IAM's");
        /// Tokens for `Authorization: Bearer`, for the tools that do not sign. The names stand in the audit log.
        tokens: Vec<AccessToken> = Vec::new() => Facts::plain();
        /// How far the time of a signature may be from now, either way.
        clock_skew_ms: u64 = 300_000 => Facts::milliseconds(1_000, DAY_MS).aws("300000");
        /// The largest document that a call may import.
        definition_bytes_max: u64 = 67_108_864
            => Facts::bytes(1_024, GIB).aws("6291456").parity(6_291_456);
        /// The largest backup that `/restore` takes; it is in memory while it is restored.
        backup_bytes_max: u64 = 4_294_967_296 => Facts::bytes(1_024, 1024 * GIB);
        /// A line of JSON for each call that changes something, and for those that are refused for who made them: `log` is the
        /// gateway's own log, at whatever level but `off`; a file is opened again on SIGHUP.
        audit_log: AuditDestination = AuditDestination::Log => Facts::plain().aws("CloudTrail");
        /// Answer `/reset`, which forgets every API that the management API made: for tests only.
        reset: bool = false => Facts::plain();
        /// What a deployment does about things that this version cannot serve: `refuse` it, or `deny`, deploy it and answer 500
        /// on the methods concerned.
        unsupported: Unsupported = Unsupported::Refuse => Facts::plain();
    }

    /// IAM users, who may call methods with the authorization type `AWS_IAM` by signing their requests (SigV4, service
    /// `execute-api`). They have nothing to do with `management.access_keys`.
    iam: Iam {
        /// The users: a name, an access key with its secret (or `secret_file`), for temporary credentials also
        /// `session_token` (or `session_token_file`), an `arn` where it is not that of the user of that name in
        /// `account_id`, a `user_id`, and identity `policies`: documents, or paths of their files. `tollgate config` shows no
        /// secret.
        users: Vec<IamUser> = Vec::new() => Facts::plain().aws("IAM's");
        /// A file with more of them, as a list `users`; in TOML, YAML or JSON. A reload reads it again.
        users_file: Option<PathBuf> = None => Facts::plain();
        /// The largest such file.
        users_file_bytes_max: u64 = 67_108_864 => Facts::bytes(1_024, GIB);
        /// The most users, in the settings and in the file.
        users_max: u32 = 100_000 => Facts::count(1, 10_000_000).aws("5000 in an account");
        /// The largest policy document.
        policy_bytes_max: u64 = 20_480 => Facts::bytes(256, 1 << 20).aws("2048 of inline policies, 6144 of a managed one");
        /// How far the time of a signature may be from now, either way.
        clock_skew_ms: u64 = 300_000 => Facts::milliseconds(1_000, DAY_MS).aws("300000");
        /// For how many access keys each shard keeps the key that it has derived of a secret for the day, 400 bytes each:
        /// whoever calls again is verified in half the time.
        signing_keys_max: u32 = 16_384 => Facts::count(1, 10_000_000);
    }

    /// Users who show a password, for authorizers of the type `basic`.
    basic_auth: BasicAuth {
        /// The users: a name, and a password as `secret` or in a `secret_file`. `tollgate config` shows no password.
        users: Vec<BasicUser> = Vec::new() => Facts::plain();
        /// A file with more of them, as a list `users`; in TOML, YAML or JSON. A reload reads it again.
        users_file: Option<PathBuf> = None => Facts::plain();
        /// The largest such file.
        users_file_bytes_max: u64 = 16_777_216 => Facts::bytes(1_024, GIB);
        /// The most users, in the settings and in the file.
        users_max: u32 = 10_000 => Facts::count(1, 10_000_000);
    }

    /// AWS's services as backends: integrations of the types `AWS` and `AWS_PROXY`.
    aws: Aws {
        /// Where the credentials come from with which requests to services are signed: nowhere (`off`), the environment and
        /// the profile's files (`local`), STS for a token in a file (`web-identity`), the endpoint that ECS and EKS give a
        /// container (`container`), EC2's metadata service (`imds`), or the first of all these that is there (`auto`). Nobody
        /// is asked for any before a method needs them. Profiles with `credential_process`, `sso_session` or
        /// `credential_source` are refused.
        credentials: CredentialsSource = CredentialsSource::Local => Facts::plain().aws("a role that API Gateway assumes");
        /// The profile of the shared files (`~/.aws/config`, `~/.aws/credentials`). Not set, it is that of `AWS_PROFILE`, or
        /// `default`.
        profile: Option<String> = None => Facts::text(PROFILE);
        /// The region whose STS is asked. Not set, it is that of `AWS_REGION`, of `AWS_DEFAULT_REGION` or of the profile, or
        /// `us-east-1`.
        region: Option<String> = None => Facts::text(REGION);
        /// Where services are, by their names in the integrations' URIs, with the subdomain where a URI has one. Those that
        /// are not here are where AWS has them: `https://sqs.eu-west-1.amazonaws.com`.
        endpoints: ServiceEndpoints = ServiceEndpoints::default() => Facts::plain();
        /// How long one request for credentials may take.
        credentials_timeout_ms: u64 = 5_000 => Facts::milliseconds(10, HOUR_MS);
    }

    /// The function host: functions that were written for AWS Lambda, run here (docs/functions.md). It starts where there are
    /// functions in `list` or in `data`, or with `enabled`.
    functions: Functions {
        /// The functions, each a table: `name`, `runtime` or `command`, `code` (a folder or a zip file), `handler`,
        /// `environment`, `memory_mb`, `timeout_s`, `reserved_concurrency`, `processes_min`, `processes_max`, `idle_s`,
        /// `aliases`, `description`.
        list: Vec<Configured> = Vec::new() => Facts::plain();
        /// Start the host without any functions yet, for those that its control API makes.
        enabled: bool = false => Facts::plain();
        /// The address of Lambda's Invoke API and control API. Without `management.access_keys` and `management.tokens`,
        /// loopback only. From this machine anybody may invoke; what changes functions demands credentials where there are
        /// any, and else a process of root or of the gateway's own user.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9002)) => Facts::plain();
        /// Who functions run as, if the gateway runs as root: `auto` gives each process a user of its own, from `uid_first`
        /// on; a name is one user for all. If it does not, they run as the gateway does.
        user: String = "auto".to_owned() => Facts::text(USER);
        /// The first of the user ids that `auto` takes, as many as `processes_max`. Nobody else should have them.
        uid_first: u32 = 61_184 => Facts::count(1, 4_000_000_000);
        /// The interpreter of Python functions, which has `awslambdaric`.
        python: String = "python3".to_owned() => Facts::text(PROGRAM);
        /// The interpreter of Node functions.
        node: String = "node".to_owned() => Facts::text(PROGRAM);
        /// Where the folder is made in which code is unpacked and functions have their temporary files. Not set: the
        /// system's folder for temporary files.
        run_folder: Option<PathBuf> = None => Facts::plain();
        /// A folder for the logs of functions, a file each. Not set: their latest lines are kept in memory only.
        log_folder: Option<PathBuf> = None => Facts::plain().aws("CloudWatch Logs");
        /// The most functions that there may be.
        functions_max: u32 = 1_000 => Facts::count(1, 100_000);
        /// The most processes of all functions together; an idle one makes place for one that is needed.
        processes_max: u32 = 64 => Facts::count(1, 100_000).aws("1000, the account's concurrency");
        /// The most processes of a function that does not say it itself.
        function_processes_max: u32 = 8 => Facts::count(1, 100_000);
        /// How long a process may be idle before it is ended, of a function that does not say it itself.
        idle_ms: u64 = 300_000 => Facts::milliseconds(1_000, DAY_MS);
        /// How long an invocation waits for one of the processes that there are before another is started.
        scale_after_ms: u64 = 5 => Facts::milliseconds(0, HOUR_MS).aws("0");
        /// The most invocations of a function that wait for a process; one more is answered 429.
        waiting_max: u32 = 1_000 => Facts::count(0, 1_000_000).aws("0");
        /// The most that the payloads of all invocations have together that run or wait; what comes on top is answered 429.
        payload_bytes_max: u64 = 268_435_456 => Facts::bytes(1 << 20, 1024 * GIB);
        /// How long a process may take until it asks for its first invocation.
        init_timeout_ms: u64 = 10_000 => Facts::milliseconds(100, HOUR_MS).aws("10000");
        /// The largest payload of an invocation; a larger one is answered 413.
        request_bytes_max: u64 = 6_291_456 => Facts::bytes(1_024, GIB).aws("6291456").parity(6_291_456);
        /// The largest payload of an asynchronous invocation.
        event_bytes_max: u64 = 1_048_576 => Facts::bytes(1_024, GIB).aws("1048576").parity(1_048_576);
        /// The largest answer of a function that does not stream it.
        response_bytes_max: u64 = 6_291_556 => Facts::bytes(1_024, GIB).aws("6291556").parity(6_291_556);
        /// The largest answer that streams.
        stream_bytes_max: u64 = 209_715_200 => Facts::bytes(1_024, 1024 * GIB).aws("209715200").parity(209_715_200);
        /// The most asynchronous invocations that are not done yet; one more is answered 429. They are in memory.
        events_max: u32 = 10_000 => Facts::count(0, 1_000_000);
        /// The pause before an asynchronous invocation that failed is tried again; the second time it is twice as long.
        event_retry_ms: u64 = 60_000 => Facts::milliseconds(1, HOUR_MS).aws("60000");
        /// What is kept in memory of each function's log.
        log_bytes_max: u64 = 262_144 => Facts::bytes(1_024, GIB);
        /// How large the file of a log becomes before it is renamed to `NAME.log.1`, in place of the one before.
        log_file_bytes_max: u64 = 10_485_760 => Facts::bytes(65_536, 1024 * GIB);
        /// The largest zip file of a function.
        zip_bytes_max: u64 = 52_428_800 => Facts::bytes(1_024, 4 * GIB).aws("52428800").parity(52_428_800);
        /// The most that a zip file unpacks to.
        code_bytes_max: u64 = 262_144_000 => Facts::bytes(1_024, 1024 * GIB).aws("262144000").parity(262_144_000);
    }

    /// Lambda functions as backends: integrations of the types `AWS_PROXY` and `AWS`.
    lambda: Lambda {
        /// Functions that are elsewhere, by name: a `url` where Lambda's Invoke API is spoken (the runtime interface emulator,
        /// another gateway's function host, `https://lambda.eu-west-1.amazonaws.com`), the function's `name` there if it is
        /// another (the emulator calls every function `function`), and `signed` where requests have to be.
        targets: FunctionTargets = FunctionTargets::default() => Facts::plain().aws("the function's ARN");
        /// The largest event that a function is invoked with; a request that makes a larger one is answered 413.
        event_bytes_max: u64 = 6_291_456 => Facts::bytes(1_024, GIB).aws("6291456 (answered 413)").parity(6_291_456);
        /// The largest answer of a function that is not streamed; a larger one is answered 502.
        answer_bytes_max: u64 = 6_291_556 => Facts::bytes(1_024, GIB).aws("6291556 (answered 502)").parity(6_291_556);
    }

    /// What a backend learns of the client, and of the gateway.
    forwarding: Forwarding {
        /// The networks of proxies in front of this gateway, whose `X-Forwarded-For`, `X-Forwarded-Proto`,
        /// `X-Forwarded-Port` and `Forwarded` are believed. From everyone else these fields are replaced.
        trusted_proxies: Vec<IpNet> = Vec::new() => Facts::plain();
        /// Send `Forwarded` (RFC 7239) to backends, beside the `X-Forwarded-` fields.
        forwarded_header: bool = false => Facts::plain().aws("only for HTTP APIs");
        /// Send `Via` to backends.
        via: bool = true => Facts::plain();
        /// The gateway's name in `Via`.
        via_name: String = "tollgate".to_owned() => Facts::text(VIA_NAME);
        /// What happens to a request with a field such as `X_Forwarded_For`, which some backends read as
        /// `X-Forwarded-For`: `refuse` answers 400, `drop` leaves the field out.
        underscore_twins: UnderscoreTwins = UnderscoreTwins::Refuse => Facts::plain();
    }

    /// Which clients come from which VPC: what policies ask for by `aws:SourceVpc` and `aws:SourceVpce`.
    vpc: Vpc {
        /// VPC endpoints, each with the networks whose requests count as having come through it. Of networks that overlap, the
        /// narrowest counts. The client's address is `$context.identity.sourceIp`.
        endpoints: Vec<VpcEndpoint> = Vec::new() => Facts::plain().aws("the endpoint that a request came through");
    }

    /// One line for each request.
    access_log: AccessLog {
        /// How a line looks: `json`, which docs/access-log.md describes, or a format as API Gateway has them, text with
        /// `$context` variables. A stage's own (`x-tollgate-access-log-format`) is stronger.
        format: String = "json".to_owned() => Facts::text(LOG_FORMAT).aws("a stage's `accessLogSettings.format`");
        /// `stdout`, `off`, or the path of a file, which is opened again on SIGHUP.
        destination: LogDestination = LogDestination::Stdout => Facts::plain();
        /// The most that waits to be written, in all shards together; what comes on top is dropped and counted.
        buffer_bytes_max: u64 = 8_388_608 => Facts::bytes(65_536, GIB);
        /// The longest time that a line waits for more before it is written.
        flush_ms: u64 = 1_000 => Facts::milliseconds(1, 60_000);
    }

    /// The gateway's own log, on standard error.
    log: Log {
        /// The least serious messages that are written.
        level: LogLevel = LogLevel::Info => Facts::plain();
    }

    /// What SIGTERM does: not ready, wait, close the listeners, let requests finish, exit.
    shutdown: Shutdown {
        /// The time between turning not ready and closing the listeners. 5000 or so behind a load balancer, which
        /// needs that long to notice.
        delay_ms: u64 = 0 => Facts::milliseconds(0, HOUR_MS);
        /// How long requests may take to finish after that; then their connections are closed.
        drain_timeout_ms: u64 = 30_000 => Facts::milliseconds(0, DAY_MS);
    }

    /// How shards use the machine.
    runtime: Runtime {
        /// Bind each shard to one CPU.
        pin: bool = true => Facts::plain();
        /// The size of each shard's submission queue, rounded up to a power of two; io_uring only.
        ring_entries: u32 = 1_024 => Facts::count(64, 32_768);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kind::Context;
    use crate::config::value::{Entry, Node, Value};
    use std::collections::HashSet;

    /// A default as a settings file would have it.
    fn node(value: serde_json::Value) -> Node {
        let value = match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::Number(value) => {
                Value::Integer(value.as_i64().expect("no default is above i64") as i128)
            }
            serde_json::Value::String(value) => Value::Text(value),
            serde_json::Value::Array(items) => Value::List(items.into_iter().map(node).collect()),
            serde_json::Value::Object(entries) => Value::Table(
                entries.into_iter().map(|(key, value)| Entry { key, place: None, node: node(value) }).collect(),
            ),
        };
        Node { value, place: None }
    }

    #[test]
    fn every_default_is_allowed() {
        for setting in SETTINGS {
            let shown = (setting.show)(&Config::default());
            if shown.is_null() {
                continue;
            }
            let mut config = Config::default();
            let read = (setting.set)(&mut config, &node(shown), Context { facts: &setting.facts, base: None });
            assert_eq!(read, Ok(()), "{}", setting.key);
            assert_eq!(config, Config::default(), "{}", setting.key);
        }
    }

    #[test]
    fn every_value_of_parity_is_allowed() {
        for (setting, value) in SETTINGS.iter().filter_map(|setting| setting.facts.parity.map(|value| (setting, value)))
        {
            let node = Node { value: Value::Integer(value.into()), place: None };
            let read = (setting.set)(&mut Config::default(), &node, Context { facts: &setting.facts, base: None });
            assert_eq!(read, Ok(()), "{}", setting.key);
            assert!(setting.facts.aws.is_some(), "{}", setting.key);
        }
    }

    #[test]
    fn names_are_unique_and_say_their_unit() {
        let mut names = HashSet::new();
        for setting in SETTINGS {
            assert!(names.insert(setting.environment()), "two settings share {}", setting.environment());
            let suffix = match setting.facts.unit {
                crate::config::kind::Unit::Milliseconds => "_ms",
                crate::config::kind::Unit::Bytes => "_bytes_max",
                crate::config::kind::Unit::BytesPerSecond => "_bytes_per_second_min",
                crate::config::kind::Unit::None => "",
            };
            assert!(setting.key.ends_with(suffix), "{} should end in {suffix}", setting.key);
        }
    }
}
