//! ONE REQUEST FROM START TO END. Read this file first.
//!
//! [`begin`] runs from the bytes of a head to the point where the exchange has to wait for somebody else; it is one plain
//! function, so that nothing of the request has to outlive the buffer that it was read into. An integration that
//! waits ([`super::integrate::http`]) goes on from there. However an exchange ends, [`Exchange::conclude`] is called once.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use crate::http::coding::Coding;
use crate::http::head::{self, FieldSpace, Framing, HeadError, RequestHead};
use crate::http::target::{self, Target};
use crate::limit;
use crate::net::tls::VerifiedClient;
use crate::plan::access_log::LogFormat;
use crate::plan::clients::Caller;
use crate::plan::integration::Integration;
use crate::plan::route::PathParameters;
use crate::plan::validation::{ValidatedParts, Validator};
use crate::plan::{MethodIndex, MethodPlan, StageIndex, StagePlan};
use crate::stats::Counter;

use super::access_log::{Outcome, begin_line};
use super::admit::{self, Admission, Admitted};
use super::authorize::ask::Question;
use super::authorize::{Asking, Permission, Proof, Refused};
use super::body::{BodyError, Incoming, Outgoing};
use super::cache::filling::Caching;
use super::cache::{self, Entered, Turn};
use super::compress::{Asked, asked, compress_whole, request_coding};
use super::connection::{Connection, Ending};
use super::context::{Facts, RequestIds};
use super::forwarding::{Client, Inbound, source_ip};
use super::identity::Authorized;
use super::integrate::http::Forward;
use super::integrate::mapped::{Collect, WholeRequest};
use super::integrate::mock;
use super::live::Live;
use super::request_parts::{PartsOf, RequestParts};
use super::respond::{ErrorDetail, GatewayError, Persistence, write_error};
use super::shard::Shard;

/// How far [`begin`] came.
pub enum Begun {
    /// There is no whole head in the buffer.
    Incomplete,
    /// The answer is in [`Connection::out`]. Of `body`, the rest has yet to be read and forgotten.
    Answered { ending: Ending, body: Incoming },
    /// An authorizer has to be asked first: the head stays in the buffer.
    Ask(Box<(Question, RequestIds)>),
    /// Somebody else has to be asked.
    Forward(Box<Forward>),
    /// The integration takes the body whole.
    Collect(Box<Collect>),
}

/// What stays of a request when its bytes are gone.
pub struct Exchange {
    pub live: Rc<Live>,
    /// The stage, also where it has no such method.
    selected: Option<StageIndex>,
    pub found: Option<(StageIndex, MethodIndex)>,
    /// Of a method that demands an API key.
    pub caller: Option<Caller>,
    /// Of a method that demands authorization.
    pub authorized: Option<Authorized>,
    /// What is left to prove of its signature when its body is there. Nothing is done for it before, and nobody is named.
    pub proof: Option<Box<Proof>>,
    pub ids: RequestIds,
    pub started: Instant,
    pub minor: u8,
    pub to_head_request: bool,
    /// The client can take another answer on this connection.
    pub keep_alive: bool,
    /// Who the connection's client has proved to be by a certificate.
    verified: Option<Rc<VerifiedClient>>,
    /// How its answer may be compressed.
    pub compress: Option<Asked>,
    /// What the stage's cache has to do with it, while the integration is asked.
    pub cache: Option<Box<Caching>>,
    /// Nobody waits for its answer but the cache: it is neither counted nor logged.
    unseen: bool,
    /// Whether an answer with a status that is worth it is asked for once more.
    pub retries_left: Cell<bool>,
    /// What rules of concurrency count it as, until it has ended.
    under_way: Vec<limit::Entered>,
    remembered: Remembered,
    request_parts: RequestParts,
    line: Option<Vec<u8>>,
    /// For the log: what went wrong, with its place.
    pub note: Option<String>,
    /// What there is to say of an error beyond its kind.
    pub detail: Option<Box<ErrorDetail>>,
    /// For the log: what the gateway answered instead of the integration.
    pub gateway_error: Cell<Option<GatewayError>>,
    /// For the log: what the integration answered.
    pub integration_status: Cell<Option<u16>>,
    /// For the log: the status that a function said, where the integration was Lambda.
    pub function_status: Cell<Option<u16>>,
}

