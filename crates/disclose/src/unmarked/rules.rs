//! The tables by which an unmarked claim is told from other sentences.
//!
//! Patterns are in the language of [`crate::pattern`]. They lean towards
//! flagging: a flag costs a glance, an unchecked claim costs trust.

use super::Subject;
use crate::pattern::Class;

/// Classes of words.
pub(super) const CLASSES: &[Class] = &[
    ("be", "is are was were be been being remain* got get gets"),
    ("have", "has have had"),
    ("may", "may might could can will would"),
    ("no", "no not never none neither nor nothing nobody zero without"),
    (
        "data",
        "data dataset* information details record records name names address addresses \
         password* card cards cardholder* bank account accounts credential* files file \
         documents database* email* e-mail* backup* transaction* payment* passport* salar* \
         contact contacts dates medical health pins identit* number numbers mailbox* pay \
         history phone",
    ),
    (
        "people",
        "customer* member members people person* individual* staff employee* colleague* \
         patient* client* household* user users supplier* subject subjects shopper* families \
         worker* pensioner* partner* anyone anybody nobody everyone everybody children visitors \
         applicants",
    ),
    (
        "hurt",
        "access accessed affected impacted compromis* stole stolen copied exfiltrat* extracted \
         obtained downloaded exposed breached leaked misused tampered corrupted encrypted \
         disclosed harvested intercepted hacked acquired infected hit struck",
    ),
    (
        "touched",
        "taken read viewed seen lost shared sold published released altered deleted used \
         removed involved included changed viewable visible reached destroyed touched opened",
    ),
    (
        "system",
        "store stores shop shops till tills branch branches website* web site sites app apps \
         system systems service services operation* payment* contactless order orders ordering \
         deliver* collection* checkout* homes network* phones centre centres center centers \
         payroll warehouse* depot* shelves stock trading business* platform* everything \
         click-and-collect collect hotels pharmac* restaurants desktops servers server \
         production factor* email infrastructure vpn banking portal it tool tools machines \
         self-checkouts supply bookings loyalty returns",
    ),
    (
        "up",
        "open trading running operating operational working available unaffected normal \
         normally usual live functioning functional restored resumed recovered back up reopened \
         accessible unimpacted online unchanged serving accepting taking",
    ),
    (
        "down",
        "closed down offline unavailable suspended paused stopped disrupted interrupted \
         degraded slow slower limited withdrawn disabled halted delayed shut out impaired \
         inaccessible disconnected affected impacted reduced",
    ),
    (
        "intruder",
        "attacker* hacker* criminal* intruder* cybercriminal* actor actors party parties \
         fraudster* perpetrator* adversar* gang thieves culprit* cyber-criminal* someone \
         somebody",
    ),
    (
        "incident",
        "incident* attack* intrusion* breach* compromise threat* outage* disruption* activity \
         ransomware malware intruder* attacker* problem* event",
    ),
    (
        "count",
        "# million millions thousand thousands hundred hundreds dozen dozens handful majority \
         minority half quarter two three four five six seven eight nine ten twelve twenty fifty",
    ),
    (
        "weekday",
        "monday* tuesday* wednesday* thursday* friday* saturday* sunday* yesterday* overnight \
         midnight noon",
    ),
    ("month", "january february march april june july august september october november december"),
    (
        "noticed",
        "detect* discover* notic* identified spotted alerted aware learn* began begun happened \
         occurred place gained entered attacked hit broke started withdrew disconnected \
         contained restored responded ended confirmed isolated revoked closed reopened reset \
         signed logged first found acted reacted intervened",
    ),
    (
        "finding",
        "show* found determin* establish* conclud* confirm* indicat* suggest* reveal* \
         identified verified",
    ),
];

