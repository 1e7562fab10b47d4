//! A claim's address, `claim:KIND?arguments`, as a typed value.

use cordon_model::action::ServiceState;

use crate::exposure::Verdict;

/// What a claim says, apart from its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stated {
    /// About data.
    Exposure(ExposureClaim),
    /// About services.
    Services(ServicesClaim),
}

/// `claim:exposure?category=..&holding=..&at-most=..`; every condition given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExposureClaim {
    /// Categories; empty means all.
    pub(crate) categories: Vec<String>,
    /// Holdings' nodes; empty means all.
    pub(crate) holdings: Vec<String>,
    /// Nothing worse than this happened.
    pub(crate) at_most: Option<Verdict>,
    /// The logs that are there show nothing worse than this.
    pub(crate) seen_at_most: Option<Verdict>,
    /// At least this happened.
    pub(crate) at_least: Option<Verdict>,
    /// The verdict is exactly this.
    pub(crate) verdict: Option<Verdict>,
    /// No more people than this are concerned.
    pub(crate) people_at_most: Option<u64>,
    /// No fewer people than this are concerned.
    pub(crate) people_at_least: Option<u64>,
}

/// `claim:services?id=..&state=..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServicesClaim {
    /// Services; `all` and `protected` are words for several.
    pub(crate) ids: Vec<String>,
    /// The state that all of them are in.
    pub(crate) state: ServiceState,
}

/// What is wrong with an address, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Fault {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

/// The kind as written, `exposure`.
pub(crate) fn kind_of(address: &str) -> String {
    let rest = address.split_once(':').map_or("", |(_, rest)| rest);
    rest.split('?').next().unwrap_or("").to_lowercase()
}

/// Reads an address.
///
/// # Errors
/// Every fault of it, each with its remedy.
pub(crate) fn parse(address: &str) -> Result<Stated, Vec<Fault>> {
    let arguments = arguments(address)?;
    match kind_of(address).as_str() {
        "exposure" => exposure(&arguments).map(Stated::Exposure),
        "services" | "service" => services(&arguments).map(Stated::Services),
        other => Err(vec![Fault::new(
            format!("`{other}` is not a kind of claim"),
            "write `claim:exposure?...` or `claim:services?...`",
        )]),
    }
}

fn arguments(address: &str) -> Result<Vec<(String, String)>, Vec<Fault>> {
    let Some((_, query)) = address.split_once('?') else {
        return Err(vec![Fault::new(
            format!("the claim `{address}` has no arguments"),
            "write what it claims after a `?`: `claim:exposure?category=payment-card&at-most=ruled-out`",
        )]);
    };
    let parts = query.split('&').filter(|part| !part.is_empty());
    let (good, bad): (Vec<_>, Vec<_>) =
        parts.map(|part| (part, part.split_once('='))).partition(|(_, pair)| pair.is_some());
    if let Some((part, _)) = bad.first() {
        return Err(vec![Fault::new(
            format!("`{part}` is not of the form `name=value`"),
            "write `name=value`, with `&` between arguments",
        )]);
    }
    let pairs = good.into_iter().filter_map(|(_, pair)| pair);
    Ok(pairs.map(|(name, value)| (name.trim().to_lowercase(), decoded(value))).collect())
}

/// Undoes `%20` and its like.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

fn list(value: &str) -> impl Iterator<Item = String> + '_ {
    value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned)
}

fn exposure(arguments: &[(String, String)]) -> Result<ExposureClaim, Vec<Fault>> {
    let mut claim = ExposureClaim::default();
    let mut faults = Vec::new();
    for (name, value) in arguments {
        match name.as_str() {
            "category" | "categories" => claim.categories.extend(list(&value.to_lowercase())),
            "holding" | "holdings" => claim.holdings.extend(list(value)),
            "at-most" => claim.at_most = verdict(name, value, &mut faults),
            "seen-at-most" => claim.seen_at_most = verdict(name, value, &mut faults),
            "at-least" => claim.at_least = verdict(name, value, &mut faults),
            "verdict" => match Verdict::parse(value) {
                Some(verdict) => claim.verdict = Some(verdict),
                None => faults.push(bad_verdict(name, value)),
            },
            "people-at-most" => claim.people_at_most = people(name, value, &mut faults),
            "people-at-least" => claim.people_at_least = people(name, value, &mut faults),
            _ => faults.push(Fault::new(
                format!("a claim about exposure has no argument `{name}`"),
                "use category, holding, at-most, seen-at-most, at-least, verdict, people-at-most or people-at-least",
            )),
        }
    }
    for words in [&mut claim.categories, &mut claim.holdings] {
        if words.iter().any(|word| word == "all") {
            words.clear();
        }
    }
    let verdicts = [claim.at_most, claim.seen_at_most, claim.at_least, claim.verdict];
    let numbers = [claim.people_at_most, claim.people_at_least];
    let states_nothing =
        verdicts.iter().all(Option::is_none) && numbers.iter().all(Option::is_none);
    if states_nothing && faults.is_empty() {
        faults.push(Fault::new(
            "the claim says about what it is, but not what happened",
            "add `at-most=ruled-out`, `at-most=reachable`, `at-least=accessed` or a number of people",
        ));
    }
    if claim.at_most == Some(Verdict::Taken) {
        faults.push(Fault::new(
            "`at-most=taken` is true of everything, so it claims nothing",
            "write `at-most=accessed` or less",
        ));
    }
    if faults.is_empty() { Ok(claim) } else { Err(faults) }
}