/// What the request said of itself: one text for all, since every forwarded request has it made.
#[derive(Default)]
struct Remembered {
    text: Vec<u8>,
    /// Where method, path, source address, user agent, host and API key end.
    ends: [u32; 6],
    base_path_bytes: u32,
}

impl Remembered {
    fn new(facts: &Facts<'_>) -> Remembered {
        let parts: [&[u8]; 6] = [
            facts.http_method.as_bytes(),
            facts.path.as_bytes(),
            facts.source_ip.as_bytes(),
            facts.user_agent,
            facts.host.as_bytes(),
            facts.api_key.map_or(b"", |api_key| api_key.value),
        ];
        let mut text = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        let ends = parts.map(|part| {
            text.extend_from_slice(part);
            text.len() as u32
        });
        Remembered { text, ends, base_path_bytes: facts.base_path_bytes as u32 }
    }

    fn note_api_key(&mut self, api_key: &[u8]) {
        let [.., host_end, end] = &mut self.ends;
        self.text.truncate(*host_end as usize);
        self.text.extend_from_slice(api_key);
        *end = self.text.len() as u32;
    }

    fn part(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start as usize..self.ends[index] as usize]
    }

    /// For the parts that came from a `str`.
    fn text(&self, index: usize) -> &str {
        std::str::from_utf8(self.part(index)).unwrap_or("")
    }
}

impl Exchange {
    pub fn stage(&self) -> Option<&StagePlan> {
        self.found.map(|(stage, _)| self.live.plan.stage(stage))
    }

    pub fn method(&self) -> Option<&MethodPlan> {
        self.found.map(|(stage, method)| self.live.plan.stage(stage).method(method))
    }

    /// Whether whoever is asked gives no body: by the method that it is asked with, which need not be the client's.
    pub fn asks_for_head(&self) -> bool {
        let fixed = match self.method().map(|method| &method.integration) {
            Some(Integration::Http(http)) => http.http_method.as_deref(),
            _ => None,
        };
        fixed.map_or(self.to_head_request, |fixed| fixed == "HEAD")
    }

    /// What `$context` says after the request's bytes are gone.
    pub fn facts<'e>(&'e self, shard: &'e Shard) -> Facts<'e> {
        Facts {
            account_id: &shard.settings.account_id,
            ids: &self.ids,
            stage: self.stage(),
            method: self.method(),
            http_method: if self.to_head_request { "HEAD" } else { self.remembered.text(0) },
            path: self.remembered.text(1),
            base_path_bytes: self.remembered.base_path_bytes as usize,
            minor: self.minor,
            source_ip: self.remembered.text(2),
            user_agent: self.remembered.part(3),
            host: self.remembered.text(4),
            time_ms: shard.unix_ms(self.started),
            error: None,
            request_parts: Some(&self.request_parts),
            api_key: admit::api_key_facts(shard, self.caller.as_ref(), self.remembered.part(5)),
            authorized: self.authorized.as_ref(),
            client_certificate: self.verified.as_ref().map(|verified| &verified.certificate),
        }
    }

    /// Who has called is known only now, with the whole of the request.
    pub fn identify(&mut self, authorized: Authorized, shard: &Shard) {
        self.authorized = Some(authorized);
        self.begin_line_anew(shard);
    }

    /// Counts a request, whose proof was waited for, where it counts. Before, it would have been for whoever knows the id of an
    /// access key to use up what others may ask for.
    ///
    /// # Errors
    /// It may not go on; why, stands in `detail`.
    pub fn admit(&mut self, head: &RequestHead<'_, '_>, client: &Client, shard: &Shard) -> Result<(), GatewayError> {
        let Some(found) = self.found else { return Ok(()) };
        let source_ip = source_ip(head, client, &shard.settings.forwarding).unwrap_or(client.address);
        let (live, authorized) = (Rc::clone(&self.live), self.authorized.clone());
        let admitted = admit::admit(&live, found, head, authorized.as_ref(), source_ip, shard, Instant::now());
        if let Some(Admitted { caller, api_key }) = admitted.by_key {
            self.remembered.note_api_key(api_key);
            self.caller = Some(caller);
            self.begin_line_anew(shard);
        }
        match admitted.verdict {
            Ok(under_way) => {
                self.under_way = under_way;
                Ok(())
            }
            Err(refusal) => {
                self.detail = refusal.detail.map(Box::new);
                Err(refusal.error)
            }
        }
    }

