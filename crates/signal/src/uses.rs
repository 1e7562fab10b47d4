//! Which fields of a record a format asks for, by name.
//!
//! For `cordon formats test`, which tells the fields that a log has and no
//! table of its format mentions.

use std::collections::BTreeSet;

use crate::format_file::{EventFile, ExtractFile, FormatFile};
use crate::template::Template;

/// Returns all names that the format's tables mention, in lower case; `a.*` where all fields
/// below `a` are used.
pub(crate) fn names(file: &FormatFile) -> BTreeSet<String> {
    let mut names = Names::default();
    for recognise in &file.recognise {
        names.all(&recognise.present);
        names.all(recognise.when.keys().chain(recognise.unless.keys()));
    }
    names.all(&file.keys);
    file.time.fields.iter().for_each(|text| names.text(text));
    file.fields.keys().for_each(|name| names.add(name));
    file.fields.values().flat_map(|from| from.all()).for_each(|text| names.text(text));
    file.source.iter().for_each(|text| names.template(text));
    file.extract.iter().for_each(|extract| names.extract(extract));
    file.event.iter().for_each(|event| names.event(event));
    names.0
}

#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn add(&mut self, name: &str) {
        self.0.insert(name.to_lowercase());
    }

    fn all<'a>(&mut self, names: impl IntoIterator<Item = &'a String>) {
        names.into_iter().for_each(|name| self.add(name));
    }

    /// A path, or a template with paths in it.
    fn text(&mut self, text: &str) {
        if text.contains('{') { self.template(text) } else { self.add(text) }
    }

    fn template(&mut self, text: &str) {
        let fields = Template::parse(text).map(|template| template.fields()).unwrap_or_default();
        self.all(&fields);
    }

    fn extract(&mut self, extract: &ExtractFile) {
        self.add(&extract.from);
        self.all(extract.when.keys().chain(extract.unless.keys()));
        self.all(extract.csv.iter().flatten());
        self.all(extract.set.iter().flat_map(|set| set.keys()));
        let patterns = extract.regex.iter().flat_map(|patterns| patterns.all());
        for group in patterns.flat_map(|pattern| pattern.split("(?<").skip(1)) {
            self.add(group.split('>').next().unwrap_or_default());
        }
    }

    fn event(&mut self, event: &EventFile) {
        self.all(event.when.keys().chain(event.unless.keys()));
        self.all(event.fields.keys());
        event.fields.values().flat_map(|from| from.all()).for_each(|text| self.text(text));
        event.source.iter().for_each(|text| self.template(text));
        for mention in &event.mention {
            mention.each.iter().for_each(|list| self.add(&format!("{list}.*")));
            self.all(&mention.each);
            self.all(mention.when.keys().chain(mention.unless.keys()));
            mention.spellings.iter().flat_map(|s| s.all()).for_each(|text| self.template(text));
        }
        for fact in &event.fact {
            let conditions = [&fact.when, &fact.unless, &fact.failure];
            self.all(conditions.into_iter().flat_map(|condition| condition.keys()));
            self.all([&fact.rows, &fact.bytes, &fact.objects].into_iter().flatten());
        }
        for lease in &event.lease {
            let texts = lease.host.all().iter().chain(lease.address.all());
            texts.for_each(|text| self.template(text));
        }
        for remember in &event.remember {
            self.template(&remember.key);
            self.template(&remember.value);
        }
        event.recall.values().flat_map(|keys| keys.all()).for_each(|text| self.template(text));
    }
}
