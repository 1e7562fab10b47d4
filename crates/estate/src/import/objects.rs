//! The objects of a directory: each id once, with what its records say of it.
//!
//! An object exists from the moment that anything names it; whether a record
//! stood behind it shows at the end. Ids and names stay in memory, packed; what
//! people call an object and its other spellings go to a file until the nodes
//! are written, because only the writer needs them.

use std::hash::BuildHasher as _;
use std::io;

use cordon_model::NodeId;
use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::class::Class;
use super::spill::Descriptions;
use super::texts::{Span, Texts};

/// Position of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectIx(pub(crate) u32);

/// Something that is true of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    /// A record names it, though it has none of its own (a local account).
    Named = 1,
    /// An account of programs, not of a person.
    Service = 2,
    /// Its account is disabled.
    Disabled = 4,
    /// A domain controller.
    Controller = 8,
    /// Its local administrator's password is managed.
    ManagedPassword = 16,
    /// The directory has deleted it.
    Deleted = 32,
    /// Another object of its kind has the same name.
    SharesName = 64,
}

/// What is kept of an object in memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Object {
    id: Span,
    name: Span,
    /// Where its description lies; 0 for none.
    pub(crate) described: u64,
    /// The file with its record, counted from 1; 0 for none.
    pub(crate) file: u32,
    /// Position of its domain, counted from 1; 0 for none.
    pub(crate) domain: u16,
    flags: u8,
    /// What references call it.
    hint: Class,
}

impl Object {
    /// Whether something is true of it.
    pub(crate) fn is(&self, flag: Flag) -> bool {
        self.flags & flag as u8 != 0
    }
}

/// A domain as records name it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Domain {
    /// `NORTH.EXAMPLE`.
    pub(crate) name: String,
    /// Its SID, where a record says it.
    pub(crate) sid: String,
    /// Its short name, where a record says it.
    pub(crate) netbios: String,
}

impl Domain {
    /// The short name, or the first part of the long one, which it nearly always is.
    pub(crate) fn short(&self) -> &str {
        let first = self.name.split('.').next().unwrap_or("");
        if self.netbios.is_empty() { first } else { &self.netbios }
    }
}

/// What one record says of its object besides links.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    /// What people call it.
    pub(crate) label: String,
    /// `sAMAccountName`.
    pub(crate) account: String,
    /// `userPrincipalName`.
    pub(crate) principal: String,
    /// Mail address.
    pub(crate) mail: String,
}

/// All objects so far.
pub(crate) struct Objects {
    texts: Texts,
    table: HashTable<u32>,
    objects: Vec<Object>,
    domains: Vec<Domain>,
    domain_by_name: FxHashMap<String, u16>,
    /// Class of each file's records, by its number less one.
    files: Vec<Class>,
    pub(crate) descriptions: Descriptions,
    scratch: String,
}

impl Objects {
    /// Starts with none.
    pub(crate) fn new(descriptions: Descriptions) -> Self {
        Self {
            texts: Texts::default(),
            table: HashTable::new(),
            objects: Vec::new(),
            domains: Vec::new(),
            domain_by_name: FxHashMap::default(),
            files: Vec::new(),
            descriptions,
            scratch: String::new(),
        }
    }

    /// The object of an id, in any letter case, made if it is new; `None` for an empty id.
    pub(crate) fn refer(&mut self, id: &str, class: Class) -> Option<ObjectIx> {
        let id = id.trim();
        if id.is_empty() {
            return None;
        }
        self.scratch.clear();
        self.scratch.push_str(id);
        self.scratch.make_ascii_uppercase();
        let hash = FxBuildHasher.hash_one(&self.scratch);
        let found = self.table.find(hash, |&at| self.id_is(at, &self.scratch)).copied();
        let at = found.unwrap_or_else(|| self.insert(hash));
        if let Some(object) = self.objects.get_mut(at as usize)
            && object.hint == Class::Unknown
        {
            object.hint = class;
        }
        Some(ObjectIx(at))
    }