    fn begin_line_anew(&mut self, shard: &Shard) {
        if let Some(mut line) = self.line.take() {
            line.clear();
            begin_line(self.log_format(shard), &self.facts(shard), &mut line);
            self.line = Some(line);
        }
    }

    pub fn persistence(&self) -> Persistence {
        match (self.keep_alive, self.minor) {
            (false, _) => Persistence::Close,
            (true, 0) => Persistence::KeepAlive,
            (true, _) => Persistence::Implied,
        }
    }

    fn log_format<'e>(&'e self, shard: &'e Shard) -> &'e LogFormat {
        log_format(&self.live, self.selected, shard)
    }

    pub fn ending(&self) -> Ending {
        if self.keep_alive { Ending::Continue } else { Ending::Close }
    }

    /// Counts and logs the exchange. Exactly once, whatever happened.
    pub fn conclude(self, shard: &Shard, ended: Ended) {
        if let Some(trace) = &shard.trace {
            trace.ended(&self, &ended);
        }
        let total_us = self.started.elapsed().as_micros() as u64;
        if let Some((stage, method)) = self.found.filter(|_| !self.unseen) {
            self.live.block.record(stage.0 as usize, method.0 as usize, ended.status);
            self.live.block.latency(stage.0 as usize, total_us, ended.integration_us);
        }
        if let Some(line) = self.line {
            let Ended { status, response_bytes, integration_us, error } = ended;
            let error = self.note.as_deref().or(error);
            let (gateway_error, integration_status) = (self.gateway_error.get(), self.integration_status.get());
            let function_status = self.function_status.get();
            let outcome = Outcome {
                status,
                response_bytes,
                total_us,
                integration_us,
                error,
                gateway_error,
                detail: self.detail.as_deref(),
                integration_status,
                function_status,
            };
            let format = log_format(&self.live, self.selected, shard);
            shard.count_log(shard.access_log.record(format, line, &outcome));
        }
        drop(self.under_way);
    }
}

/// The stage's, or the setting's. A line ends in the format that it began in.
fn log_format<'e>(live: &'e Live, selected: Option<StageIndex>, shard: &'e Shard) -> &'e LogFormat {
    let of_stage = selected.and_then(|stage| live.plan.stage(stage).access_log_format.as_ref());
    of_stage.unwrap_or(&shard.settings.access_log.format)
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub status: u16,
    pub response_bytes: u64,
    pub integration_us: Option<u64>,
    pub error: Option<&'static str>,
}

/// Takes one request from the connection's buffer and does all that can be done without waiting.
pub fn begin(connection: &mut Connection) -> Begun {
    if connection.buffer.is_empty() {
        return Begun::Incomplete;
    }
    let shard = Rc::clone(&connection.shard);
    let mut space = FieldSpace::new();
    // The bytes are done with before the connection is used again; the borrow checker wants them out of it meanwhile.
    let mut buffer = std::mem::replace(&mut connection.buffer, crate::net::buffer::Buffer::heap(0));
    let begun = match head::request(buffer.as_slice(), &shard.settings.head, &mut space) {
        Ok(None) => Ok(Begun::Incomplete),
        Err(error) => Err(refusal(error, &shard)),
        Ok(Some(head)) => {
            let (mut step, head_bytes, framing) = (route(&head, connection, &shard), head.bytes, head.framing);
            if let Step::Collect(collect) = &mut step {
                collect.request.head = buffer.as_slice()[..head_bytes].to_vec();
            }
            if !matches!(step, Step::Ask(_)) {
                buffer.consume(head_bytes);
            }
            Ok(match step {
                Step::Ask(question) => Begun::Ask(question),
                Step::Answered(ended) => answered(connection, &shard, &mut buffer, framing, ended),
                Step::Forward(forward) => forwarded(connection, &shard, &mut buffer, forward),
                Step::Collect(collect) => collected(connection, &shard, &mut buffer, collect),
            })
        }
    };
    connection.buffer = buffer;
    begun.unwrap_or_else(|error| {
        refuse(connection, error);
        Begun::Answered { ending: Ending::Close, body: Incoming::new(Framing::None, Outgoing::Discard, 0) }
    })
}

/// What the head alone leads to.
enum Step {
    Ask(Box<(Question, RequestIds)>),
    /// The answer is written.
    Answered(Box<(Exchange, Ended)>),
    Forward(Box<Forward>),
    Collect(Box<Collect>),
}

