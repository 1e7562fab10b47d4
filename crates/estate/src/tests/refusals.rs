//! Bad input and the lines that it is answered with.

use super::{EVERYTHING, shown};
use crate::generate::{RETAILER_CORE, Random};
use crate::parse;

/// Three good nodes, on lines 1 to 6; what a test adds begins on line 7.
const NODES: &str =
    "[[node]]\nid = 'host:a1'\n[[node]]\nid = 'host:b2'\n[[node]]\nid = 'app:pos'\n";

/// Checks all problems of a text that follows three good nodes.
#[track_caller]
fn check_refused(text: &str, expect: &[&str]) {
    let text = format!("{NODES}{text}");
    let problems = parse(&[("e.toml", &text)]).expect_err("the estate should be refused");
    assert_eq!(shown(&problems), expect, "{text}");
}

/// Checks all warnings of a text that follows three good nodes.
#[track_caller]
fn check_warned(text: &str, expect: &[&str]) {
    let text = format!("{NODES}{text}");
    let loaded = parse(&[("e.toml", &text)]).expect("the estate should load");
    assert_eq!(shown(&loaded.warnings), expect, "{text}");
}

/// Checks all problems of three tables.
#[track_caller]
fn check_tables_refused(nodes: &str, links: &str, withdrawals: &str, expect: &[&str]) {
    let files = [("nodes.csv", nodes), ("links.csv", links), ("withdrawals.csv", withdrawals)];
    let problems = parse(&files).expect_err("the estate should be refused");
    assert_eq!(shown(&problems), expect);
}

#[test]
fn services_are_refused() {
    check_refused(
        r#"[[service]]
id = 'tills'
needs = 'app:pso and (host:a1 or host:zz)'
protected = 'yes'
cost_per_hour = -5
colour = 1
"#,
        &[
            "e.toml line 9: `needs` names `app:pso`, which is not a node [did you mean `app:pos`? otherwise declare it as a node]",
            "e.toml line 9: `needs` names `host:zz`, which is not a node [declare it with `[[node]]` or in `nodes.csv`, or remove the mention]",
            "e.toml line 10: `protected` of `service` is a text [write `true` or `false`, without quotes]",
            "e.toml line 11: `cost_per_hour` is negative: -5 [costs and losses are zero or more]",
            "e.toml line 12: unknown key `colour` in `service` [known are id, name, needs, protected, cost_per_hour, probe]",
        ],
    );
}

#[test]
fn needs_are_refused() {
    check_refused(
        r#"[[service]]
id = 'tills'
needs = 'app:pos and'
protected = true
[[service]]
needs = '3 of (app:pos, host:a1)'
id = 'tills'
protected = true
"#,
        &[
            "e.toml line 9, column 21: `needs`: the expression ends early [name a node at its end]",
            "e.toml line 12, column 10: `needs`: `3 of` has only 2 to choose from, so the protected service `tills` cannot trade even now [ask for 1 to 2 of them]",
            "e.toml line 13: two services have the id `tills`, first at e.toml line 8 [remove one of them or make them differ]",
        ],
    );
}

#[test]
fn ids_are_refused() {
    check_refused(
        r#"[[node]]
id = 'Host:A b'
[[node]]
id = 'nokind'
[[node]]
name = 'x'
"#,
        &[
            "e.toml line 8: `Host:A b` holds the character ' '; write it percent-encoded [write `host:a%20b`]",
            "e.toml line 10: `nokind` is not of the form `kind:name` [write ids as `kind:name`, for example `host:dc1`]",
            "e.toml line 11: a `node` has no `id` [add `id = \"...\"`]",
        ],
    );
}

#[test]
fn links_are_refused() {
    check_refused(
        r#"[[link]]
from = 'host:a1'
to = 'host:zzz'
kind = 'Controls'
seconds = -1
[[link]]
from = 'host:a1'
"#,
        &[
            "e.toml line 9: a link names `host:zzz`, which is not a node [declare it with `[[node]]` or in `nodes.csv`, or remove the mention]",
            "e.toml line 11: `seconds` of `link` is -1 [write a whole number from 0 to 4294967295]",
            "e.toml line 12: a `link` has no `to` [add `to = \"...\"`]",
            "e.toml line 12: a `link` has no `kind` [add `kind = \"...\"`]",
        ],
    );
}

