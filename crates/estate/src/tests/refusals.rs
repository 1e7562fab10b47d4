//! Bad input and the lines that it is answered with.

use super::shown;
use crate::parse;

/// Three good nodes, on lines 1 to 6; what a test adds begins on line 7.
const NODES: &str = "[[node]]\nid = 'host:a1'\n[[node]]\nid = 'host:b2'\n[[node]]\nid = 'app:pos'\n";

/// Checks all problems of a text that follows three good nodes.
#[track_caller]
fn check_refused(text: &str, expect: &[&str]) {
    let text = format!("{NODES}{text}");
    let problems = parse(&[("e.toml", &text)]).expect_err("the estate should be refused");
    assert_eq!(shown(&problems), expect, "{text}");
}

#[test]
fn dump() {
    for text in [
        "[[service]]\nid = 'tills'\nneeds = 'app:pso and (host:a1 or host:zz)'\nprotected = 'yes'\ncost_per_hour = -5\ncolour = 1\n",
        "[[service]]\nid = 'tills'\nneeds = 'app:pos and'\nprotected = true\n[[service]]\nneeds = '3 of (app:pos, host:a1)'\nid = 'tills'\nprotected = true\n",
        "[[node]]\nid = 'Host:A b'\n[[node]]\nid = 'nokind'\n[[node]]\nname = 'x'\n",
        "[[link]]\nfrom = 'host:a1'\nto = 'host:zzz'\nkind = 'Controls'\nseconds = -1\n[[link]]\nfrom = 'host:a1'\n",
        "[[asset]]\nnode = 'host:a1'\nloss = 1.234\n[[asset]]\nnode = 'host:a1'\nloss = '5'\n[[asset]]\nnode = 'app:pos'\nloss = 99999999999999999\n[[asset]]\nnode = 'host:b2'\n",
        "[[cap]]\nkind = 'x'\nmost = 1.5\n[[cap]]\n[[cap]]\nkind='y'\nmost = 1\n[[cap]]\nkind='y'\nmost = 2\n",
        "[[withdrawal]]\nid = 'w'\nkind = 'isolate-host'\nremoves = ['host:a1', 'host:qq']\n[[withdrawal]]\nid = 'w'\nkind = 'isolate-host'\nremoves = []\nmode = 'stop'\n[[withdrawal]]\nkind = 'k'\nremoves = ['host:a1', 'host:b2']\n",
        "[[withdrawal]]\nkind = 'isolate-host'\nremoves = 'host:a1'\nenforcer = 'host:xx'\n",
        "[[link]]\nfrom = 'app:pos'\nto = 'host:a1'\nkind = 'RunsOn'\n[[link]]\nfrom = 'host:a1'\nto = 'host:b2'\nkind = 'runson'\n[[node]]\nid = 'host:b2'\nneeds = 'app:pos'\n",
        "[estate]\nname = 'x'\nhorizon_hours = 0\ndefault_withdrawals = 1\n[[services]]\nid = 1\n[holding]\nnode = 'host:a1'\n[[connector]]\nname = 'x'\n",
        "[[holding]]\nnode = 'host:a1'\ncategories = ['Date of birth', 5]\npeople = 1.5\ncopies = ['host:a2']\n[[coverage]]\nholding = 'host:b2'\nsource = ''\n",
        "[[coverage]]\nholding = 'host:b2'\nsource = 'x'\n",
        "[[node]]\nid = 'host:c\n[[node]]\nid = \"x:y\"\nid = 'x:y'\n[[service]]\nid = 's'\nneeds = 'host:zz'\n",
        "[[withdrawal]]\nid = 'isolate-host/host:a1'\nkind = 'other'\nremoves = ['host:b2']\n",
        "[estate]\nname = 'x'\n[[asset]]\nnode = 'host:a1'\nloss = 45000000000000\n[[asset]]\nnode = 'host:b2'\nloss = 45000000000000\n",
    ] {
        let text2 = format!("{NODES}{text}");
        let p = parse(&[("e.toml", &text2)]).expect_err("refused");
        println!("DUMP {text:?}\n{:#?}", shown(&p));
    }
    let csv = |n: &str, l: &str, w: &str| {
        let p = parse(&[("nodes.csv", n), ("links.csv", l), ("withdrawals.csv", w)]).expect_err("refused");
        println!("CSV {n:?} {l:?} {w:?}\n{:#?}", shown(&p));
    };
    csv("id,kind,name,aliases,tags\nhost:a1,hots,,,\nhost:b2,host,\"x,,\nhost:c3,host\nHost:D,,,,\n", "from,to,kind\nhost:a1,host:a1,\n", "id,kind,removes,cost,stops\nw,,host:a1,1,true\n");
    csv("id,kind\nhost:a1,host\nuser:u1,user\n", "from,to,kind,seconds\nhost:a1,host:a9,Controls,\nhost:zz9,user:u1,Controls,1.5\n", "id,kind,removes,cost,cost_per_hour,stops,enforcer\nw,k,user:u1,-1,1.005,yes,host:a1\nw,k,user:u1;user:u2,x,,false,\nv,k,,1,1,true,\n");
    csv("id;kind\n", "from,to,knd\n", "");
    let cfg = |c: &str| {
        let text2 = format!("{NODES}[[withdrawal]]\nkind='isolate-host'\nremoves=['host:a1']\nconnector='firewal'\n");
        let p = parse(&[("e.toml", &text2), ("cordon.toml", c)]).expect_err("refused");
        println!("CFG {c:?}\n{:#?}", shown(&p));
    };
    cfg("[[connector]]\nname = 'firewall'\nkind = 'range'\nhandles = ['isolate-host']\nenforcer = 'host:a3'\n[[connector]]\nname = 'firewall'\nkind = 'range'\nhandles = ['isolate-host']\n[console]\nlisten = 5\n[[node]]\nid = 'x:y'\n[[source]]\nname='a'\n[[source]]\nname='a'\n[retention]\nevents_days = 0\n");
    let warn = |t: &str| {
        let text2 = format!("{NODES}{t}");
        let l = parse(&[("e.toml", &text2)]).unwrap();
        println!("WARN {t:?}\n{:#?}", shown(&l.warnings));
    };
    warn("[[withdrawal]]\nkind='close'\nmode='end'\nremoves=['host:a1']\n[[withdrawal]]\nkind='isolate-host'\nremoves=['host:a1']\nenforcer='host:a1'\nconnector='fw'\n");
    warn("[[holding]]\nnode='app:pos'\ncategories=['name']\nmust_hold=true\n[[link]]\nfrom='host:b2'\nto='app:pos'\nkind='CopyOf'\n[[link]]\nfrom='host:b2'\nto='app:pos'\nkind='MemberOff'\n[[cap]]\nkind='isolate-hosts'\nmost=1\n");
    warn("[[node]]\nid='host:c3'\naliases=['A1','x']\n[[node]]\nid='host:d4'\naliases=['X']\n[[node]]\nid='user:d4'\naliases=['X']\n");
}
