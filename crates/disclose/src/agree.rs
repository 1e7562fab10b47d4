//! Whether a claim's words say what its link claims, where that is cheap to see.
//!
//! The link is what gets checked and the words are what gets read, so a claim
//! whose words speak of cards while its link speaks of names is pointed out.
//! Anything doubtful is left to the reader.

use cordon_model::action::ServiceState;

use crate::category::{is_named, known, named};
use crate::claim::{ExposureClaim, Fault, ServicesClaim, Stated};
use crate::exposure::Verdict;
use crate::judge::state_word;
use crate::pattern::{Token, find, phrase_at, tokens};
use crate::words::{count, join};

/// Categories whose words have other meanings too often ("contact us", "in your name").
const VAGUE: &[&str] =
    &["name", "contact", "preferences", "communications", "picture", "location", "family"];
const DENIALS: &str = "no|not|never|none|neither|nor|nothing|nobody|without|only|just|limited|safe|secure|unaffected|untouched|intact|ruled|free|few|fewer|zero";
const TAKING: &str = "taken|took|stolen|stole|copied|exfiltrat*|extracted|downloaded|left|removed|obtained|leaked|published";
const READING: &str = "accessed|access|read|viewed|seen|opened|touched|compromis*|affected|impacted|exposed|involved|reached|safe|secure|unaffected|untouched";
const KNOWING: &str =
    "evidence|sign|signs|indication*|aware|seen|found|know|show|shows|shown|trace*|logs|reports";
const PEOPLE: &str = "customer*|member|members|people|person*|individual*|staff|employee*|colleague*|patient*|client*|household*|user|users|subject|subjects|shopper*";

/// What does not agree; `categories` are those of the estate.
pub(crate) fn disagreements<'a>(
    text: &str,
    stated: &Stated,
    categories: impl Iterator<Item = &'a str>,
) -> Vec<Fault> {
    let tokens = tokens(text);
    let words: Vec<&Token> = tokens.iter().filter(|token| !token.is_mark()).collect();
    if words.is_empty() {
        return vec![Fault::new(
            "the claim has no words",
            "write what is claimed between the brackets",
        )];
    }
    let has = |pattern: &str| find(&words, pattern, &[]).is_some();
    match stated {
        Stated::Exposure(claim) => {
            let mut faults = categories_differ(&tokens, claim, categories);
            faults.extend(direction_differs(claim, &has));
            faults.extend(strength_differs(claim, &has));
            faults.extend(numbers_differ(claim, &words));
            faults
        }
        Stated::Services(claim) => states_differ(claim, &has).into_iter().collect(),
    }
}

fn categories_differ<'a>(
    tokens: &[Token],
    claim: &ExposureClaim,
    categories: impl Iterator<Item = &'a str>,
) -> Vec<Fault> {
    if claim.categories.is_empty() {
        return Vec::new();
    }
    let spoken = named(tokens, categories);
    let link = claim.categories.join(", ");
    let listed = |name: &String| claim.categories.contains(name);
    if !spoken.is_empty() && !spoken.iter().any(listed) {
        return vec![Fault::new(
            format!(
                "the words speak of {}, but the link claims about {link}",
                join(spoken.iter().cloned(), "and")
            ),
            format!("write `category={}`, or other words", spoken.join(",")),
        )];
    }
    // "Payment details" means cards and accounts: either will do.
    let of_link = |phrase: &&str| {
        claim.categories.iter().filter_map(|name| known(name)).any(|c| c.phrases.contains(phrase))
    };
    let stands = |phrase: &&str| (0..tokens.len()).any(|at| phrase_at(tokens, at, phrase));
    let alone = |name: &&String| {
        let phrases = known(name).map_or(&[][..], |category| category.phrases);
        known(name).is_none() || phrases.iter().any(|p| stands(p) && !of_link(p))
    };
    let left_out = spoken.iter().filter(|name| !listed(name) && !VAGUE.contains(&name.as_str()));
    let left_out: Vec<String> = left_out.filter(alone).cloned().collect();
    if left_out.is_empty() || !claim.categories.iter().any(|name| is_named(tokens, name)) {
        return Vec::new();
    }
    vec![Fault::new(
        format!(
            "the words also speak of {}, which the link leaves out",
            join(left_out.iter().cloned(), "and")
        ),
        format!("write `category={},{}`", claim.categories.join(","), left_out.join(",")),
    )]
}