fn bad_verdict(name: &str, value: &str) -> Fault {
    Fault::new(
        format!("`{name}={value}` is not a verdict"),
        "write ruled-out, reachable, accessed or taken (after `verdict=` also unknown)",
    )
}

fn verdict(name: &str, value: &str, faults: &mut Vec<Fault>) -> Option<Verdict> {
    let found = Verdict::parse(value).filter(|verdict| *verdict != Verdict::Unknown);
    if found.is_none() {
        faults.push(bad_verdict(name, value));
    }
    found
}

fn people(name: &str, value: &str, faults: &mut Vec<Fault>) -> Option<u64> {
    let digits: String = value.chars().filter(|c| !matches!(c, ',' | '_' | ' ')).collect();
    let found = digits.parse().ok();
    if found.is_none() {
        faults.push(Fault::new(
            format!("`{name}={value}` is not a number of people"),
            "write a whole number, such as 6500000",
        ));
    }
    found
}

fn services(arguments: &[(String, String)]) -> Result<ServicesClaim, Vec<Fault>> {
    let mut claim = ServicesClaim { ids: Vec::new(), state: ServiceState::Unknown };
    let mut faults = Vec::new();
    for (name, value) in arguments {
        match (name.as_str(), value.to_lowercase().as_str()) {
            ("id" | "ids" | "service", _) => claim.ids.extend(list(value)),
            ("state", "trading") => claim.state = ServiceState::Trading,
            ("state", "degraded") => claim.state = ServiceState::Degraded,
            ("state", "stopped") => claim.state = ServiceState::Stopped,
            ("state", _) => faults.push(Fault::new(
                format!("`state={value}` is not a state of a service"),
                "write trading, degraded or stopped",
            )),
            _ => faults.push(Fault::new(
                format!("a claim about services has no argument `{name}`"),
                "use id and state",
            )),
        }
    }
    if claim.state == ServiceState::Unknown && faults.is_empty() {
        faults.push(Fault::new(
            "the claim does not say in which state the services are",
            "add `state=trading`, `state=degraded` or `state=stopped`",
        ));
    }
    if faults.is_empty() { Ok(claim) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_addresses_become_claims() {
        let claim = parse("claim:exposure?category=payment-card,name&holding=db%3amembers&at-most=ruled-out&people-at-most=6,500").unwrap();
        let expect = ExposureClaim {
            categories: vec!["payment-card".into(), "name".into()],
            holdings: vec!["db:members".into()],
            at_most: Some(Verdict::RuledOut),
            people_at_most: Some(6500),
            ..ExposureClaim::default()
        };
        assert_eq!(claim, Stated::Exposure(expect));
        let claim = parse("claim:services?id=tills&id=web&state=Trading").unwrap();
        let expect =
            ServicesClaim { ids: vec!["tills".into(), "web".into()], state: ServiceState::Trading };
        assert_eq!(claim, Stated::Services(expect));
    }

    #[test]
    fn bad_addresses_say_what_to_write() {
        for (address, what) in [
            ("claim:weather?at-most=rain", "`weather` is not a kind of claim"),
            ("claim:exposure", "has no arguments"),
            ("claim:exposure?category", "not of the form `name=value`"),
            ("claim:exposure?category=name", "not what happened"),
            ("claim:exposure?at-most=perhaps", "`at-most=perhaps` is not a verdict"),
            ("claim:exposure?at-most=unknown", "is not a verdict"),
            ("claim:exposure?at-most=taken", "claims nothing"),
            ("claim:exposure?people-at-most=many", "is not a number"),
            ("claim:exposure?colour=red&at-most=reachable", "no argument `colour`"),
            ("claim:services?id=tills", "in which state"),
            ("claim:services?state=fine", "not a state"),
            ("claim:services?state=trading&when=now", "no argument `when`"),
        ] {
            let faults = parse(address).unwrap_err();
            assert!(faults.iter().any(|fault| fault.what.contains(what)), "{address}: {faults:?}");
            assert!(faults.iter().all(|fault| !fault.remedy.is_empty()));
        }
    }
}