    fn id_is(&self, at: u32, id: &str) -> bool {
        self.objects.get(at as usize).is_some_and(|object| self.texts.at(object.id) == id)
    }

    fn insert(&mut self, hash: u64) -> u32 {
        let at = u32::try_from(self.objects.len()).unwrap_or(u32::MAX);
        let id = self.texts.keep(&self.scratch);
        self.objects.push(Object { id, ..Object::default() });
        let Self { table, objects, texts, .. } = self;
        table.insert_unique(hash, at, |&at| {
            let id = objects.get(at as usize).map_or("", |object| texts.at(object.id));
            FxBuildHasher.hash_one(id)
        });
        at
    }

    /// The object of an id, if anything has named it.
    pub(crate) fn find(&self, id: &str) -> Option<ObjectIx> {
        let id = id.to_ascii_uppercase();
        let hash = FxBuildHasher.hash_one(&id);
        self.table.find(hash, |&at| self.id_is(at, &id)).map(|&at| ObjectIx(at))
    }

    /// Starts the next file; its number is given to [`Objects::declare`].
    pub(crate) fn next_file(&mut self) -> u32 {
        self.files.push(Class::Unknown);
        u32::try_from(self.files.len()).unwrap_or(u32::MAX)
    }

    /// Says what the records of a file are.
    pub(crate) fn set_class_of_file(&mut self, file: u32, class: Class) {
        if let Some(slot) = (file as usize).checked_sub(1).and_then(|at| self.files.get_mut(at)) {
            *slot = class;
        }
    }

    /// Notes that an object has a record in a file; the first one tells its class.
    pub(crate) fn declare(&mut self, object: ObjectIx, file: u32) {
        if let Some(object) = self.get_mut(object)
            && object.file == 0
        {
            object.file = file;
        }
    }

    /// Gives an object the name that its node is called by; the first one stays.
    pub(crate) fn name(&mut self, object: ObjectIx, name: &str) {
        let has_name = self.get(object).is_none_or(|object| !object.name.is_empty());
        if has_name || name.trim().is_empty() {
            return;
        }
        let id = NodeId::from_parts("", name);
        let span = self.texts.keep(id.name());
        if let Some(object) = self.get_mut(object) {
            object.name = span;
        }
    }

    /// Keeps what people call an object and its other spellings; the last record counts.
    ///
    /// # Errors
    /// The spill file cannot be written.
    pub(crate) fn describe(&mut self, object: ObjectIx, what: &Description) -> io::Result<()> {
        if let Some(place) = self.descriptions.keep(what)?
            && let Some(object) = self.get_mut(object)
        {
            object.described = place;
        }
        Ok(())
    }

    /// Makes something true of an object.
    pub(crate) fn set(&mut self, object: ObjectIx, flag: Flag) {
        if let Some(object) = self.get_mut(object) {
            object.flags |= flag as u8;
        }
    }

    /// The domain of a name, made if it is new; 0 for no name.
    pub(crate) fn domain(&mut self, name: &str) -> u16 {
        if name.is_empty() {
            return 0;
        }
        if let Some(&at) = self.domain_by_name.get(name) {
            return at;
        }
        let upper = name.to_ascii_uppercase();
        let known = self.domain_by_name.get(&upper).copied();
        let at = known.unwrap_or_else(|| {
            self.domains.push(Domain { name: upper.clone(), ..Domain::default() });
            let at = u16::try_from(self.domains.len()).unwrap_or(0);
            self.domain_by_name.insert(upper, at);
            at
        });
        self.domain_by_name.insert(name.to_owned(), at);
        at
    }

    /// What is known of a domain, to add to.
    pub(crate) fn domain_mut(&mut self, domain: u16) -> Option<&mut Domain> {
        (domain as usize).checked_sub(1).and_then(|at| self.domains.get_mut(at))
    }

    /// The domain of an object, where a record says it.
    pub(crate) fn domain_of(&self, object: &Object) -> Option<&Domain> {
        (object.domain as usize).checked_sub(1).and_then(|at| self.domains.get(at))
    }