#[test]
fn assets_are_refused() {
    check_refused(
        r#"[[asset]]
node = 'host:a1'
loss = 1.234
[[asset]]
node = 'host:a1'
loss = '5'
[[asset]]
node = 'app:pos'
loss = 99999999999999999
[[asset]]
node = 'host:b2'
"#,
        &[
            "e.toml line 9: `loss`: `1.234` has more than two decimals [write whole units of the currency with at most two decimals]",
            "e.toml line 10: two assets have the node `host:a1`, first at e.toml line 7 [remove one of them or make them differ]",
            "e.toml line 12: `loss` of `asset` is a text [write an amount of money, a number without quotes]",
            "e.toml line 15: `loss`: `99999999999999999` is beyond 45035996273704 units [write whole units of the currency with at most two decimals]",
            "e.toml line 16: an `asset` has neither `loss` nor `must_hold` [say what is lost if the intruder reaches it]",
        ],
    );
}

#[test]
fn caps_are_refused() {
    check_refused(
        r#"[[cap]]
kind = 'x'
most = 1.5
[[cap]]
[[cap]]
kind='y'
most = 1
[[cap]]
kind='y'
most = 2
"#,
        &[
            "e.toml line 9: `most` of `cap` is a decimal number [write a whole number]",
            "e.toml line 10: a `cap` has no `kind` [add `kind = \"...\"`]",
            "e.toml line 10: a `cap` has no `most` [add how many one plan may hold: `most = 50`]",
            "e.toml line 14: two caps have the kind `y`, first at e.toml line 11 [remove one of them or make them differ]",
        ],
    );
}

#[test]
fn withdrawals_are_refused() {
    check_refused(
        r#"[[withdrawal]]
id = 'w'
kind = 'isolate-host'
removes = ['host:a1', 'host:qq']
[[withdrawal]]
id = 'w'
kind = 'isolate-host'
removes = []
mode = 'stop'
[[withdrawal]]
kind = 'k'
removes = ['host:a1', 'host:b2']
"#,
        &[
            "e.toml line 10: `removes` names `host:qq`, which is not a node [declare it with `[[node]]` or in `nodes.csv`, or remove the mention]",
            "e.toml line 11: a withdrawal removes nothing [name at least one node in `removes`]",
            "e.toml line 11: two withdrawals have the id `w`, first at e.toml line 7 [remove one of them or make them differ]",
            "e.toml line 15: `stop` is not a mode [write `refuse` or `end`]",
            "e.toml line 16: a withdrawal of several nodes has no `id` [give it an id]",
        ],
    );
}

#[test]
fn wrong_types_are_refused() {
    check_refused(
        r#"[[withdrawal]]
kind = 'isolate-host'
removes = 'host:a1'
enforcer = 'host:xx'
"#,
        &[
            "e.toml line 9: `removes` of `withdrawal` is a text [write a list of texts, `[\"...\"]`]",
            "e.toml line 10: `enforcer` names `host:xx`, which is not a node [declare it with `[[node]]` or in `nodes.csv`, or remove the mention]",
        ],
    );
}

#[test]
fn cycles_are_refused() {
    check_refused(
        r#"[[link]]
from = 'app:pos'
to = 'host:a1'
kind = 'RunsOn'
[[link]]
from = 'host:a1'
to = 'host:b2'
kind = 'runson'
[[node]]
id = 'host:b2'
needs = 'app:pos'
"#,
        &[
            "e.toml line 17: a cycle of needs: host:a1 needs host:b2 needs app:pos needs host:a1 [remove one `needs` or `RunsOn` of the cycle]",
        ],
    );
}