/// From a head to the integration: target, stage, method, the answer or the request to make.
fn route(head: &RequestHead<'_, '_>, connection: &mut Connection, shard: &Rc<Shard>) -> Step {
    let again = connection.refresh.take();
    let waited = connection.answered.take();
    let (started, ids) = match &waited {
        Some(waited) => (waited.started, waited.ids),
        None => (Instant::now(), shard.ids.ids()),
    };
    let earlier = again.as_ref().map(|again| (&again.live, again.stage));
    let earlier = earlier.or(waited.as_ref().map(|waited| (&waited.live, waited.stage)));
    let live = earlier.map_or_else(|| shard.live(), |(live, _)| Rc::clone(live));
    let released = earlier.map(|(_, stage)| stage);
    let unseen = again.is_some();
    connection.served += u64::from(waited.is_none());
    let requests_max = shard.settings.requests_per_connection_max;
    let last = shard.is_draining() || requests_max > 0 && connection.served >= requests_max;
    let mut exchange = Exchange {
        live: Rc::clone(&live),
        selected: None,
        found: None,
        caller: None,
        authorized: None,
        proof: None,
        ids,
        started,
        minor: head.minor,
        to_head_request: head.method == "HEAD",
        keep_alive: head.keep_alive && !last,
        verified: connection.client.verified.clone(),
        compress: None,
        cache: None,
        unseen,
        retries_left: Cell::new(false),
        under_way: Vec::new(),
        remembered: Remembered::default(),
        request_parts: RequestParts::default(),
        line: if unseen { None } else { shard.access_log.line() },
        note: None,
        detail: None,
        gateway_error: Cell::new(None),
        integration_status: Cell::new(None),
        function_status: Cell::new(None),
    };
    let mut scratch = String::new();
    let parsed = target::parse(head.target, &mut scratch);
    let target = parsed.unwrap_or(Target { authority: None, path: "", query: None });
    let forwarded_ip = source_ip(head, &connection.client, &shard.settings.forwarding);
    let forwarded_ip_text = forwarded_ip.map(ip_text);
    let mut facts = Facts {
        account_id: &shard.settings.account_id,
        ids: &ids,
        stage: None,
        method: None,
        http_method: head.method,
        path: target.path,
        base_path_bytes: 0,
        minor: head.minor,
        source_ip: forwarded_ip_text.as_deref().unwrap_or(&connection.client.address_text),
        user_agent: head.user_agent.unwrap_or(b""),
        host: target.authority.or(head.host).unwrap_or(""),
        time_ms: shard.unix_ms(started),
        error: None,
        request_parts: None,
        api_key: None,
        authorized: None,
        client_certificate: connection.client.verified.as_ref().map(|verified| &verified.certificate),
    };
    let mark = connection.client.verified.as_ref().and_then(|verified| verified.domain.as_deref());
    let found = if parsed.is_err() {
        Err(GatewayError::BadRequest)
    } else if !live.plan.selector.admits(facts.host.as_bytes(), mark) {
        Err(GatewayError::NoClientCertificate)
    } else {
        find(&live, shard, released, &mut facts, &mut exchange.selected)
    };
    exchange.found = found.as_ref().ok().map(|found| (found.stage, found.method));
    let source_ip = forwarded_ip.unwrap_or(connection.client.address);
    let authorized = match (&found, &again) {
        // Who asked first was allowed to.
        (Ok(_), Some(again)) => Ok((again.authorized.clone(), None)),
        (Ok(found), None) if Asking::is_needed(live.plan.stage(found.stage), found.method, shard) => {
            let inbound = found.inbound(head, &target, &facts, &connection.client, shard);
            let asking = Asking {
                live: &live,
                stage: found.stage,
                method: found.method,
                inbound: &inbound,
                source_ip,
                started,
                answered: waited.as_deref(),
                shard,
            };
            match asking.decide() {
                Permission::Granted(authorized, proof) => Ok((authorized, proof)),
                Permission::Refused(refused) => Err(refused),
                Permission::Ask(question) => return Step::Ask(Box::new((question, ids))),
            }
        }
        (Ok(_) | Err(_), _) => Ok((None, None)),
    };
    let (authorized, refused) = match authorized {
        Ok((authorized, proof)) => {
            exchange.proof = proof;
            (authorized, None)
        }
        Err(refused) => (None, Some(refused)),
    };
    exchange.authorized = authorized.clone();
    facts.authorized = authorized.as_ref();
    let admitted = match exchange.found {
        // Who asked has been charged for it already.
        Some(found) if !unseen && refused.is_none() && !waits_for_body(&exchange) => {
            admit::admit(&live, found, head, authorized.as_ref(), source_ip, shard, started)
        }
        // A request that is made again is its caller's still.
        Some((stage, _)) => Admission::of_known(
            again.as_ref().and_then(|again| again.caller.clone()),
            admit::api_key(live.plan.stage(stage), head, authorized.as_ref()),
        ),
        None => Admission::free(),
    };
    let Admission { by_key, verdict } = admitted;
    let (admission, mut detail) = match verdict {
        Ok(under_way) => {
            exchange.under_way = under_way;
            (Ok(()), None)
        }
        Err(refusal) => (Err(refusal.error), refusal.detail),
    };
    let permission = match refused {
        None => Ok(()),
        Some(Refused { error, detail: of_refusal, note }) => {
            (detail, exchange.note) = (of_refusal.map(|detail| *detail), note);
            Err(error)
        }
    };
    let (caller, api_key) = match &by_key {
        Some(admitted) => (Some(&admitted.caller), admitted.api_key),
        None => (None, &b""[..]),
    };
    exchange.caller = caller.cloned();
    facts.api_key = admit::api_key_facts(shard, caller, api_key);
    exchange.compress = asked(facts.stage, head);
    if let Some(mut line) = exchange.line.take() {
        begin_line(exchange.log_format(shard), &facts, &mut line);
        exchange.line = Some(line);
    }
    // A client that was not told to continue may send the body or the next request: nobody can tell which.
    let unread = head.expects_continue && head.framing != Framing::None;
    let unasked = |method: &MethodPlan| {
        matches!(method.integration, Integration::Mock(_) | Integration::Denied(_)) && !method.needs_body()
    };
    exchange.keep_alive &= !(unread && exchange.method().is_some_and(unasked));
    let outcome = found.and_then(|found| {
        permission?;
        admission?;
        refuse_large(head.framing, shard)?;
        let path = &target.path[found.prefix_bytes..];
        if let Some(validator) = facts.method.and_then(|method| method.validator.as_deref()) {
            let query = target.query.unwrap_or("");
            let parts = ValidatedParts { path, path_parameters: &found.parameters, query };
            validate_parameters(validator, &parts, head, &mut detail)?;
        }
        let stage = live.plan.stage(found.stage);
        let needs_body = stage.method(found.method).needs_body();
        let coding = request_coding(head, stage, needs_body)?;
        let mut inbound = found.inbound(head, &target, &facts, &connection.client, shard);
        let cached = live.cached(found.stage, found.method, head.method);
        if let Some(again) = again {
            exchange.cache = Some(again.caching);
        } else if let Some(cached) = cached.filter(|_| head.framing == Framing::None && !validates_body(facts.method)) {
            match cache::enter(cached, &inbound, None, Turn::First, &exchange, shard, &mut connection.out)? {
                Entered::Answered(ended) => return Ok(Integrated::Answered(ended)),
                // It goes on waiting where its bytes are kept.
                Entered::Wait(_) => return Ok(Integrated::Collect(found, None)),
                Entered::Ask(caching) => exchange.cache = Some(caching),
            }
        }
        // A body is part of what is asked for: it has to be seen before the cache can be.
        if needs_body
            || exchange.proof.is_some()
            || coding.is_some()
            || cached.is_some() && head.framing != Framing::None
        {
            return Ok(Integrated::Collect(found, coding));
        }
        inbound.fills_cache = exchange.cache.as_ref().is_some_and(|caching| caching.fills());
        integrate(&inbound, &found, &exchange, shard, &mut connection.out)
    });
    let request_parts = || {
        let wanted = facts.stage.map_or(&[][..], |stage| &stage.gateway_responses.request_parts);
        let found = found.as_ref().ok().zip(facts.method);
        let found = found.map(|(found, method)| (method, &target.path[found.prefix_bytes..], &found.parameters));
        RequestParts::take(wanted, &PartsOf { head, target: &target, found })
    };
    match outcome {
        Ok(Integrated::Answered(ended)) => Step::Answered(Box::new((exchange, ended))),
        Ok(Integrated::Request { request, timeout_ms, chooses_template }) => {
            let accept = if chooses_template { mock::accepted_type(head) } else { None };
            if needs_facts_later(&exchange) {
                exchange.remembered = Remembered::new(&facts);
                exchange.request_parts = request_parts();
            }
            let body_bytes_max = shard.settings.body_bytes_max;
            Step::Forward(Box::new(Forward::new(exchange, head, request, timeout_ms, body_bytes_max, accept)))
        }
        Ok(Integrated::Collect(found, coding)) => {
            exchange.remembered = Remembered::new(&facts);
            exchange.request_parts = request_parts();
            let request = WholeRequest::new(found.parameters, found.prefix_bytes);
            Step::Collect(Box::new(Collect::new(exchange, head, request, coding, &shard.settings)))
        }
        Err(error) => {
            count_unrouted(error, shard);
            // Another handshake may let the client in.
            let ends = matches!(error, GatewayError::RequestTooLarge | GatewayError::NoClientCertificate);
            exchange.keep_alive &= parsed.is_ok() && !unread && !ends;
            exchange.gateway_error.set(Some(error));
            exchange.detail = detail.map(Box::new);
            if error == GatewayError::Configuration && exchange.note.is_none() {
                exchange.note = exchange.method().and_then(|method| method.integration.denied()).map(str::to_owned);
            }
            let before = connection.out.len();
            let request_parts = request_parts();
            let facts = Facts { request_parts: Some(&request_parts), ..facts };
            let (detail, date, persistence) = (exchange.detail.as_deref(), shard.date(), exchange.persistence());
            let status = write_error(error, detail, &facts, &date, persistence, &mut connection.out);
            compress_whole(exchange.compress, &shard.encoders, before, &mut connection.out);
            let ended = Ended {
                status,
                response_bytes: body_bytes(&connection.out[before..]),
                integration_us: None,
                error: Some(error.message()),
            };
            Step::Answered(Box::new((exchange, ended)))
        }
    }
}

