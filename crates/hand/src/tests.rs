//! The hand on the range, and somebody who has taken over the process that speaks with it.

mod taken_over;

use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use cordon_authority::Authority;
use cordon_connectors::Site;
use cordon_connectors::range::Range;
use cordon_execute::orders::{Terms, orders};
use cordon_model::action::{Access, Act, Call, Json, Observed, Order, Outcome, Reply};
use cordon_model::plan::{AlternativeName, PlanDocument};
use cordon_model::record::{By, PlanChoice, Raise};
use cordon_model::{Estate, NodeId};
use cordon_plan::{Foothold, Limits, Planner, Request};

use crate::protocol::{Answer, Ask, Numbered, read, write};
use crate::serve::Feed;
use crate::warrant::hash_of;
use crate::{Hand, Rules, Warrant, bundle};

pub(crate) fn node(id: &str) -> NodeId {
    NodeId::parse(id).unwrap()
}

pub(crate) fn estate() -> Arc<Estate> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../estates/retailer");
    Arc::new(cordon_estate::read(Path::new(folder)).unwrap().estate)
}

/// A plan against one foothold of the sample estate.
pub(crate) fn plan(estate: &Estate, foothold: &str) -> PlanDocument {
    let node = estate.find(foothold).unwrap();
    let footholds = vec![Foothold { node, probability: 1.0, entrenched: false }];
    let limits = Limits { work: 1_000_000_000, seconds: 60.0, clock: &|| 0.0 };
    Planner::new(estate).plan(&Request { limits, ..Request::new(footholds) })
}

/// The case for the balanced alternative of a plan.
pub(crate) fn warrant(estate: &Estate, document: &PlanDocument) -> Warrant {
    let chosen =
        document.alternatives.iter().find(|a| a.name == AlternativeName::Balanced).unwrap();
    let terms = Terms { ttl_seconds: 3600, note: "incident 1".to_owned(), connector: None };
    let choice = PlanChoice {
        plan: "p1".into(),
        sha256: hash_of(document).unwrap(),
        alternative: AlternativeName::Balanced,
    };
    Warrant {
        raise: Raise {
            cordon: "c1".into(),
            incident: None,
            choice,
            orders: orders(estate, chosen, &terms),
            by: By::Cordon,
            because: String::new(),
        },
        document: document.clone(),
        in_force: Vec::new(),
        unavailable: Vec::new(),
        decisions: Vec::new(),
        knowingly: [].into(),
    }
}

/// A running hand, and the stream of whoever speaks with it.
pub(crate) struct Running {
    pub(crate) range: Range,
    stream: UnixStream,
    from: BufReader<UnixStream>,
    next: u64,
    feed: Feed,
    hand: Option<JoinHandle<()>>,
}

pub(crate) fn sites(estate: &Arc<Estate>, range: &Range) -> Vec<Site> {
    let connectors =
        ["directory", "identity-provider", "firewall", "desktop-broker", "database", "cloud"];
    let site = |name: &str| Site {
        name: name.to_owned(),
        kind: "range".to_owned(),
        settings: Json::Null,
        estate: Arc::clone(estate),
        folder: "".into(),
        range: Some(range.clone()),
    };
    connectors.map(site).into()
}

pub(crate) fn open(
    folder: &Path,
    estate: &Arc<Estate>,
    range: &Range,
    authority: Authority,
) -> Hand {
    let rules = Rules { estate: Arc::clone(estate), authority };
    Hand::open(folder, rules, sites(estate, range)).unwrap()
}

impl Running {
    pub(crate) fn start(folder: &Path, authority: Authority) -> Self {
        let estate = estate();
        let range = Range::open(Arc::clone(&estate), &folder.join("range.json")).unwrap();
        let hand = open(folder, &estate, &range, authority);
        let (stream, other) = UnixStream::pair().unwrap();
        let feed = hand.feed();
        let serving = feed.clone();
        thread::spawn(move || {
            let out = other.try_clone().unwrap();
            serving.serve(1, other, Box::new(out));
        });
        let hand = Some(thread::spawn(move || hand.run()));
        let from = BufReader::new(stream.try_clone().unwrap());
        Self { range, stream, from, next: 1, feed, hand }
    }

    pub(crate) fn ask(&mut self, body: Ask) -> Answer {
        let id = self.next;
        self.next += 1;
        write(&mut self.stream, &Numbered { id, body }).unwrap();
        loop {
            let answer: Numbered<Answer> = read(&mut self.from).unwrap().unwrap();
            if answer.id == id {
                return answer.body;
            }
        }
    }