#[test]
fn headings_are_refused() {
    check_refused(
        r#"[estate]
name = 'x'
horizon_hours = 0
default_withdrawals = 1
[[services]]
id = 1
[holding]
node = 'host:a1'
[[connector]]
name = 'x'
"#,
        &[
            "e.toml line 9: `horizon_hours` of `estate` is 0 [write a whole number from 1 to 87600]",
            "e.toml line 10: `default_withdrawals` of `estate` is a whole number [write `true` or `false`, without quotes]",
            "e.toml line 11: unknown entry `services` [did you mean `service`?]",
            "e.toml line 13: `holding` is not a list of tables [write `[[holding]]`]",
            "e.toml line 15: unknown entry `connector` [move it to `cordon.toml`]",
        ],
    );
}

#[test]
fn holdings_are_refused() {
    check_refused(
        r#"[[holding]]
node = 'host:a1'
categories = ['Date of birth', 5]
people = 1.5
copies = ['host:a2']
[[coverage]]
holding = 'host:b2'
source = ''
"#,
        &[
            "e.toml line 9: `categories` of `holding` is a whole number [write a list of texts, `[\"...\"]`]",
            "e.toml line 10: `people` of `holding` is a decimal number [write a whole number]",
            "e.toml line 11: `copies` names `host:a2`, which is not a node [did you mean `host:a1`? otherwise declare it as a node]",
            "e.toml line 14: `source` of `coverage` is empty [give it a value or leave the key out]",
        ],
    );
}

#[test]
fn coverage_of_nothing_is_refused() {
    check_refused(
        r#"[[coverage]]
holding = 'host:b2'
source = 'x'
"#,
        &[
            "e.toml line 7: a coverage names `host:b2`, which is not a holding [name the node of a `[[holding]]` or one of its `copies`]",
        ],
    );
}

#[test]
fn slips_of_syntax_do_not_hide_each_other() {
    check_refused(
        r#"[[node]]
id = 'host:c
[[node]]
id = "x:y"
id = 'x:y'
[[service]]
id = 's'
needs = 'host:zz'
"#,
        &[
            "e.toml line 8: not TOML: a text is not closed on its line [close the quote]",
            "e.toml line 10: not TOML: the key `id` stands twice [keep one of them]",
        ],
    );
}

#[test]
fn ids_of_defaults_are_taken() {
    check_refused(
        r#"[[withdrawal]]
id = 'isolate-host/host:a1'
kind = 'other'
removes = ['host:b2']
"#,
        &[
            "e.toml line 7: the id `isolate-host/host:a1` is that of a default withdrawal, but this is another one [give it another id]",
        ],
    );
}

#[test]
fn more_money_than_there_is_is_refused() {
    check_refused(
        r#"[estate]
name = 'x'
[[asset]]
node = 'host:a1'
loss = 45000000000000
[[asset]]
node = 'host:b2'
loss = 45000000000000
"#,
        &[
            "e.toml line 7: all prices and losses together pass 45,035,996,273,704.96 GBP [write the estate in a larger unit of money]",
        ],
    );
}

#[test]
fn broken_lines_cost_one_line_each() {
    check_tables_refused(
        "id,kind,name,aliases,tags\nhost:a1,hots,,,\nhost:b2,host,\"x,,\nhost:c3,host\nHost:D,,,,\n",
        "from,to,kind\nhost:a1,host:a1,\n",
        "id,kind,removes,cost,stops\nw,,host:a1,1,true\n",
        &[
            "links.csv line 2: the link has no `kind` [write `Controls` if none fits]",
            "nodes.csv line 2: the column `kind` says `hots`, the id `host:a1` says `host` [write `host`, leave it empty, or mend the id]",
            "nodes.csv line 3: the quote that opens field 3 is not closed on its line [close the quote before the line ends]",
            "nodes.csv line 4: 2 fields, but the first line names 5 [quote fields that hold commas]",
            "nodes.csv line 5: `Host:D` is not in lower case and Unicode normal form C [write `host:d`]",
            "withdrawals.csv line 2: the withdrawal has no `kind` [name its kind]",
        ],
    );
}