/// Whether anybody may have sent it, until its body shows who has: it counts nowhere before.
pub fn waits_for_body(exchange: &Exchange) -> bool {
    exchange.proof.as_ref().is_some_and(|proof| !proof.is_declared())
}

fn validates_body(method: Option<&MethodPlan>) -> bool {
    method.is_some_and(MethodPlan::validates_body)
}

/// Whether `$context` can be asked for after the request's bytes are gone: by gateway responses of the stage, or by the
/// integration's responses.
fn needs_facts_later(exchange: &Exchange) -> bool {
    let responses = exchange.stage().is_some_and(|stage| !stage.gateway_responses.is_empty());
    let mapped =
        matches!(exchange.method().map(|method| &method.integration), Some(Integration::Http(http)) if !http.proxy);
    responses || mapped
}

/// Says in `detail` which parameters are missing.
fn validate_parameters(
    validator: &Validator,
    parts: &ValidatedParts<'_>,
    head: &RequestHead<'_, '_>,
    detail: &mut Option<ErrorDetail>,
) -> Result<(), GatewayError> {
    let fields = head.fields.iter().map(|field| (field.name, field.value));
    validator.parameters(parts, fields).map_err(|message| {
        *detail = Some(ErrorDetail::message(message));
        GatewayError::MissingParameters
    })
}

