//! A marked form for a sentence that claims something without saying so.
//!
//! The best guess of what the writer meant, as a link to be checked and
//! corrected by the writer; never taken over by itself.

use cordon_model::Estate;

use crate::agree::people_in;
use crate::category::named;
use crate::pattern::{Token, find, phrase_at, tokens};
use crate::unmarked::Subject;

/// What to write instead of a sentence.
pub(crate) fn suggestion(estate: &Estate, sentence: &str, subjects: &[Subject]) -> String {
    let tokens = tokens(sentence);
    let words: Vec<&Token> = tokens.iter().filter(|token| !token.is_mark()).collect();
    let has = |pattern: &str| find(&words, pattern, &[]).is_some();
    let about_data = subjects.contains(&Subject::Exposure) || subjects.contains(&Subject::People);
    if subjects.first() == Some(&Subject::Services)
        || (subjects.contains(&Subject::Services) && !about_data)
    {
        return marked(sentence, &services(estate, &tokens, &has));
    }
    if about_data {
        return marked(sentence, &exposure(estate, &tokens, &words, &has));
    }
    match subjects.first() {
        Some(Subject::Containment) => "name the check behind it: which withdrawals are verified, since when; or claim what it means for data, `claim:exposure?...&at-most=ruled-out`".to_owned(),
        Some(Subject::Time) => "give the ledger entry that shows this time, or leave the time out".to_owned(),
        Some(Subject::Cause) => "give the ledger entries that show how it happened, or say that it is not known yet".to_owned(),
        Some(Subject::Belief) => "say what was checked and what it showed, as a claim, instead of what is believed".to_owned(),
        Some(Subject::Exposure | Subject::Services | Subject::People) | None => String::new(),
    }
}

fn marked(sentence: &str, address: &str) -> String {
    let words = sentence.trim().trim_end_matches(['.', '!']);
    let words = words.replace('[', "(").replace(']', ")");
    format!("[{words}]({address})")
}

fn exposure(
    estate: &Estate,
    tokens: &[Token],
    words: &[&Token],
    has: &impl Fn(&str) -> bool,
) -> String {
    let declared: std::collections::BTreeSet<&str> =
        estate.holdings().iter().flat_map(|h| h.categories.iter().map(|name| &**name)).collect();
    let spoken = named(tokens, declared.iter().copied());
    let spoken: Vec<String> =
        spoken.into_iter().filter(|name| declared.contains(name.as_str())).collect();
    let categories = if spoken.is_empty() { "all".to_owned() } else { spoken.join(",") };
    let mut address = format!("claim:exposure?category={categories}");
    if let Some(people) = people_in(words).first() {
        let floor = has("least|over|than|minimum") && !has("fewer|less|up|most");
        let bound = if floor { "people-at-least" } else { "people-at-most" };
        return format!("{address}&{bound}={people}");
    }
    let unseen = has("evidence|sign|signs|indication*|aware|trace*");
    let denied = has(
        "no|not|never|none|nothing|nobody|neither|unaffected|untouched|safe|secure|intact|only|limited",
    );
    address += match (denied, unseen) {
        (true, true) => "&seen-at-most=reachable",
        (true, false) => "&at-most=ruled-out",
        (false, _) if has("may|might|could|risk") => "&at-least=reachable",
        (false, _)
            if has(
                "taken|stolen|copied|exfiltrat*|extracted|downloaded|stole|took|obtained|left",
            ) =>
        {
            "&at-least=taken"
        }
        (false, _) => "&at-least=accessed",
    };
    address
}

fn services(estate: &Estate, tokens: &[Token], has: &impl Fn(&str) -> bool) -> String {
    let speaks_of = |label: &str| {
        let plain = label.to_lowercase().replace(['-', '_'], " ");
        let singular = plain.strip_suffix('s').unwrap_or(&plain);
        (0..tokens.len()).any(|at| phrase_at(tokens, at, &plain) || phrase_at(tokens, at, singular))
    };
    let named = estate.services().iter().filter(|service| {
        speaks_of(service.id.as_str()) || service.name.as_deref().is_some_and(speaks_of)
    });
    let named: Vec<&str> = named.map(|service| service.id.as_str()).collect();
    let ids = if named.is_empty() { "all".to_owned() } else { named.join(",") };
    let down = has(
        "closed|down|offline|unavailable|suspended|paused|stopped|shut|halted|withdrawn|disabled",
    );
    let slow = has("degraded|slow|slower|delay*|limited|disrupt*|reduced|problem*|shortage*|empty");
    let denied = has("no|not|never|without");
    let state = match (down, slow, denied) {
        (true, _, false) => "stopped",
        (false, true, false) => "degraded",
        _ => "trading",
    };
    format!("claim:services?id={ids}&state={state}")
}