#[test]
fn fields_are_refused_with_their_lines() {
    check_tables_refused(
        "id,kind\nhost:a1,host\nuser:u1,user\n",
        "from,to,kind,seconds\nhost:a1,host:a9,Controls,\nhost:zz9,user:u1,Controls,1.5\n",
        "id,kind,removes,cost,cost_per_hour,stops,enforcer\nw,k,user:u1,-1,1.005,yes,host:a1\nw,k,user:u1;user:u2,x,,false,\nv,k,,1,1,true,\n",
        &[
            "links.csv line 2: a link names `host:a9`, which is not a node [did you mean `host:a1`? otherwise declare it as a node]",
            "links.csv line 3: a link names `host:zz9`, which is not a node [declare it with `[[node]]` or in `nodes.csv`, or remove the mention]",
            "links.csv line 3: `seconds` is `1.5` [write a whole number of seconds, or nothing]",
            "withdrawals.csv line 2: `cost` is negative: -1 [costs and losses are zero or more]",
            "withdrawals.csv line 2: `cost_per_hour`: `1.005` has more than two decimals [write whole units of the currency with at most two decimals]",
            "withdrawals.csv line 2: `stops` is `yes` [write `true` or `false`]",
            "withdrawals.csv line 3: `removes` names `user:u2`, which is not a node [did you mean `user:u1`? otherwise declare it as a node]",
            "withdrawals.csv line 3: `cost`: `x` is not an amount of money [write whole units of the currency with at most two decimals]",
            "withdrawals.csv line 3: two withdrawals have the id `w`, first at withdrawals.csv line 2 [remove one of them or make them differ]",
            "withdrawals.csv line 4: a withdrawal removes nothing [name at least one node in `removes`]",
        ],
    );
}

#[test]
fn columns_are_refused() {
    check_tables_refused(
        "id;kind\n",
        "from,to,knd\n",
        "",
        &[
            "links.csv line 1: unknown column `knd` [did you mean `kind`?]",
            "links.csv line 1: there is no column `kind` [name the columns in the first line: from,to,kind,seconds]",
            "nodes.csv line 1: unknown column `id;kind` [known are id,kind,name,aliases,tags]",
            "nodes.csv line 1: there is no column `id` [name the columns in the first line: id,kind,name,aliases,tags]",
            "withdrawals.csv: the file is empty [write the first line id,kind,removes,cost,cost_per_hour,stops,enforcer,mode,connector or remove the file]",
        ],
    );
}

#[test]
fn the_configuration_is_refused() {
    let estate = format!(
        "{NODES}[[withdrawal]]\nkind='isolate-host'\nremoves=['host:a1']\nconnector='firewal'\n"
    );
    let config = r#"[[connector]]
name = 'firewall'
kind = 'range'
handles = ['isolate-host']
enforcer = 'host:a3'
[[connector]]
name = 'firewall'
kind = 'range'
handles = ['isolate-host']
[console]
listen = 5
[[node]]
id = 'x:y'
[[source]]
name='a'
[[source]]
name='a'
[retention]
events_days = 0
"#;
    let problems = parse(&[("e.toml", &estate), ("cordon.toml", config)]).expect_err("refused");
    assert_eq!(
        shown(&problems),
        [
            "cordon.toml line 5: `enforcer` names `host:a3`, which is not a node [did you mean `host:a1`? otherwise declare it as a node]",
            "cordon.toml line 7: two connectors have the name `firewall` [give one of them another name]",
            "cordon.toml line 9: `isolate-host` is handled by `firewall` already [let one connector handle it, and name the other in its withdrawals]",
            "cordon.toml line 11: `listen` of `console` is a whole number [write a text in quotes]",
            "cordon.toml line 12: unknown entry `node` [move it to a file in `estate/`]",
            "cordon.toml line 17: two sources have the name `a` [give one of them another name]",
            "cordon.toml line 19: `events_days` of `retention` is 0 [write a whole number from 1 to 36500]",
            "e.toml line 10: the connector `firewal` is not declared [did you mean `firewall`?]",
        ]
    );
}