fn refuse_large(framing: Framing, shard: &Shard) -> Result<(), GatewayError> {
    match framing {
        Framing::Length(length) if length > shard.settings.body_bytes_max => {
            shard.recorder.count(Counter::BodyTooLarge);
            Err(GatewayError::RequestTooLarge)
        }
        _ => Ok(()),
    }
}

/// Where a request leads.
#[derive(Clone, Copy)]
struct Found {
    stage: StageIndex,
    method: MethodIndex,
    parameters: PathParameters,
    prefix_bytes: usize,
}

impl Found {
    fn inbound<'r>(
        &'r self,
        head: &'r RequestHead<'r, 'r>,
        target: &'r Target<'r>,
        facts: &'r Facts<'r>,
        client: &'r Client,
        shard: &'r Shard,
    ) -> Inbound<'r> {
        Inbound {
            head,
            target,
            path: &target.path[self.prefix_bytes..],
            parameters: &self.parameters,
            facts,
            client,
            settings: &shard.settings.forwarding,
            content_type: head.content_type,
            framing: head.framing,
            body: None,
            fills_cache: false,
        }
    }
}

/// The method for a request. The stage is noted in `facts` as soon as it is known: its gateway responses are for
/// requests that find no method, too.
fn find<'l>(
    live: &'l Live,
    shard: &Shard,
    released: Option<StageIndex>,
    facts: &mut Facts<'l>,
    selected: &mut Option<StageIndex>,
) -> Result<Found, GatewayError> {
    let selection = live.plan.selector.select(facts.host.as_bytes(), facts.path).ok_or(GatewayError::NoStage)?;
    let index = released.unwrap_or_else(|| live.plan.release(selection.stage, || shard.ids.draw()));
    *selected = Some(index);
    let stage = live.plan.stage(index);
    facts.stage = Some(stage);
    facts.base_path_bytes = selection.base_path_bytes;
    let path = &facts.path[selection.prefix_bytes..];
    let (method, parameters) = stage.routes.route(facts.http_method, path).ok_or(GatewayError::NoRoute)?;
    facts.method = Some(stage.method(method));
    Ok(Found { stage: index, method, parameters, prefix_bytes: selection.prefix_bytes })
}

