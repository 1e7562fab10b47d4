//! Reads BloodHound's generic form, OpenGraph: `{"graph": {"nodes": [..], "edges": [..]}}`.
//!
//! Ends go by id; an edge whose end is to be found by its name or another
//! property is counted and left out. Kinds of edges keep their names, so custom
//! ones are given control and told, as in every estate.

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess};

use super::class::Class;
use super::fields::Properties;
use super::reading::Reading;
use super::shape::{Seed, Shape, skip};

/// The graph as a whole.
pub(crate) struct GraphShape<'r>(pub(crate) &'r mut Reading);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum GraphField {
    Nodes,
    Edges,
    #[serde(other)]
    Other,
}

impl<'de> Shape<'de> for GraphShape<'_> {
    fn table<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(field) = entries.next_key()? {
            match field {
                GraphField::Nodes => entries.next_value_seed(Seed(Nodes(self.0)))?,
                GraphField::Edges => entries.next_value_seed(Seed(EdgeList(self.0)))?,
                GraphField::Other => skip(&mut entries)?,
            }
        }
        Ok(())
    }

    fn odd(self) {
        self.0.slips += 1;
    }
}

struct Nodes<'r>(&'r mut Reading);

impl<'de> Shape<'de> for Nodes<'_> {
    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Seed(OneNode(self.0)))?.is_some() {}
        Ok(())
    }
}

/// `{id, kinds, properties}`.
struct OneNode<'r>(&'r mut Reading);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum NodeField {
    Id,
    Kinds,
    Properties,
    #[serde(other)]
    Other,
}

impl<'de> Shape<'de> for OneNode<'_> {
    fn table<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.0.start_record();
        let mut kinds: Vec<String> = Vec::new();
        while let Some(field) = entries.next_key()? {
            match field {
                NodeField::Id => entries.next_value_seed(Seed(&mut self.0.record.id))?,
                NodeField::Kinds => entries.next_value_seed(Seed(&mut kinds))?,
                NodeField::Properties => {
                    entries.next_value_seed(Seed(Properties(self.0)))?;
                }
                NodeField::Other => skip(&mut entries)?,
            }
        }
        let known = kinds.iter().map(|kind| Class::named(kind));
        let class = known.into_iter().find(|class| *class != Class::Unknown);
        self.0.objects.refer(&self.0.record.id, class.unwrap_or_default());
        self.0.finish_record();
        Ok(())
    }

    fn odd(self) {
        self.0.slips += 1;
    }
}

struct EdgeList<'r>(&'r mut Reading);

impl<'de> Shape<'de> for EdgeList<'_> {
    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Seed(OneEdge(self.0)))?.is_some() {}
        Ok(())
    }
}

/// `{kind, start, end}`.
struct OneEdge<'r>(&'r mut Reading);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum EdgeField {
    Kind,
    Start,
    End,
    #[serde(other)]
    Other,
}

impl<'de> Shape<'de> for OneEdge<'_> {
    fn table<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let (mut kind, mut start, mut end) = (String::new(), String::new(), String::new());
        while let Some(field) = entries.next_key()? {
            match field {
                EdgeField::Kind => entries.next_value_seed(Seed(&mut kind))?,
                EdgeField::Start => entries.next_value_seed(Seed(End(&mut start)))?,
                EdgeField::End => entries.next_value_seed(Seed(End(&mut end)))?,
                EdgeField::Other => skip(&mut entries)?,
            }
        }
        self.0.link_ids(&start, &end, &kind);
        Ok(())
    }

    fn odd(self) {
        self.0.slips += 1;
    }
}

/// `{value, match_by}`; stays empty unless it is an id.
struct End<'e>(&'e mut String);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum EndField {
    Value,
    MatchBy,
    #[serde(other)]
    Other,
}

impl<'de> Shape<'de> for End<'_> {
    fn table<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut match_by = String::new();
        while let Some(field) = entries.next_key()? {
            match field {
                EndField::Value => entries.next_value_seed(Seed(&mut *self.0))?,
                EndField::MatchBy => entries.next_value_seed(Seed(&mut match_by))?,
                EndField::Other => skip(&mut entries)?,
            }
        }
        if !matches!(match_by.as_str(), "" | "id") {
            self.0.clear();
        }
        Ok(())
    }
}