#[test]
fn withdrawals_that_cannot_work_are_told() {
    check_warned(
        r#"[[withdrawal]]
kind='close'
mode='end'
removes=['host:a1']
[[withdrawal]]
kind='isolate-host'
removes=['host:a1']
enforcer='host:a1'
connector='fw'
"#,
        &[
            "e.toml line 7: `close/host:a1` ends what is open, but removes `host:a1` [let it remove `session:` nodes, or make its mode `refuse`]",
            "e.toml line 11: `isolate-host/host:a1` stops its own enforcer, so it is always void [name another enforcer]",
            "e.toml line 15: the connector `fw` is not declared [add a `[[connector]]` to `cordon.toml`]",
        ],
    );
}

#[test]
fn what_is_probably_not_meant_is_told() {
    check_warned(
        r#"[[holding]]
node='app:pos'
categories=['name']
must_hold=true
[[link]]
from='host:b2'
to='app:pos'
kind='CopyOf'
[[link]]
from='host:b2'
to='app:pos'
kind='MemberOff'
[[cap]]
kind='isolate-hosts'
most=1
"#,
        &[
            "e.toml line 7: no coverage says which source shows accesses to `app:pos` [add a `[[coverage]]`, or nothing about it can be ruled out from logs]",
            "e.toml line 7: `app:pos` must be held, but losing it costs nothing [give it a `loss`, which decides when not all can be held]",
            "e.toml line 11: `host:b2` is a copy of the holding `app:pos`, whose `copies` lack it [add it to `copies`, or its loss is not counted]",
            "e.toml line 15: the kind of link `MemberOff` is not known, so it gives control [did you mean `MemberOf`?]",
            "e.toml line 19: no withdrawal is of the kind `isolate-hosts`, which a cap bounds [did you mean `isolate-host`?]",
        ],
    );
}

#[test]
fn spellings_of_two_nodes_are_told() {
    check_warned(
        r#"[[node]]
id='host:c3'
aliases=['A1','x']
[[node]]
id='host:d4'
aliases=['X']
[[node]]
id='user:d4'
aliases=['X']
"#,
        &[
            "e.toml line 8: `a1` means both `host:a1` and `host:c3` [remove the alias from one of them]",
            "e.toml line 11: `x` means both `host:c3` and `host:d4` [remove the alias from one of them]",
        ],
    );
}

#[test]
fn a_million_wrong_lines_are_counted() {
    let mut links = String::from("from,to,kind\n");
    links.push_str(&"host:a,host:b,Controls\n".repeat(1_500));
    let problems = parse(&[("links.csv", &links)]).unwrap_err();
    assert_eq!(problems.len(), 1_001);
    assert_eq!(problems[1_000].what, "2000 further problems in this file are not listed");
}

#[test]
fn mangled_files_never_panic() {
    let mut random = Random::new(20);
    let mut refused = 0;
    for round in 0..3_000 {
        let mut files: Vec<(&str, String)> =
            if round % 10 == 0 { &RETAILER_CORE[..] } else { EVERYTHING }
                .iter()
                .map(|&(name, text)| (name, text.to_owned()))
                .collect();
        for _ in 0..=random.below(3) {
            let at = random.below(u32::try_from(files.len()).unwrap()) as usize;
            mangle(&mut files[at].1, &mut random);
        }
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        refused += usize::from(parse(&files).is_err());
    }
    assert!(refused > 2_000, "{refused}");
}

/// Removes, doubles or replaces a stretch of characters.
fn mangle(text: &mut String, random: &mut Random) {
    const MARKS: [&str; 14] =
        ["\"", "'", "[", "]", "[[", "{", "}", "=", ",", "\n", ".", "(", "\u{0}", "id = "];
    let chars: Vec<char> = text.chars().collect();
    let from = random.below(u32::try_from(chars.len()).unwrap_or(1)) as usize;
    let to = (from + random.below(12) as usize).min(chars.len());
    let stretch: String = chars[from..to].iter().collect();
    let mark = MARKS[random.below(14) as usize];
    let new = [String::new(), stretch.repeat(2), mark.to_owned(), format!("{mark}{stretch}")];
    let new = &new[random.below(4) as usize];
    *text =
        chars[..from].iter().collect::<String>() + new + &chars[to..].iter().collect::<String>();
}
