//! Small estates: written as lines, or drawn from a seed.

use cordon_model::estate::{Asset, Cap, Holding, Service, Withdrawal};
use cordon_model::needs::Needs;
use cordon_model::plan::PlannedFoothold;
use cordon_model::{Estate, EstateBuilder, Mode, Money, Node, NodeId, NodeIx};

/// Numbers from a seed (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    pub(super) fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

pub(super) fn foothold(node: &str, probability: f64, entrenched: bool) -> PlannedFoothold {
    PlannedFoothold { node: NodeId::parse(node).unwrap(), probability, entrenched }
}

/// A line's words: `offer o1 cut nostop removes=user:ann,app:x cost=5`.
struct Line<'l>(Vec<&'l str>);

impl<'l> Line<'l> {
    fn option(&self, key: &str) -> &'l str {
        let found = self.0.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        found.unwrap_or("")
    }

    fn flag(&self, key: &str) -> bool {
        self.0.contains(&key)
    }

    fn money(&self, key: &str) -> Money {
        self.option(key).parse().map_or(Money::ZERO, Money::units)
    }
}

fn nodes(builder: &mut EstateBuilder, list: &str) -> Vec<NodeIx> {
    let ids = list.split(',').filter(|id| !id.is_empty());
    ids.map(|id| builder.node(&NodeId::parse(id).unwrap())).collect()
}

/// Reads an estate from lines; see the match for what a line may say.
pub(super) fn estate(text: &str) -> Estate {
    let mut builder = EstateBuilder::new("Test", "GBP");
    builder.horizon_hours = 2;
    builder.default_withdrawals = false;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let line = Line(line.split_whitespace().collect());
        let words = &line.0;
        match words[0] {
            "defaults" => builder.default_withdrawals = true,
            "link" => {
                let ends = nodes(&mut builder, &format!("{},{}", words[1], words[2]));
                let kind = words.get(4).copied().unwrap_or("Controls");
                let seconds = words.get(3).map(|seconds| seconds.parse().unwrap());
                builder.add_link(ends[0], ends[1], kind, seconds);
            }
            "tag" => {
                let mut node = Node::new(NodeId::parse(words[1]).unwrap());
                node.tags.push(words[2].into());
                builder.add_node(node);
            }
            "needs" => {
                let owner = nodes(&mut builder, words[1])[0];
                let needs = tree(&mut words[2].chars().peekable(), &mut builder);
                builder.add_needs(owner, needs);
            }
            "service" => add_service(&mut builder, &line),
            "asset" | "holding" => add_asset(&mut builder, &line),
            "offer" => add_offer(&mut builder, &line),
            "cap" => {
                builder.caps.push(Cap { kind: words[1].into(), most: words[2].parse().unwrap() });
            }
            other => panic!("unknown line {other}"),
        }
    }
    builder.finish().unwrap()
}

fn add_service(builder: &mut EstateBuilder, line: &Line<'_>) {
    let needs = tree(&mut line.0[2].chars().peekable(), builder);
    builder.services.push(Service {
        id: line.0[1].into(),
        name: None,
        needs,
        protected: line.flag("protected"),
        cost_per_hour: line.money("hour"),
        probe: None,
    });
}

fn add_asset(builder: &mut EstateBuilder, line: &Line<'_>) {
    let node = nodes(builder, line.0[1])[0];
    let copies = nodes(builder, line.option("copies"));
    let (loss, must_hold) = (line.money("loss"), line.flag("hard"));
    if line.0[0] == "asset" {
        builder.assets.push(Asset { node, loss, must_hold, copies });
    } else {
        let (people, records, categories) = (None, None, Vec::new());
        let holding = Holding { node, categories, people, records, loss, copies, must_hold };
        builder.holdings.push(holding);
    }
}

fn add_offer(builder: &mut EstateBuilder, line: &Line<'_>) {
    let removes = nodes(builder, line.option("removes")).into();
    let enforcer = nodes(builder, line.option("enforcer")).first().copied();
    let end = line.flag("end");
    builder.withdrawals.push(Withdrawal {
        id: line.0[1].into(),
        kind: line.0[2].into(),
        mode: if end { Mode::End } else { Mode::Refuse },
        removes,
        stops: !line.flag("nostop") && !end,
        cost: line.money("cost"),
        cost_per_hour: line.money("hour"),
        enforcer,
        connector: None,
        declared: true,
        partner: None,
    });
}

