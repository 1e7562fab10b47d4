//! The known categories of data: kebab word, W3C DPV term, and how letters speak of them.
//!
//! Estates may use other words; those are matched in texts by the words that
//! they are made of and map to no term. `docs/categories.md` shows this table.

use crate::pattern::{Token, phrase_at};

/// One category that is known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Category {
    /// The word in estates, claims and verdicts: `date-of-birth`.
    pub name: &'static str,
    /// The term of the W3C Data Privacy Vocabulary's extension for personal data.
    pub term: &'static str,
    /// Whether the GDPR calls it a special category (Art 9) or data on convictions (Art 10).
    pub special: bool,
    /// Phrases by which letters speak of it, in lower case and in the singular.
    pub phrases: &'static [&'static str],
}

const fn row(name: &'static str, term: &'static str, phrases: &'static [&'static str]) -> Category {
    Category { name, term, special: false, phrases }
}

const fn special(
    name: &'static str,
    term: &'static str,
    phrases: &'static [&'static str],
) -> Category {
    Category { name, term, special: true, phrases }
}

/// All known categories, in the order of the documentation.
pub const CATEGORIES: &[Category] = &[
    row("name", "pd:Name", &["name", "surname"]),
    row(
        "contact",
        "pd:Contact",
        &[
            "contact",
            "email",
            "e-mail",
            "phone number",
            "telephone number",
            "mobile number",
            "address",
            "postcode",
        ],
    ),
    row(
        "date-of-birth",
        "pd:BirthDate",
        &["date of birth", "dates of birth", "birth date", "birthday"],
    ),
    row(
        "payment-card",
        "pd:PaymentCard",
        &["card", "payment detail", "payment data", "payment information", "cardholder"],
    ),
    row(
        "bank-account",
        "pd:BankAccount",
        &[
            "bank",
            "sort code",
            "account number",
            "direct debit",
            "payment detail",
            "payment data",
            "payment information",
        ],
    ),
    row(
        "transactions",
        "pd:Transaction",
        &["transaction", "purchase", "order history", "shopping history", "spending"],
    ),
    row("password", "pd:Password", &["password", "credential", "login detail", "sign-in detail"]),
    row(
        "security-answer",
        "pd:SecretText",
        &["security answer", "security question", "memorable word"],
    ),
    row("username", "pd:Username", &["username", "user name", "user id"]),
    row(
        "membership",
        "pd:UID",
        &[
            "membership number",
            "member number",
            "membership record",
            "loyalty number",
            "customer number",
        ],
    ),
    row(
        "official-id",
        "pd:OfficialID",
        &[
            "passport",
            "driving licence",
            "national insurance number",
            "identity document",
            "identification document",
            "social security number",
        ],
    ),
    row(
        "salary",
        "pd:Salary",
        &["salary", "salaries", "wage", "payroll", "pay detail", "pay slip", "payslip"],
    ),
    row("tax", "pd:Tax", &["tax"]),
    row(
        "employment",
        "pd:EmploymentHistory",
        &["employment", "personnel file", "personnel record", "staff record", "hr record"],
    ),
    row(
        "performance",
        "pd:PerformanceAtWork",
        &["appraisal", "performance review", "disciplinary"],
    ),
    row(
        "credit",
        "pd:CreditRecord",
        &["credit record", "credit history", "credit score", "credit file"],
    ),
    row(
        "insurance",
        "pd:Insurance",
        &["insurance policy", "insurance policies", "insurance detail", "insurance record"],
    ),
    row(
        "family",
        "pd:Family",
        &["next of kin", "relative", "family detail", "dependant", "family member"],
    ),
    row("location", "pd:Location", &["location data", "whereabouts"]),
    row("ip-address", "pd:IPAddress", &["ip address"]),
    row(
        "communications",
        "pd:Communication",
        &["message", "correspondence", "letters", "chat log"],
    ),
    row(
        "call-recordings",
        "pd:VoiceCommunicationRecording",
        &["call recording", "voice recording", "recorded call"],
    ),
    row("picture", "pd:Picture", &["photograph", "photo", "picture", "image"]),
    row("preferences", "pd:Preference", &["preference", "interest"]),
    row(
        "documents",
        "pd:PersonalDocuments",
        &[
            "case file",
            "legal file",
            "legal document",
            "wills",
            "personal document",
            "scanned document",
        ],
    ),
    special("health", "pd:MedicalHealth", &["health", "medical", "prescription"]),
    special("disability", "pd:Disability", &["disability", "disabilities"]),
    special("ethnicity", "pd:EthnicOrigin", &["ethnicity", "ethnic origin"]),
    special("religion", "pd:Religion", &["religion", "religious belief", "faith"]),
    special("trade-union", "pd:TradeUnionMembership", &["trade union", "union membership"]),
    special("political-opinion", "pd:PoliticalOpinion", &["political opinion"]),
    special("sexual-life", "pd:Sexual", &["sexual orientation", "sex life"]),
    special("biometric", "pd:Biometric", &["biometric", "fingerprint", "facial image"]),
    special("genetic", "pd:Genetic", &["genetic"]),
    special("criminal-record", "pd:CriminalConviction", &["criminal record", "conviction"]),
];

/// Finds a known category by its word.
pub(crate) fn known(name: &str) -> Option<&'static Category> {
    CATEGORIES.iter().find(|category| category.name == name)
}

/// Tells whether a text speaks of a category.
pub(crate) fn is_named(tokens: &[Token], category: &str) -> bool {
    let at = |phrase: &str| (0..tokens.len()).any(|at| phrase_at(tokens, at, phrase));
    match known(category) {
        Some(known) => known.phrases.iter().any(|phrase| at(phrase)),
        None => at(&category.replace('-', " ")),
    }
}

/// The known categories of which a text speaks, and those of `others` that are not known.
pub(crate) fn named<'a>(tokens: &[Token], others: impl Iterator<Item = &'a str>) -> Vec<String> {
    let unknown = others.filter(|name| known(name).is_none()).map(str::to_owned);
    let all = CATEGORIES.iter().map(|category| category.name.to_owned()).chain(unknown);
    all.filter(|name| is_named(tokens, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_the_table() {
        let page = include_str!("../../../docs/categories.md");
        for category in CATEGORIES {
            let kind = if category.special { "yes" } else { "" };
            let row = format!("| `{}` | `{}` | {kind} |", category.name, category.term);
            assert!(page.contains(row.replace("|  |", "| |").as_str()), "{row}");
        }
        let rows = page.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows, CATEGORIES.len());
    }
}
