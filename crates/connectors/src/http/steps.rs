//! Requests one after the other, each knowing the answers of those before it.
//!
//! A step whose `when` does not fit is left out. A list is read to its last page,
//! from the same host only: a page that lies elsewhere would carry our token there.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use cordon_model::action::{Json, Trouble, TroubleKind};
use serde_json::Map;

use super::definition::{Definition, Paging, Request};
use super::template::{Place, joined};
use super::wire::{FORM, Incoming, Outgoing, Wire, host_and_path};

/// So many pages are read of one list.
const PAGES: usize = 100;

/// What is needed to run requests.
#[derive(Clone, Copy)]
pub(super) struct Steps<'a> {
    pub(super) definition: &'a Definition,
    pub(super) wire: &'a Wire,
    pub(super) settings: &'a Json,
    /// Where writes are noted instead of being sent.
    pub(super) rehearsal: Option<&'a Mutex<Vec<String>>>,
}

impl Steps<'_> {
    /// Runs each request whose condition fits, and keeps its answer under its name.
    ///
    /// # Errors
    /// The first trouble; nothing after it is sent.
    pub(super) fn run(
        &self,
        requests: &[Request],
        scope: &mut Map<String, Json>,
        end: Instant,
    ) -> Result<(), Trouble> {
        for request in requests {
            let seen = Json::Object(scope.clone());
            if request.unless.any(&seen, &seen) || !request.when.all(&seen, &seen) {
                continue;
            }
            let answer = self.one(request, &seen, end)?;
            let Some(name) = &request.name else { continue };
            if let Some(tag) = answer.as_ref().and_then(|answer| answer.etag.clone())
                && let Some(tags) = scope.get_mut("etag").and_then(Json::as_object_mut)
            {
                tags.insert(name.clone(), tag.into());
            }
            scope.insert(name.clone(), answer.map_or(Json::Null, |answer| answer.body));
        }
        Ok(())
    }

    /// Runs one request; a list becomes all elements that count. `None` is a thing that does not exist.
    ///
    /// # Errors
    /// Trouble of the wire, or a template that lacks a value.
    pub(super) fn one(
        &self,
        request: &Request,
        scope: &Json,
        end: Instant,
    ) -> Result<Option<Incoming>, Trouble> {
        let mut out = self.fill(request, scope).map_err(|why| {
            Trouble::new(
                TroubleKind::Unsupported,
                format!("{}: {why}; nothing was sent", self.definition.title),
            )
        })?;
        if let (true, Some(lines)) = (out.writes, self.rehearsal) {
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(out.line());
            return Ok(Some(Incoming::default()));
        }
        let Some(list) = &request.list else {
            let answer = self.wire.send(&out, end)?;
            return Ok(answer.filter(|answer| request.only.all(&answer.body, scope)));
        };
        let mut elements = Vec::new();
        for _ in 0..PAGES {
            let Some(mut answer) = self.wire.send(&out, end)? else { return Ok(None) };
            let page = list.of(&answer.body);
            let page = page.as_array().into_iter().flatten();
            elements.extend(page.filter(|element| request.only.all(element, scope)).cloned());
            if !self.turn(&mut out, &answer)? {
                answer.body = Json::Array(elements);
                return Ok(Some(answer));
            }
        }
        let why = format!("{} has more than {PAGES} pages of it", self.definition.title);
        Err(Trouble::new(TroubleKind::Unsupported, why))
    }

    /// Makes the request for the next page, if there is one.
    fn turn(&self, out: &mut Outgoing, answer: &Incoming) -> Result<bool, Trouble> {
        let url = match &self.definition.paging {
            None => return Ok(false),
            Some(Paging::LinkHeader) => answer.link.clone(),
            Some(Paging::NextUrl { key }) => {
                answer.body.get(key).and_then(Json::as_str).map(str::to_owned)
            }
            Some(Paging::Marker { at, name }) => {
                let marker = at.text_of(&answer.body);
                return Ok(marker.is_some_and(|marker| out.set(name, &marker)));
            }
        };
        let Some(url) = url else { return Ok(false) };
        let origin = |url: &str| {
            let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_owned());
            (scheme, host_and_path(url).0.to_owned())
        };
        if origin(&url) != origin(&out.url) {
            let why = format!(
                "{} continues a list at another host, which is not followed",
                self.definition.title
            );
            return Err(Trouble::new(TroubleKind::Unsupported, why));
        }
        // The address is the vendor's own, query included.
        out.url = url;
        out.query.clear();
        Ok(true)
    }

    fn fill(&self, request: &Request, scope: &Json) -> Result<Outgoing, String> {
        let (method, path) = request.methods().next().ok_or("a request without a method")?;
        let base = self.definition.base.render(scope, Place::Plain)?;
        let url = format!("{}{}", base.trim_end_matches('/'), path.render(scope, Place::Segment)?);
        let mut query = Vec::new();
        for (name, value) in &request.query {
            query.push((name.clone(), value.render(scope, Place::Plain)?));
        }
        let mut headers = Vec::new();
        for (name, value) in self.definition.headers.iter().chain(&request.headers) {
            headers.push((name.to_lowercase(), value.render(scope, Place::Header)?));
        }
        if let Some(tag) = &request.if_match {
            headers.push(("if-match".to_owned(), tag.render(scope, Place::Header)?));
        }
        let body = match &request.json {
            Some(json) => Some(("application/json", json.fill(scope)?.to_string().into_bytes())),
            None if request.form.is_empty() => None,
            None => {
                let mut form = Vec::new();
                for (name, value) in &request.form {
                    form.push((name.clone(), value.render(scope, Place::Plain)?));
                }
                Some((FORM, joined(&form).into_bytes()))
            }
        };
        Ok(Outgoing {
            method,
            url,
            query,
            headers,
            body,
            writes: request.writes(),
            needs: request
                .needs
                .iter()
                .map(|need| need.least.join(" or "))
                .collect::<Vec<_>>()
                .join(" and "),
            gone: request.gone.clone(),
        })
    }
}

impl Outgoing {
    /// The whole request in one line, but for what proves who sends it.
    fn line(&self) -> String {
        let query =
            if self.query.is_empty() { String::new() } else { format!("?{}", joined(&self.query)) };
        let body =
            self.body.as_ref().map(|(_, bytes)| format!(" {}", String::from_utf8_lossy(bytes)));
        format!("{} {}{query}{}", self.method, self.url, body.unwrap_or_default())
    }

    /// Sets a parameter where the request has its parameters; false where it has none.
    fn set(&mut self, name: &str, value: &str) -> bool {
        let pair = (name.to_owned(), value.to_owned());
        match &mut self.body {
            Some((kind, bytes)) if *kind == FORM => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let others = text.split('&').filter(|pair| !pair.starts_with(&format!("{name}=")));
                let mut text: Vec<String> = others.map(str::to_owned).collect();
                text.push(joined(&[pair]));
                *bytes = text.join("&").into_bytes();
                true
            }
            Some((_, bytes)) => {
                let Ok(Json::Object(mut map)) = serde_json::from_slice(bytes) else { return false };
                map.insert(pair.0, pair.1.into());
                *bytes = Json::Object(map).to_string().into_bytes();
                true
            }
            None => {
                self.query.retain(|(known, _)| known != name);
                self.query.push(pair);
                true
            }
        }
    }
}