    pub(crate) fn call(
        &mut self,
        act: Act,
        order: &Order,
        prior: &[Observed],
        attempt: u32,
    ) -> Reply {
        let targets = match prior {
            [] => order.targets.clone(),
            prior => prior.iter().map(|prior| prior.target.clone()).collect(),
        };
        let call = Call { act, order: order.clone(), targets, prior: prior.to_vec(), attempt };
        match self.ask(Ask::Call(Box::new(call))) {
            Answer::Reply(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn look(&mut self, order: &Order) -> Vec<Observed> {
        match self.call(Act::Look, order, &[], 0) {
            Reply::Seen { targets } => targets,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn stop(mut self) {
        self.feed.stop();
        self.hand.take().unwrap().join().unwrap();
    }
}

pub(crate) fn done(reply: &Reply) -> bool {
    matches!(reply, Reply::Acted { outcomes } if outcomes.iter().all(|o: &Outcome| o.answer.is_done()))
}

/// The first order that refuses, with everything needed to carry it out.
pub(crate) fn refusal(warrant: &Warrant) -> Order {
    let mut orders = warrant.raise.orders.iter();
    orders.find(|order| order.mode == cordon_model::Mode::Refuse).unwrap().clone()
}

#[test]
fn a_warranted_cordon_is_raised_and_lifted_and_then_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut hand = Running::start(folder.path(), Authority::of_the_range().unwrap());
    let before = hand.range.state();
    let estate = estate();
    let warrant = warrant(&estate, &plan(&estate, "user:helpdesk-04"));
    let accepted = hand.ask(Ask::Warrant(Box::new(warrant.clone())));
    assert!(matches!(accepted, Answer::Accepted { .. }), "{accepted:?}");
    // The same again is no second cordon.
    let again = hand.ask(Ask::Warrant(Box::new(warrant.clone())));
    assert!(matches!(again, Answer::Accepted { .. }), "{again:?}");
    let order = refusal(&warrant);
    let prior = hand.look(&order);
    assert!(done(&hand.call(Act::Refuse, &order, &prior, 1)));
    // A repeat of the same attempt is the same call.
    assert!(done(&hand.call(Act::Refuse, &order, &prior, 1)));
    assert_eq!(hand.look(&order)[0].access, Access::Refused);
    assert!(done(&hand.call(Act::Restore, &order, &prior, 2)));
    assert_eq!(hand.look(&order)[0].access, Access::Open);
    assert_eq!(before.differences(&hand.range.state()), []);
    // What is lifted needs a new warrant.
    let prior = hand.look(&order);
    let reply = hand.call(Act::Refuse, &order, &prior, 3);
    assert!(matches!(&reply, Reply::Trouble(t) if t.why.contains("new warrant")), "{reply:?}");
    hand.stop();
}

#[test]
fn a_restarted_hand_knows_what_it_took_and_looks_before_it_acts() {
    let folder = tempfile::tempdir().unwrap();
    let estate = estate();
    let warrant = warrant(&estate, &plan(&estate, "user:helpdesk-04"));
    let order = refusal(&warrant);
    let mut hand = Running::start(folder.path(), Authority::of_the_range().unwrap());
    let before = hand.range.state();
    hand.ask(Ask::Warrant(Box::new(warrant)));
    let prior = hand.look(&order);
    hand.stop();
    let mut hand = Running::start(folder.path(), Authority::of_the_range().unwrap());
    // Nothing was taken yet: the hand looks for itself, and a state that is not so is refused.
    let mut wrong = prior.clone();
    wrong[0].state = Json::from("something else");
    let reply = hand.call(Act::Refuse, &order, &wrong, 1);
    assert!(matches!(&reply, Reply::Trouble(t) if t.why.contains("no longer")), "{reply:?}");
    assert!(done(&hand.call(Act::Refuse, &order, &prior, 1)));
    hand.stop();
    let mut hand = Running::start(folder.path(), Authority::of_the_range().unwrap());
    assert_eq!(hand.look(&order)[0].owner.as_deref(), Some("cordon"));
    assert!(done(&hand.call(Act::Restore, &order, &prior, 2)));
    assert_eq!(before.differences(&hand.range.state()), []);
    hand.stop();
}

#[test]
fn a_bundle_gives_everything_back_with_nothing_else_running() {
    let folder = tempfile::tempdir().unwrap();
    let estate = estate();
    let warrant = warrant(&estate, &plan(&estate, "user:helpdesk-04"));
    let order = refusal(&warrant);
    let mut running = Running::start(folder.path(), Authority::of_the_range().unwrap());
    let before = running.range.state();
    running.ask(Ask::Warrant(Box::new(warrant)));
    let prior = running.look(&order);
    assert!(done(&running.call(Act::Refuse, &order, &prior, 1)));
    running.stop();

    let file = folder.path().join(bundle::FILE);
    let range = Range::open(Arc::clone(&estate), &folder.path().join("range.json")).unwrap();
    let mut hand = open(folder.path(), &estate, &range, Authority::of_the_range().unwrap());
    let paths = cordon_ledger::paths(folder.path());
    let key = cordon_ledger::read_public_key(&paths.public_key).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    for (from, to) in [
        ("helpdesk-04", "helpdesk-05"),
        ("refuse", "end"),
        ("\"signature\":\"", "\"signature\":\"00"),
    ] {
        let forged = folder.path().join("forged.json");
        assert!(text.contains(from));
        std::fs::write(&forged, text.replacen(from, to, 1)).unwrap();
        assert!(bundle::open(&forged, &key).is_err(), "{from}");
    }
    let held = bundle::open(&file, &key).unwrap();
    assert_eq!(held.entries.len(), 1);
    let mut lines = Vec::new();
    crate::release(&mut hand, &held, "ann", |released| lines.push(released.clone())).unwrap();
    assert!(lines.iter().all(|line| line.done), "{lines:?}");
    assert_eq!(before.differences(&range.state()), []);
    drop(hand);
    // A program that still wants it cannot put it back.
    let mut running = Running::start(folder.path(), Authority::of_the_range().unwrap());
    let seen = running.look(&order);
    let reply = running.call(Act::Refuse, &order, &seen, 2);
    assert!(matches!(&reply, Reply::Trouble(t) if t.why.contains("released")), "{reply:?}");
    let key = cordon_ledger::read_public_key(&paths.public_key).unwrap();
    assert_eq!(bundle::open(&file, &key).unwrap().entries, []);
    running.stop();
}