    /// The groups that every account is in: Everyone and Authenticated Users of every domain.
    pub(crate) fn everybody(&self) -> Vec<ObjectIx> {
        let objects = self.objects.iter().zip((0..).map(ObjectIx));
        let of_all = |object: &Object| {
            let id = self.id(object);
            id.ends_with("S-1-5-11") || id.ends_with("S-1-1-0")
        };
        objects.filter(|(object, _)| of_all(object)).map(|(_, at)| at).collect()
    }

    /// Puts an object into a domain.
    pub(crate) fn set_domain(&mut self, object: ObjectIx, domain: u16) {
        if let Some(object) = self.get_mut(object) {
            object.domain = domain;
        }
    }

    /// All domains that records name.
    pub(crate) fn domains(&self) -> &[Domain] {
        &self.domains
    }

    /// All objects; positions are [`ObjectIx`].
    pub(crate) fn all(&self) -> &[Object] {
        &self.objects
    }

    /// One object.
    pub(crate) fn get(&self, object: ObjectIx) -> Option<&Object> {
        self.objects.get(object.0 as usize)
    }

    fn get_mut(&mut self, object: ObjectIx) -> Option<&mut Object> {
        self.objects.get_mut(object.0 as usize)
    }

    /// The id of an object, in upper case.
    pub(crate) fn id(&self, object: &Object) -> &str {
        self.texts.at(object.id)
    }

    /// The name that an object's node is called by, if it has one.
    pub(crate) fn name_of(&self, object: &Object) -> Option<&str> {
        Some(self.texts.at(object.name)).filter(|name| !name.is_empty())
    }

    /// What an object is: its record's file says, else its id, else who refers to it.
    pub(crate) fn class(&self, object: &Object) -> Class {
        let of_file = (object.file as usize).checked_sub(1).and_then(|at| self.files.get(at));
        let known = of_file.copied().filter(|class| *class != Class::Unknown);
        let by_id = || super::class::well_known(self.id(object)).map(|known| known.class);
        known
            .or_else(|| Some(object.hint).filter(|class| *class != Class::Unknown))
            .or_else(by_id)
            .unwrap_or(Class::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(folder: &std::path::Path) -> Objects {
        Objects::new(Descriptions::create(&folder.join("nodes")).unwrap())
    }

    #[test]
    fn an_id_is_one_object_in_any_letter_case() {
        let folder = tempfile::tempdir().unwrap();
        let mut objects = objects(folder.path());
        let first = objects.refer("a1b2-guid", Class::Unknown).unwrap();
        assert_eq!(objects.refer(" A1B2-GUID ", Class::Policy), Some(first));
        assert_eq!(objects.refer("", Class::User), None);
        for number in 0..10_000 {
            objects.refer(&format!("S-1-5-21-1-2-3-{number}"), Class::User);
        }
        assert_eq!(objects.all().len(), 10_001);
        assert_eq!(objects.find("a1b2-GUID"), Some(first));
        assert_eq!(objects.find("S-1-5-21-1-2-3-9999"), Some(ObjectIx(10_000)));
        assert_eq!(objects.find("nobody"), None);
        let object = *objects.get(first).unwrap();
        assert_eq!((objects.id(&object), objects.class(&object)), ("A1B2-GUID", Class::Policy));
    }

    #[test]
    fn the_file_tells_the_class_when_it_is_known_at_last() {
        let folder = tempfile::tempdir().unwrap();
        let mut objects = objects(folder.path());
        let file = objects.next_file();
        let object = objects.refer("X-1", Class::Unknown).unwrap();
        objects.declare(object, file);
        objects.set_class_of_file(file, Class::Container);
        objects.name(object, "USERS@NORTH.EXAMPLE");
        objects.name(object, "LATER");
        let object = *objects.get(object).unwrap();
        assert_eq!(objects.class(&object), Class::Container);
        assert_eq!(objects.name_of(&object), Some("users@north.example"));
    }
}
