//! The ranking as one page for a browser: pictures drawn here, no script, nothing fetched.
//!
//! Every colour stands beside a word, every picture beside a list that says the
//! same. Names come from the estate's files and are escaped.

use std::fmt::Write as _;

use cordon_model::{Estate, Money, NodeId};

use super::answer::{Finding, Outcome, Readiness};
use super::words::{dearest, helps};
use crate::commands::plan::render::{label, services};
use crate::text::{count, short_list};

const STYLE: &str = include_str!("page.css");
/// At most so many bars in a picture.
const BARS: usize = 25;
/// At most so many rows in the list, and footholds that are explained.
const ROWS: usize = 200;
const EXPLAINED: usize = 25;
/// Sizes of the pictures, in pixels.
const ROW: usize = 22;
const NAMES: usize = 250;
const BAR: usize = 300;
const WIDTH: usize = 880;

/// Draws the page.
pub(super) fn page(estate: &Estate, readiness: &Readiness) -> String {
    let title = escape(&format!("{}: are we ready?", readiness.estate));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    out.push_str(&opening(estate, readiness));
    out.push_str(&costs(estate, readiness));
    out.push_str(&hopeless(estate, readiness));
    out.push_str(&stops(estate, readiness));
    out.push_str(&cuts(readiness));
    out.push_str(&rows(estate, readiness));
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn opening(estate: &Estate, readiness: &Readiness) -> String {
    let all = readiness.footholds.len();
    let mut out = format!(
        "<p>We asked what would happen if an intruder took one <strong>{}</strong>, and nothing else. \
         We asked it of each one: {}. For each we computed the least disruptive way to cut the intruder off.</p>\n<ul>\n",
        escape(&readiness.every),
        count(all, "foothold", "footholds")
    );
    for tally in readiness.outcomes.iter().filter(|tally| tally.footholds > 0) {
        let _ = writeln!(
            out,
            "<li><strong>{} of {all}</strong>: {}.</li>",
            tally.footholds,
            tally.outcome.words()
        );
    }
    out.push_str("</ul>\n");
    if let Some(one) = dearest(readiness) {
        let _ = writeln!(
            out,
            "<p>The dearest one that can be cut off is <strong>{}</strong>: {} {} over {} hours.</p>",
            escape(one.node.as_str()),
            one.total,
            escape(estate.currency()),
            estate.horizon_hours()
        );
    }
    out
}

/// The picture of what each foothold costs, the worst ones.
fn costs(estate: &Estate, readiness: &Readiness) -> String {
    let shown = readiness.footholds.get(..BARS).unwrap_or(&readiness.footholds);
    let top = shown.iter().map(|one| digits(one.total)).fold(1.0, f64::max).ceil();
    let bars = shown.iter().map(|one| Bar {
        name: one.node.as_str(),
        share: digits(one.total) / top,
        class: one.outcome.as_str(),
        words: format!("{} · {}", one.total, one.outcome.words()),
    });
    let bars: Vec<Bar<'_>> = bars.collect();
    let caption = format!(
        "{} of {}, worst first, with the cost of the best plan in {}, stopped services and lost assets included. \
         The scale is in powers of ten: a bar that is a little longer stands for much more.",
        shown.len(),
        count(readiness.footholds.len(), "foothold", "footholds"),
        estate.currency()
    );
    format!("<h2>What each one costs</h2>\n{}", picture(&bars, "Cost for each foothold", &caption))
}

/// Decimal digits of an amount, as a length: 0 for nothing.
fn digits(money: Money) -> f64 {
    (1.0 + money.as_f64().max(0.0)).log10()
}

fn stops(estate: &Estate, readiness: &Readiness) -> String {
    let mut out = String::from("<h2>Services that stop most often</h2>\n");
    let Some(most) = readiness.stopped.first() else {
        out.push_str("<p>No sound plan stops a service.</p>\n");
        return out;
    };
    let names: Vec<String> = readiness
        .stopped
        .iter()
        .map(|one| services(estate, std::slice::from_ref(&one.service)))
        .collect();
    let all = readiness.footholds.len();
    let bars = readiness.stopped.iter().zip(&names).take(BARS).map(|(one, name)| Bar {
        name,
        share: share(one.footholds, most.footholds),
        class: "stopped",
        words: format!("stops in {} of {all}", one.footholds),
    });
    let bars: Vec<Bar<'_>> = bars.collect();
    out.push_str(&picture(
        &bars,
        "Services that stop most often",
        "How many of the footholds make the best plan stop this service.",
    ));
    out
}

fn share(part: usize, whole: usize) -> f64 {
    let float = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    float(part) / float(whole).max(1.0)
}

/// One bar of a picture.
struct Bar<'a> {
    name: &'a str,
    /// Length, from 0 to 1.
    share: f64,
    class: &'a str,
    words: String,
}