/// What makes a clause a claim, most telling subject first.
pub(super) const RULES: &[(Subject, &[&str])] = &[
    (
        Subject::Exposure,
        &[
            "no evidence|indication*|sign|signs|suggestion|trace*|reason|proof|reports|information",
            "not|never ... evidence|indication*|sign|signs|aware|reason",
            "unaware of|that",
            "no|none|neither|nor|nothing|nobody ... @hurt|@touched",
            "no customer*|personal|member*|card|payment|sensitive|financial|staff|employee*|colleague*|bank|medical|confidential|other .. @data",
            "no @data .. @hurt|@touched|involved|left|risk",
            "@data|@people|@system ... not|never .. @hurt|@touched|contain*|include*|involve*|reach*|affect|impact|touch|leave|pass",
            "not|never involve|extend|spread|touch|affect|impact|reach|compromise|disrupt",
            "exposure|loss|theft|disclosure|release|leak|publication of ... @data",
            "@data .. @be .. stored|held|kept|hashed|masked|tokenised|encrypted|redacted|truncated",
            "not|never been|be|being? .. @hurt",
            "not|never access|affect|take|obtain|copy|steal|extract|download|compromise|reach|expose|impact|leave|view|see|read .. @data|@people|@system|any",
            "not|never|no longer? hold|holds|held|store|stores|stored|keep|keeps|kept|retain* .. @data",
            "unaffected|untouched|uncompromised|unharmed|unimpacted|intact",
            "@be|kept|stay|stays|stayed|keep .. safe|secure|secured|protected|unharmed|safely",
            "@data|@people|@system .. safe|secure|untouched",
            "@be|@have been? .. @hurt",
            "@data|@people ... @be|@have been? .. @touched",
            "@be|@have been|had? @touched .. @data",
            "@may .. have .. @hurt|@touched|had",
            "@may be @hurt|involved|visible",
            "may|might|could have .. received|been|lost|left|gone|happened|occurred",
            "@data|files|breach|system*|server* ... include|includes|included|contain|contains|contained|comprise*|cover|covers|relate|relates|concern*",
            "@intruder @be|remain* .. in|inside|on|out|still|active",
            "@intruder ... @hurt|@touched|gain*|entered|able|had|has|have|took|targeted|reached|deployed|claim*|copied|left|got|got|managed|moved|remain*|still|did",
            "we|i have? exposed|lost|leaked|disclosed",
            "unauthorised|unauthorized|illegal|malicious|suspicious .. access|activity|part*|copying|use|user*|login*|sign-in*",
            "only|just|merely|solely|nothing .. @data|@people",
            "limited to|amount|number|set|data|information|impact|effect*|extent|part|parts|group|proportion|personal|customer|disruption|access|subset|volume|quantity|period|scope|@data",
            "@be .. limited",
            "small|tiny|large|significant|substantial|limited|low|fraction|proportion|portion|subset number|numbers|proportion|group|fraction|part|portion|subset|percentage|share|of of? .. @people|@data|@system",
            "@hurt @data|@people was|were|is|are|include*",
            "@be .. at risk",
            "@data|@people .. involved|concerned|affected|impacted",
            "exfiltrat*",
            "@data .. left",
            "extent|scale|scope .. @be",
            "dark web",
        ],
    ),
    (
        Subject::Services,
        &[
            "@system ... @be|continue|continues|stay|stays|stayed|keep|keeps|kept|@have been? .. @up",
            "@system ... @be|@have|stay|stays been? .. @down",
            "@system .. not|never work*|operat*|function*|available|open",
            "trading|operat*|open|working|running|shop|shopping|serv*|continu*|function* .. as|completely|entirely? .. usual|normal|normally|planned",
            "business as usual",
            "fully|partially|largely|completely operational|restored|recovered|functional|running|open|working|available",
            "back online|up|working|normal|open|running|to",
            "@have been? .. restored|resumed|reopened|recovered|paused|suspended|halted|interrupted|rebuilt",
            "@have|we|was|were been? taken|took|take .. offline|down",
            "took|taken|take ... offline|down",
            "we shut|closed|switched|turned|withdrew|disconnected|suspended|paused|stopped|disabled|restored|reopened|resumed .. @system|access|down|off",
            "continue|continues|continued|continuing to be? @up|trade|trades|operate|serve|run|function|open|work",
            "@have|we made|make .. change|changes",
            "we|it|they @have also|already|temporarily|now? shut|closed|switched|turned|withdrawn|disconnected|suspended|paused|stopped|disabled|restored|reopened|resumed",
            "put|placed|@be on hold",
            "@be|@have been? .. turned|switched|shut off|down",
            "@be .. by hand|manually",
            "unable|not able? to process|take|fulfil|fulfill|accept|serve|offer|deliver|pay|sell|order|reach",
            "@be paid|delivered|served .. on|in|as time|full|usual",
            "@be|experienc*|see|seeing|caus* .. no|some|minor|limited|little|minimal|significant|temporary|ongoing .. disruption|delay*|outage*|shortage*|problem*|impact",
            "no .. disruption|interruption|outage*|impact|effect|delay*|shortage*|problem*",
            "can|able still|continue",
            "can|able still|continue|also? to? still? .. pay|shop|order|buy|collect|book|withdraw|use|visit .. as|in|at|with|by|online|normally|usual|contactless|our",
            "we @be|remain .. open|trading|operational|running",
            "@system|shelves ... empty|full|stocked|short",
            "@system|all ... trade|trades .. as|normally|usual|without",
            "access .. @have|@be been? .. withdrawn|removed|suspended|disabled|restored|restricted|blocked",
        ],
    ),
    (
        Subject::Containment,
        &[
            "@be|@have been? .. contained",
            "we|team|teams|experts|swiftly|quickly|successfully|fully|now contained|evicted|isolated|blocked|stopped|reset|revoked|removed|expelled|repelled|thwarted|eradicated|neutralised|secured",
            "under|in|regained control",
            "@no longer .. access|present|active|inside|in|possible|control|threat|risk|any|able",
            "eradicat*|evict*|expel*|neutralis*|neutraliz*|remediated|thwarted|foiled|repelled",
            "@incident|vulnerabilit* ... @be|@have been? .. over|ended|resolved|stopped|closed|fixed|mitigated|blocked|removed|isolated|addressed|patched|limited|defeated",
            "@have|@be been? .. isolated|blocked|disconnected|revoked|disabled|reset|rotated|patched|secured|cleaned|locked|quarantined",
            "no further|ongoing|continuing|current|remaining|immediate .. risk|threat*|activity|access|impact|danger|intrusion",
            "all clear",
            "stopped|foiled|blocked|prevented|defeated|repelled|averted .. attempt|attack*|break-in*|intrusion*|intruder*",
            "we ... shut|closed|disabled|blocked|locked|withdrew .. account*|access|password*|@system",
            "@be .. stable|clean|fine|ok|okay|harmless",
            "rule|ruled|ruling out",
            "resolved the? @incident|issue|matter",
        ],
    ),
    (
        Subject::People,
        &[
            "@count|# of? the? our? your? .. @people",
            "@count|# .. records|accounts|files|rows|entries|transactions|addresses|emails|passwords|cards|gigabytes|terabytes|gb|tb|mb|megabytes|households|devices",
            "per|percent|per-cent cent? of .. @people|@data|@system",
            "number|total of? .. @people|@data",
        ],
    ),
    (
        Subject::Time,
        &[
            "@noticed ... @weekday|@month|today|tonight|morning|afternoon|evening|hour|hours|minutes|days|weeks|am|pm|midnight",
            "@weekday|today|tonight|morning|afternoon|evening|hours|minutes|days|weeks|am|pm ... @noticed",
            "# @month|may ... @noticed",
            "@noticed ... # @month|may",
            "@noticed ... at|on|since|around|from|until|between # .. ",
            "at|on|since|around|from|between|until # ... @noticed",
            "@incident|it|this lasted|continued|went|ran .. @count hour|hours|minutes|days|weeks",
            "@intruder|they ... @count hour|hours|minutes|days|weeks",
        ],
    ),
    (
        Subject::Cause,
        &[
            "was|were|used|using|deployed|through|via|by|involv*|caused|is|a .. ransomware|malware|phishing|impersonat*|trick*|vulnerabilit*|extort*|insider",
            "used|using|through|via|by|with|of|involv* social|stolen|weak|compromised|leaked|default engineering|credential*|password*|account*",
            "pretended|posed to|as|they|he|she",
            "impersonat*|tricked|deceived|fooled .. @people|our|help|service|desk|us|team|technician*",
            "carried out|attributed|responsib* by|to|for .. group|gang|state|nation|actor*|attack*|incident|breach",
            "group|gang .. responsib*|claim*",
            "sophisticated|targeted|criminal|malicious|highly|state-sponsored|unprecedented .. attack*|cyber*|cyberattack*",
            "root cause",
            "ransom",
            "malware|ransomware|virus @be|@have",
            "supplier*|provider*|vendor*|third-party|contractor* ... caused|source|origin*|responsib*",
        ],
    ),
    (
        Subject::Belief,
        &[
            "believe|believes|believed|thought|understood|confident|satisfied|certain|convinced|assume*|suspect|suspects|suspected ... @data|@people|@system|@intruder|@incident|risk|this|it|nothing|nobody|no",
            "as far as we|i know|are|aware|can",
            "best of our|my knowledge",
            "investigation*|analysis|review|expert*|forensic*|evidence|check*|monitoring|log|logs|assessment|enquir*|inquir* .. @have|now|so|far? .. @finding",
            "we @have .. @finding",
            "it @be|appear|appears|seem|seems .. likely|unlikely|probable|clear|confirmed|that|possible|impossible",
            "appears|appear|seems|seem .. to|that",
            "full|complete|clear|good visibility|picture|understanding|view",
            "likely|unlikely .. @hurt|@touched|consequence*|to|impact",
        ],
    ),
];