fn direction_differs(claim: &ExposureClaim, has: &impl Fn(&str) -> bool) -> Option<Fault> {
    let denies = claim.at_most.is_some() || claim.seen_at_most.is_some();
    let affirms = claim.at_least.is_some_and(|least| least > Verdict::RuledOut);
    let happened = has(TAKING) || has(READING);
    if denies && !affirms && claim.verdict.is_none() && happened && !has(DENIALS) {
        return Some(Fault::new(
            "the words say that it happened, but the link claims at most what did not",
            "write `at-least=` in the link, or deny it in the words",
        ));
    }
    let refuses = has("no|not|never|none|nothing|nobody")
        && !has("ruled|rule out")
        && !has("not only|just|all");
    (affirms && !denies && refuses).then(|| {
        Fault::new(
            "the words say that it did not happen, but the link claims that at least this did",
            "write `at-most=` in the link, or affirm it in the words",
        )
    })
}

fn strength_differs(claim: &ExposureClaim, has: &impl Fn(&str) -> bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    let most = claim.at_most.or(claim.seen_at_most);
    if most == Some(Verdict::Accessed) && has(READING) && !has(TAKING) {
        faults.push(Fault::new(
            "the words say that nothing was even read, but the link claims only that nothing was taken",
            "write `at-most=reachable` or `at-most=ruled-out`, or say \"taken\" in the words",
        ));
    }
    if claim.seen_at_most.is_some() && claim.at_most.is_none() && !has(KNOWING) {
        faults.push(Fault::new(
            "the words say that it did not happen, but the link claims only that the logs show no sign of it",
            "write `at-most=` in the link, or say in the words that no sign was seen",
        ));
    }
    faults
}

fn numbers_differ(claim: &ExposureClaim, words: &[&Token]) -> Vec<Fault> {
    let claimed: Vec<u64> = claim.people_at_most.into_iter().chain(claim.people_at_least).collect();
    let spoken = people_in(words);
    let differs = |number: &&u64| !claimed.contains(number);
    let faults = spoken.iter().filter(differs).map(|number| {
        let number_words = count(*number);
        if claimed.is_empty() {
            Fault::new(
                format!("the words name {number_words} people, which the link does not claim"),
                format!("add `people-at-most={number}` or `people-at-least={number}`"),
            )
        } else {
            Fault::new(
                format!(
                    "the words name {number_words} people, but the link claims {}",
                    join(claimed.iter().map(|n| count(*n)), "and")
                ),
                "write the same number in both".to_owned(),
            )
        }
    });
    faults.collect()
}

/// The numbers of people that a text names: `6.5 million members`, `20,000 people`.
pub(crate) fn people_in(words: &[&Token]) -> Vec<u64> {
    let mut numbers = Vec::new();
    for (at, token) in words.iter().enumerate() {
        let Some(mut thousandths) = thousandths(&token.text) else { continue };
        let mut next = at + 1;
        let scale = match words.get(next).map(|token| token.text.as_str()) {
            Some("million") => 1_000_000,
            Some("thousand") => 1_000,
            Some("hundred") => 100,
            _ => 1,
        };
        if scale > 1 {
            thousandths = thousandths.saturating_mul(scale);
            next += 1;
        }
        let after = words.get(next..(next + 5).min(words.len())).unwrap_or(&[]);
        if find(after, PEOPLE, &[]).is_some() {
            numbers.push(thousandths / 1000);
        }
    }
    numbers
}