/// What the integration makes of a request without waiting.
enum Integrated {
    Answered(Ended),
    Request {
        request: Vec<u8>,
        timeout_ms: u64,
        chooses_template: bool,
    },
    /// With the coding to free the body from.
    Collect(Found, Option<Coding>),
}

fn integrate(
    inbound: &Inbound<'_>,
    found: &Found,
    exchange: &Exchange,
    shard: &Shard,
    out: &mut Vec<u8>,
) -> Result<Integrated, GatewayError> {
    match &exchange.live.plan.stage(found.stage).method(found.method).integration {
        Integration::Denied(_) => Err(GatewayError::Configuration),
        // It takes the body whole: the exchange does not come here with it.
        Integration::Lambda(_) => Ok(Integrated::Collect(*found, None)),
        Integration::Mock(mock) => {
            let before = out.len();
            let status = mock::answer(mock, inbound, &shard.date(), exchange.persistence(), out)?;
            compress_whole(exchange.compress, &shard.encoders, before, out);
            let response_bytes = body_bytes(&out[before..]);
            Ok(Integrated::Answered(Ended { status, response_bytes, integration_us: None, error: None }))
        }
        Integration::Http(http) => {
            if inbound.has_refused_twin(&http.headers) {
                return Err(GatewayError::BadRequest);
            }
            let mut request = Vec::with_capacity(REQUEST_BYTES);
            let host_line = &exchange.live.upstream(found.stage, http.origin).host_line;
            inbound.write_head(http, host_line, &mut request)?;
            let timeout_ms = u64::from(http.timeout_ms);
            Ok(Integrated::Request { request, timeout_ms, chooses_template: !http.proxy })
        }
    }
}

/// What most requests fit into.
const REQUEST_BYTES: usize = 1024;

fn answered(
    connection: &mut Connection,
    shard: &Shard,
    buffer: &mut crate::net::buffer::Buffer,
    framing: Framing,
    answered: Box<(Exchange, Ended)>,
) -> Begun {
    let (exchange, ended) = *answered;
    let mut ending = exchange.ending();
    exchange.conclude(shard, ended);
    let too_large = matches!(framing, Framing::Length(length) if length > shard.settings.body_bytes_max);
    let mut body = Incoming::new(framing, Outgoing::Discard, shard.settings.body_bytes_max);
    if too_large || body.take(buffer, &mut connection.out).is_err() {
        ending = Ending::Close;
    }
    Begun::Answered { ending, body }
}

fn forwarded(
    connection: &mut Connection,
    shard: &Shard,
    buffer: &mut crate::net::buffer::Buffer,
    mut forward: Box<Forward>,
) -> Begun {
    let taken = forward.body.take(buffer, &mut forward.request);
    let Err(error) = taken else { return Begun::Forward(forward) };
    let error = body_refusal(error, shard);
    let mut exchange = forward.exchange;
    exchange.keep_alive = false;
    let (status, response_bytes) = answer_error(connection, &exchange, error);
    exchange.conclude(shard, Ended { status, response_bytes, integration_us: None, error: Some(error.message()) });
    Begun::Answered { ending: Ending::Close, body: Incoming::new(Framing::None, Outgoing::Discard, 0) }
}