/// Rows of words that claim nothing, whatever stands in them: taken out first.
pub(super) const HARMLESS: &[&str] = &[
    "this|more|further|additional|following|general|useful|helpful|latest information|advice|guidance|details|page|letter|notice|statement|email|message",
    "information .. in|on this|our letter|notice|statement|page|email|message|website",
    "data protection|controller|officer|subject right*|rights",
    "information commissioner*",
    "data|security|information breach|breaches|team|experts|specialists|officer",
    "customer|member|client support|team|service|services|relations|care",
    "contact|telephone|phone|call|email us|me|your|our|the|them",
    "your|line manager*|usual|named contact",
    "take*|took|taking .. action|steps|step|measure*|precaution*|care|advice|responsib*|seriously|time|opportunity|decision*|moment|pride|look",
    "take*|took|taking part in",
    "action|steps|measure*|precaution*|decision* .. taken|took",
    "limited|private company|time",
    "helpline|hotline|line|lines|desk|support .. @be .. open|available|staffed|closed|free",
    "open|available|closed from # .. to|until",
    "kept|keep|keeping .. informed|updated|posted|touch|mind|eye",
    "thank* .. for",
    "sorry .. for|about|that|to",
    "apologi* .. for|to|about",
    "in touch with",
    "you are|have been|were? receiving|sent|writing|reading",
    "safe|secure|well|stay and safe|well|secure",
    "highest|high|strong|strict standard*",
    "as soon as",
];