/// `6.5` as 6500, `20,000` as 20,000,000, `6.5m` as 6,500,000,000.
fn thousandths(text: &str) -> Option<u64> {
    let (digits, scale) = match text.strip_suffix('m') {
        Some(digits) => (digits, 1_000_000),
        None => match text.strip_suffix('k') {
            Some(digits) => (digits, 1_000),
            None => (text, 1),
        },
    };
    let plain: String = digits.chars().filter(|c| *c != ',').collect();
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 =
        if fraction.is_empty() { 0 } else { format!("{fraction:0<3}").get(..3)?.parse().ok()? };
    whole.checked_mul(1000)?.checked_add(fraction)?.checked_mul(scale)
}

fn states_differ(claim: &ServicesClaim, has: &impl Fn(&str) -> bool) -> Option<Fault> {
    let up = has(
        "open|trading|running|operating|operational|working|available|normal|normally|usual|live|restored|resumed|unaffected|online",
    );
    let down = has(
        "closed|down|offline|unavailable|suspended|paused|stopped|shut|halted|withdrawn|disabled",
    );
    let slow = has("degraded|slow|slower|delay*|limited|disrupt*|reduced|partly|partially");
    let denied = has("no|not|never");
    let differs = match claim.state {
        ServiceState::Trading => (down || slow) && !up && !denied,
        ServiceState::Stopped => up && !down && !denied,
        ServiceState::Degraded => (up || down) && !slow,
        ServiceState::Unknown => false,
    };
    differs.then(|| {
        Fault::new(
            format!(
                "the words do not say that the service is {}, which the link claims",
                state_word(claim.state)
            ),
            "write the same state in both",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::parse;

    fn check(text: &str, address: &str, what: Option<&str>) {
        let stated = parse(address).unwrap();
        let faults = disagreements(text, &stated, ["garden-plans"].into_iter());
        match what {
            Some(what) => {
                assert!(faults.iter().any(|f| f.what.contains(what)), "{text}: {faults:?}")
            }
            None => assert!(faults.is_empty(), "{text}: {faults:?}"),
        }
    }

    #[test]
    fn words_and_links_must_agree() {
        let cards = "claim:exposure?category=payment-card&at-most=ruled-out";
        let names = "claim:exposure?category=name&at-most=ruled-out";
        let took = "claim:exposure?category=name&at-least=taken";
        for (text, address, what) in [
            ("no card data was taken", cards, None),
            ("no payment details were taken", cards, None),
            ("no customer data was taken", cards, None),
            ("no card data was taken", names, Some("speak of payment-card")),
            ("no garden plans were taken", names, Some("speak of garden-plans")),
            ("no cards or passwords were taken", cards, Some("also speak of password")),
            ("names were taken", took, None),
            ("no names were taken", took, Some("did not happen")),
            ("names were taken", names, Some("say that it happened")),
            (
                "no card was accessed",
                "claim:exposure?category=payment-card&at-most=accessed",
                Some("nothing was even read"),
            ),
            ("no card was copied", "claim:exposure?category=payment-card&at-most=accessed", None),
            (
                "no card was copied",
                "claim:exposure?category=payment-card&seen-at-most=reachable",
                Some("no sign of it"),
            ),
            (
                "no sign that a card was copied",
                "claim:exposure?category=payment-card&seen-at-most=reachable",
                None,
            ),
            ("6.5 million members are affected", "claim:exposure?people-at-least=6500000", None),
            ("6.5m members are affected", "claim:exposure?people-at-least=6500000", None),
            (
                "20,000 members are affected",
                "claim:exposure?people-at-least=6500000",
                Some("name 20,000 people"),
            ),
            ("names of 20,000 members were taken", took, Some("does not claim")),
            ("all stores are trading", "claim:services?id=all&state=trading", None),
            ("all stores are closed", "claim:services?id=all&state=trading", Some("is trading")),
            ("tills are working", "claim:services?id=tills&state=stopped", Some("is stopped")),
            ("tills are not working", "claim:services?id=tills&state=stopped", None),
        ] {
            check(text, address, what);
        }
    }
}