/// Draws bars below each other, names before and words behind them.
fn picture(bars: &[Bar<'_>], title: &str, caption: &str) -> String {
    let height = bars.len() * ROW + 8;
    let mut out = format!(
        "<figure>\n<svg viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"{0}\">\n<title>{0}</title>\n\
         <line x1=\"{NAMES}\" y1=\"0\" x2=\"{NAMES}\" y2=\"{height}\"/>\n",
        escape(title)
    );
    for (bar, at) in bars.iter().zip(0..) {
        let (top, base) = (at * ROW + 4, at * ROW + 18);
        #[expect(clippy::cast_precision_loss, reason = "a few hundred pixels")]
        let long = (bar.share.clamp(0.0, 1.0) * BAR as f64).max(1.0);
        #[expect(clippy::cast_precision_loss, reason = "a few hundred pixels")]
        let behind = NAMES as f64 + long + 6.0;
        let name = escape(&shortened(bar.name));
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{NAMES}\" y=\"{top}\" width=\"{long:.1}\" height=\"{}\" class=\"{}\"><title>{}: {}</title></rect>\
             <text x=\"{behind:.1}\" y=\"{base}\" class=\"soft\">{}</text>",
            NAMES - 6,
            ROW - 6,
            bar.class,
            escape(bar.name),
            escape(&bar.words),
            escape(&bar.words)
        );
    }
    let _ = writeln!(out, "</svg>\n<figcaption>{}</figcaption>\n</figure>", escape(caption));
    out
}

/// A name that fits before a bar.
fn shortened(name: &str) -> String {
    const MOST: usize = 34;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    let head: String = name.chars().take(MOST - 1).collect();
    format!("{head}…")
}

fn hopeless(estate: &Estate, readiness: &Readiness) -> String {
    let worst = readiness.count(Outcome::NoPlan);
    if worst == 0 {
        return "<h2>Where no plan exists</h2>\n<p>For every one a sound plan was found, or nothing is at stake, \
                unless the list says that time ran out.</p>\n"
            .to_owned();
    }
    let mut out = format!(
        "<h2>Where no plan exists</h2>\n<p>For {worst} of {} no plan cuts the intruder off from everything that must be \
         held while the protected services trade. Mend these before anything else.</p>\n",
        readiness.footholds.len()
    );
    let all = readiness.footholds.iter().filter(|one| one.outcome == Outcome::NoPlan);
    for one in all.take(EXPLAINED) {
        out.push_str(&section(estate, one));
    }
    if let Some(more @ 1..) = worst.checked_sub(EXPLAINED) {
        let _ = writeln!(out, "<p class=\"soft\">And {more} more, in the list below.</p>");
    }
    out
}

fn section(estate: &Estate, one: &Finding) -> String {
    let still: Vec<&str> = one.reachable_assets.iter().map(|node| label(estate, node)).collect();
    let mut out = format!(
        "<section class=\"worst\">\n<h3>{}</h3>\n<p>At best the intruder still reaches {} (loss {} {}), by this path:</p>\n<ol>\n",
        escape(one.node.as_str()),
        escape(&short_list(&still, 6)),
        one.loss,
        escape(estate.currency())
    );
    for obstacle in &one.conflict {
        let node = obstacle.node.as_ref().map_or("a bound", NodeId::as_str);
        let _ = writeln!(
            out,
            "<li><strong>{}</strong>: {}</li>",
            escape(node),
            escape(&obstacle.reason)
        );
    }
    out.push_str("</ol>\n");
    if let Some(search) = &one.search {
        let _ = writeln!(out, "<p><strong>{}</strong></p>", escape(&helps(estate, search)));
    }
    out.push_str("</section>\n");
    out
}

fn cuts(readiness: &Readiness) -> String {
    if readiness.used.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<h2>What is withdrawn most often</h2>\n<p>Practise these first, and see that they work.</p>\n<ol>\n",
    );
    for used in readiness.used.iter().take(BARS) {
        let _ = writeln!(
            out,
            "<li>{}: in {} of {}</li>",
            escape(used.withdrawal.as_str()),
            used.footholds,
            readiness.footholds.len()
        );
    }
    out.push_str("</ol>\n");
    out
}

fn rows(estate: &Estate, readiness: &Readiness) -> String {
    let mut out = format!(
        "<h2>All of them</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">foothold</th><th scope=\"col\">outcome</th>\
         <th scope=\"col\" class=\"n\">cost, {}</th><th scope=\"col\" class=\"n\">withdrawals</th><th scope=\"col\">stops</th></tr></thead>\n<tbody>\n",
        escape(estate.currency())
    );
    for one in readiness.footholds.iter().take(ROWS) {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            escape(one.node.as_str()),
            one.outcome.words(),
            one.total,
            one.withdrawals.len(),
            escape(&services(estate, &one.stopped_services))
        );
    }
    out.push_str("</tbody>\n</table></div>\n");
    if let Some(more @ 1..) = readiness.footholds.len().checked_sub(ROWS) {
        let _ =
            writeln!(out, "<p class=\"soft\">And {more} more; the JSON answer holds them all.</p>");
    }
    out
}

/// Text as it may stand in a page, within quotes too.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
