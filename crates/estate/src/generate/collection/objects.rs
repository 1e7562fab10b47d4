//! Who is who in the invented directory: ids, names and numbers of each class.

use super::{Collection, Stated, Version};
use crate::generate::Random;

/// The directory's name.
pub(super) const DOMAIN: &str = "NORTH.EXAMPLE";
/// Its SID.
pub(super) const SID: &str = "S-1-5-21-2718281828-1414213562-577215664";
/// A trusted domain that was not collected.
pub(super) const FOREIGN: &str = "S-1-5-21-1618033988-749894848-204586834";

/// Groups that every directory has: the end of the id, the name.
pub(super) const BUILT_IN: [(&str, &str); 8] = [
    ("-512", "DOMAIN ADMINS"),
    ("-513", "DOMAIN USERS"),
    ("-515", "DOMAIN COMPUTERS"),
    ("-516", "DOMAIN CONTROLLERS"),
    ("-518", "SCHEMA ADMINS"),
    ("-519", "ENTERPRISE ADMINS"),
    ("S-1-5-32-544", "ADMINISTRATORS"),
    ("S-1-5-9", "ENTERPRISE DOMAIN CONTROLLERS"),
];

pub(super) const DOMAIN_ADMINS: u32 = 0;
pub(super) const DOMAIN_USERS: u32 = 1;
pub(super) const DOMAIN_COMPUTERS: u32 = 2;
pub(super) const CONTROLLERS: u32 = 3;
pub(super) const ENTERPRISE_ADMINS: u32 = 5;
pub(super) const ADMINISTRATORS: u32 = 6;
pub(super) const ENTERPRISE_CONTROLLERS: u32 = 7;
/// The first group that is not built in.
pub(super) const TEAMS: u32 = 8;

/// People of one department, each with their own help desk, unit and workstations.
pub(super) const DEPARTMENT: u32 = 200;

pub(super) const CONTAINERS: u32 = 2;
pub(super) const TEMPLATES: u32 = 6;
/// Records of the types that have a fixed number.
const SINGLE: u32 = CONTAINERS + TEMPLATES + 6;

/// The directory while it is written.
pub(super) struct Directory {
    pub(super) version: Version,
    pub(super) stated: Stated,
    /// The record being written.
    pub(super) text: String,
    pub(super) users: u32,
    pub(super) computers: u32,
    pub(super) groups: u32,
    pub(super) units: u32,
    pub(super) policies: u32,
    random: Random,
}

impl Directory {
    pub(super) fn new(what: Collection) -> Self {
        let objects = what.objects.max(200);
        let share = |percent: u32| objects / 100 * percent;
        let (computers, groups) = (share(30), share(12).max(20));
        let (units, policies) = (share(55).div_ceil(DEPARTMENT) + 3, (objects / 500).max(4));
        let rest = computers + groups + units + policies + SINGLE;
        Self {
            version: what.version,
            stated: Stated::default(),
            text: String::new(),
            // Whatever is left over are people.
            users: objects.saturating_sub(rest),
            computers,
            groups,
            units,
            policies,
            random: Random::new(what.seed),
        }
    }

    /// How many records of a type there are.
    pub(super) fn count(&self, kind: &str) -> u32 {
        match kind {
            "users" => self.users,
            "computers" => self.computers,
            "groups" => self.groups,
            "ous" => self.units,
            "gpos" => self.policies,
            "containers" => CONTAINERS,
            "certtemplates" => TEMPLATES,
            _ => 1,
        }
    }

    pub(super) fn departments(&self) -> u32 {
        self.units.saturating_sub(3).max(1)
    }

    /// The department of a workstation or a person.
    pub(super) fn department(&self, number: u32) -> u32 {
        number / DEPARTMENT % self.departments()
    }

    /// Controllers come first among computers, one in two thousand.
    pub(super) fn controllers(&self) -> u32 {
        (self.computers / 2_000).max(2)
    }

    /// Servers come after them, one computer in ten.
    pub(super) fn servers(&self) -> u32 {
        (self.computers / 10).max(1)
    }

    pub(super) fn is_server(&self, computer: u32) -> bool {
        (self.controllers()..self.controllers() + self.servers()).contains(&computer)
    }

    pub(super) fn pick(&mut self, below: u32) -> u32 {
        self.random.below(below)
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }
}

/// The id of a person; the first relative ids are taken.
pub(super) fn user(number: u32) -> String {
    format!("{SID}-{}", 1_000 + number)
}

pub(super) fn computer(number: u32) -> String {
    format!("{SID}-{}", 10_000_000 + number)
}

/// The id of a group: the built-in ones first.
pub(super) fn group(number: u32) -> String {
    match BUILT_IN.get(number as usize) {
        Some((end, _)) if end.starts_with('-') => format!("{SID}{end}"),
        Some((end, _)) => format!("{DOMAIN}-{end}"),
        None => format!("{SID}-{}", 20_000_000 + number),
    }
}

/// What one of a department's three groups is for; the first of them holds its people.
#[derive(Clone, Copy)]
pub(super) enum Team {
    HelpDesk = 1,
    Administrators = 2,
}

/// The number of a department's group.
pub(super) fn team(department: u32, sort: Team) -> u32 {
    TEAMS + department * 3 + sort as u32
}

/// An id of something without a SID.
fn guid(class: u32, number: u32) -> String {
    format!("{number:08X}-0000-4000-8000-{class:012X}")
}

pub(super) fn unit(number: u32) -> String {
    guid(1, number)
}

pub(super) fn policy(number: u32) -> String {
    guid(2, number)
}

pub(super) fn container(number: u32) -> String {
    guid(3, number)
}

pub(super) fn template(number: u32) -> String {
    guid(4, number)
}

pub(super) fn single(class: u32) -> String {
    guid(10 + class, 0)
}