fn collected(
    connection: &mut Connection,
    shard: &Shard,
    buffer: &mut crate::net::buffer::Buffer,
    mut collect: Box<Collect>,
) -> Begun {
    let Err(error) = collect.take(buffer, shard) else { return Begun::Collect(collect) };
    let mut exchange = collect.exchange;
    exchange.keep_alive = false;
    let (status, response_bytes) = answer_error(connection, &exchange, error);
    exchange.conclude(shard, Ended { status, response_bytes, integration_us: None, error: Some(error.message()) });
    Begun::Answered { ending: Ending::Close, body: Incoming::new(Framing::None, Outgoing::Discard, 0) }
}

pub fn body_refusal(error: BodyError, shard: &Shard) -> GatewayError {
    match error {
        BodyError::Malformed => GatewayError::BadRequest,
        BodyError::TooLarge => {
            shard.recorder.count(Counter::BodyTooLarge);
            GatewayError::RequestTooLarge
        }
    }
}

/// Writes the response for an error that came up after the request's head was gone, and returns its status and length.
pub fn answer_error(connection: &mut Connection, exchange: &Exchange, error: GatewayError) -> (u16, u64) {
    let shard = Rc::clone(&connection.shard);
    exchange.gateway_error.set(Some(error));
    let facts = exchange.facts(&shard);
    let before = connection.out.len();
    let (detail, persistence) = (exchange.detail.as_deref(), exchange.persistence());
    let status = write_error(error, detail, &facts, &shard.date(), persistence, &mut connection.out);
    compress_whole(exchange.compress, &shard.encoders, before, &mut connection.out);
    (status, body_bytes(&connection.out[before..]))
}

/// Answers what is no request: nothing of it is known, and nothing after it would be in step.
pub fn refuse(connection: &mut Connection, error: GatewayError) {
    let shard = Rc::clone(&connection.shard);
    let ids = shard.ids.ids();
    let mut exchange = Exchange {
        live: shard.live(),
        selected: None,
        found: None,
        caller: None,
        authorized: None,
        proof: None,
        ids,
        started: Instant::now(),
        minor: 1,
        to_head_request: false,
        keep_alive: false,
        verified: connection.client.verified.clone(),
        compress: None,
        cache: None,
        unseen: false,
        retries_left: Cell::new(false),
        under_way: Vec::new(),
        remembered: Remembered::default(),
        request_parts: RequestParts::default(),
        line: None,
        note: None,
        detail: None,
        gateway_error: Cell::new(None),
        integration_status: Cell::new(None),
        function_status: Cell::new(None),
    };
    let source_ip = &*connection.client.address_text;
    exchange.remembered = Remembered::new(&Facts { source_ip, ..exchange.facts(&shard) });
    exchange.line = shard.access_log.line().map(|mut line| {
        begin_line(exchange.log_format(&shard), &exchange.facts(&shard), &mut line);
        line
    });
    let (status, response_bytes) = answer_error(connection, &exchange, error);
    exchange.conclude(&shard, Ended { status, response_bytes, integration_us: None, error: Some(error.message()) });
}

fn refusal(error: HeadError, shard: &Shard) -> GatewayError {
    let (counter, error) = match error {
        HeadError::Malformed(_) => (Counter::UnroutedBadRequest, GatewayError::BadRequest),
        HeadError::Version => (Counter::UnroutedBadRequest, GatewayError::VersionNotSupported),
        HeadError::TargetTooLong => (Counter::UnroutedTargetTooLong, GatewayError::TargetTooLong),
        HeadError::HeaderTooLarge | HeadError::TooManyFields => {
            (Counter::UnroutedHeaderTooLarge, GatewayError::HeaderTooLarge)
        }
    };
    shard.recorder.count(counter);
    error
}

fn count_unrouted(error: GatewayError, shard: &Shard) {
    match error {
        GatewayError::NoStage => shard.recorder.count(Counter::UnroutedNoStage),
        GatewayError::NoClientCertificate => shard.recorder.count(Counter::UnroutedNoClientCertificate),
        GatewayError::NoRoute => shard.recorder.count(Counter::UnroutedNoRoute),
        GatewayError::BadRequest => shard.recorder.count(Counter::UnroutedBadRequest),
        _ => {}
    }
}

/// The length of the body of a response that was just written whole.
fn body_bytes(response: &[u8]) -> u64 {
    memchr::memmem::find(response, b"\r\n\r\n").map_or(0, |at| response.len() - at - 4) as u64
}

fn ip_text(address: IpAddr) -> String {
    address.to_string()
}