/// From one of these words on the clause speaks of what is to come, or what it is for.
pub(super) const TURNS: &[&str] = &[
    "will|shall|would",
    "plan|plans|intend*|aim|aims|hope|hopes|expect|expects|want|wants|wish|wishes|need|needs|ready|about|going|trying|due|hard|order to",
    "to make|keep|get|bring|ensure|help|protect|secure|restore|contain|prevent|reduce|limit|establish|understand|find|investigate|determine|minimise|minimize|stop|resolve|support|improve|avoid|check|verify|update|inform|tell|contact|write|learn|reopen|resume|rebuild|return|monitor|assess|share|give|provide|review|recover|cooperate|co-operate|identify|confirm|remain|stay",
    "too early|soon to",
    "so that",
    "committed|dedicated|commitment|determined to",
    "believe in",
    "continue|continues|continuing to work with|on|hard|closely|to|around|alongside|through|together",
    "how|where|why|what|who|when @be|@have|@may|to|your|you|we|they|our|the|is|happen*",
];

/// Words before which such a turn is none: what follows is told as done.
pub(super) const DONE: &[&str] =
    &["able", "managed", "unable", "failed", "succeeded", "helped", "enabled", "allowed", "used"];

/// A clause that begins so tells the reader what to do, or is a courtesy.
pub(super) const OPENINGS: &[&str] = &[
    "^ please|kindly|never|always|remember|beware|don|let",
    "^ do not",
    "^ click on|here|any|the",
    "^ monitor|place|set|update|notify|register|verify|request|freeze|join|try|shred|remove|run|apply|go",
    "^ be|keep|change|check|stay|call|visit|watch|ignore|look|ensure|make|think|treat|speak|ask|follow|hang|forward|delete|avoid|reset|tell|see|consider|review|turn|switch|choose|enable|log|sign|write|reply|talk|find|bring|take|report|read|use|open|contact|email|share|give|enter|send|wait|leave|download|install",
    "^ dear|hello|hi|thank*|sincerely|yours|regards|best|kind",
    "^ who|what|when|where|why|how|frequently",
    "you|colleagues|members|customers|staff|everyone|they|people|we should|must|ought",
    "you may|can|might|need|could|do not need|wish|notice|want|find|receive|be|also|contact|call|ask|get|request|choose|change|continue",
    "@intruder|scammer*|anyone may|might|could|can|often|sometimes|usually|typically|commonly|try|tries|use|pretend*|will call|contact|email|try|use|pretend|ask|send|pose|claim|exploit|take|seek|attempt|be|target|your|that|these|to|such",
];