/// Reads `a:x`, `2(a:x,b:y,1(c:z,d:u))`.
fn tree(text: &mut std::iter::Peekable<std::str::Chars<'_>>, builder: &mut EstateBuilder) -> Needs {
    let mut word = String::new();
    while let Some(&c) = text.peek() {
        match c {
            '(' => {
                text.next();
                let mut of = vec![tree(text, builder)];
                while text.next() == Some(',') {
                    of.push(tree(text, builder));
                }
                return Needs::AtLeast { k: word.parse().unwrap(), of };
            }
            ',' | ')' => break,
            _ => word.push(c),
        }
        text.next();
    }
    Needs::Node(builder.node(&NodeId::parse(&word).unwrap()))
}

const KINDS: [&str; 5] = ["user", "host", "app", "db", "group"];
const TAGS: [&str; 3] = ["never-touch", "break-glass", "site-1"];

/// Draws an estate of up to ten nodes and its footholds.
pub(super) fn draw(random: &mut Random) -> (Estate, Vec<PlannedFoothold>) {
    let mut text = String::new();
    let count = 5 + random.below(6);
    let ids: Vec<String> =
        (0..count).map(|at| format!("{}:n{at}", KINDS[random.below(KINDS.len())])).collect();
    if random.chance(25) {
        text.push_str("defaults\n");
    }
    for _ in 0..count + random.below(2 * count) {
        let (a, b) = (random.below(count), random.below(count));
        if a != b {
            let kind = if random.chance(10) { "CopyOf" } else { "Controls" };
            let seconds = 10 * random.below(9);
            text.push_str(&format!("link {} {} {seconds} {kind}\n", ids[a], ids[b]));
        }
    }
    for id in &ids {
        if random.chance(8) {
            text.push_str(&format!("tag {id} {}\n", random.pick(&TAGS)));
        }
    }
    // A node needs only nodes after it, so there is no cycle.
    for at in 0..count - 3 {
        if random.chance(20) {
            let needs = draw_needs(random, &ids[at + 1..], 1);
            text.push_str(&format!("needs {} {needs}\n", ids[at]));
        }
    }
    for at in 0..1 + random.below(3) {
        let protected = if random.chance(15) { "protected" } else { "" };
        let (needs, hour) = (draw_needs(random, &ids, 2), random.below(40));
        text.push_str(&format!("service s{at} {needs} hour={hour} {protected}\n"));
    }
    draw_assets(random, &ids, &mut text);
    draw_offers(random, &ids, &mut text);
    let estate = estate(&text);
    let mut footholds: Vec<PlannedFoothold> = Vec::new();
    for node in estate.nodes() {
        if footholds.is_empty() || random.chance(15) {
            let probability = *random.pick(&[1.0, 1.0, 0.95, 0.6, 0.3, 0.1]);
            footholds.push(foothold(node.id.as_str(), probability, random.chance(25)));
        }
    }
    (estate, footholds)
}

fn draw_needs(random: &mut Random, ids: &[String], depth: usize) -> String {
    if depth == 0 || random.chance(30) {
        return random.pick(ids).clone();
    }
    let count = 2 + random.below(2);
    let of: Vec<String> = (0..count).map(|_| draw_needs(random, ids, depth - 1)).collect();
    format!("{}({})", 1 + random.below(count), of.join(","))
}

fn draw_assets(random: &mut Random, ids: &[String], text: &mut String) {
    for at in 0..1 + random.below(3) {
        let node = &ids[ids.len() - 1 - at];
        let copies = if random.chance(25) { random.pick(ids) } else { "" };
        let (loss, hard) = (random.below(300), if random.chance(45) { "hard" } else { "" });
        let word = if random.chance(50) { "asset" } else { "holding" };
        text.push_str(&format!("{word} {node} loss={loss} {hard} copies={copies}\n"));
    }
}

fn draw_offers(random: &mut Random, ids: &[String], text: &mut String) {
    for at in 0..2 + random.below(5) {
        let mut removes = vec![random.pick(ids).clone()];
        if random.chance(25) {
            removes.push(random.pick(ids).clone());
        }
        let kind = random.pick(&["cut", "shut"]);
        let mode = random.pick(&["", "", "nostop", "end"]);
        let enforcer = if random.chance(35) { random.pick(ids) } else { "" };
        let (cost, hour, removes) = (random.below(60), random.below(5), removes.join(","));
        text.push_str(&format!(
            "offer o{at} {kind} {mode} removes={removes} cost={cost} hour={hour} enforcer={enforcer}\n"
        ));
    }
    if random.chance(40) {
        text.push_str(&format!("cap {} {}\n", random.pick(&["cut", "shut"]), random.below(3)));
    }
}