/// What follows these words up to the next comma is a condition or a question.
pub(super) const CONDITIONS: &[&str] = &[
    "if", "unless", "until", "once", "whether", "should", "whenever", "wherever", "provided",
    "case",
];

/// A clause in which one of these stands is a claim whatever it begins with.
pub(super) const STRONG: &[&str] =
    &["can|may|able still", "as usual|normal", "@be not? .. @hurt", "have been .. @hurt|@touched"];

/// After these words a statement begins, often with "that".
pub(super) const SAYING: &[&str] = &[
    "confirm*",
    "reassur*",
    "assur*",
    "know",
    "knows",
    "known",
    "believ*",
    "found",
    "establish*",
    "determin*",
    "conclud*",
    "aware",
    "say",
    "stress",
    "emphasis*",
    "emphasiz*",
    "inform*",
    "tell",
    "told",
    "show*",
    "indicat*",
    "suggest*",
    "reveal*",
    "evidence",
    "indication",
    "sign",
    "understand",
    "state",
    "stated",
    "announce*",
    "report",
    "glad",
    "pleased",
    "relieved",
    "clear",
    "confident",
    "satisfied",
    "certain",
    "think",
    "advised",
    "discover*",
    "identified",
    "learn*",
];

/// Words with which a new clause begins after a comma, "and", "but" or "so".
pub(super) const SUBJECTS: &[&str] = &[
    "we",
    "our",
    "no",
    "the",
    "all",
    "your",
    "there",
    "it",
    "they",
    "this",
    "that",
    "these",
    "you",
    "please",
    "some",
    "none",
    "nothing",
    "neither",
    "i",
    "their",
    "only",
    "not",
    "any",
    "every",
    "everything",
    "nobody",
    "who",
    "which",
    "several",
    "other",
    "as",
];
