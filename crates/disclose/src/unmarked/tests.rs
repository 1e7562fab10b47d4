//! Sentences as they stand in letters, statements and reports, with what they claim.

use super::*;

/// Checks sentences against what they claim, and tells all that differ at once.
fn check(sentences: &[&str], expect: Option<Subject>) {
    let differ = |sentence: &&&str| {
        let found = subjects(sentence, &[]);
        expect.map_or(!found.is_empty(), |subject| !found.contains(&subject))
    };
    let wrong: Vec<String> = sentences
        .iter()
        .filter(differ)
        .map(|sentence| format!("{sentence}: {:?}", subjects(sentence, &[])))
        .collect();
    assert!(wrong.is_empty(), "expected {expect:?}:\n{}", wrong.join("\n"));
}

#[test]
fn sentences_about_data_are_claims() {
    let sentences = [
        "We have no evidence that customer data was accessed.",
        "There is currently no indication of any misuse.",
        "We are not aware of anybody's details being used.",
        "No payment card details were taken.",
        "No customer data has been compromised.",
        "No customer data compromised",
        "Your password was not affected.",
        "Members' bank details haven't been accessed.",
        "Payroll records were untouched.",
        "Your payment details are safe.",
        "We'd like to reassure you that your money is safe.",
        "All personal information remains secure.",
        "The intruders copied files from one of our servers.",
        "An unauthorised third party gained access to a mailbox.",
        "Only names and postal addresses were involved.",
        "The information includes names, contact details and dates of birth.",
        "The impact was limited to one of our systems.",
        "Some of your details may have been viewed.",
        "A small number of customers were affected.",
        "We do not store full card numbers.",
        "If you shop online you may have heard that data was stolen, and we can confirm that data was stolen.",
        "The data did not include passwords, bank details or card numbers.",
        "Although our stores are busy, nothing was lost and no member's data left our systems.",
        "Special category data was not involved.",
        "Hackers were able to read messages in two mailboxes.",
        "Your account is not at risk.",
    ];
    check(&sentences, Some(Subject::Exposure));
}

#[test]
fn sentences_about_services_are_claims() {
    let sentences = [
        "All our stores are open and trading as usual.",
        "Our website and app continue to work normally.",
        "Contactless payments are currently unavailable.",
        "We have paused online orders.",
        "Home deliveries remain suspended in the north.",
        "Funeral homes are operating as normal.",
        "Some shelves are empty.",
        "Click and collect has been restored.",
        "Customers can still pay by card in all our shops.",
        "Trading is not disrupted: the tills are working.",
        "Staff access to desktops has been withdrawn.",
        "We took some systems offline as a precaution.",
        "There was no interruption to any service.",
        "We are back to normal.",
    ];
    check(&sentences, Some(Subject::Services));
}

#[test]
fn sentences_about_the_rest_are_claims() {
    for (sentence, subject) in [
        ("The incident has been contained.", Subject::Containment),
        ("The attackers no longer have access to our network.", Subject::Containment),
        ("We quickly isolated the affected machines.", Subject::Containment),
        ("The situation is under control.", Subject::Containment),
        ("About 20,000 members were affected.", Subject::People),
        ("The incident concerns 6.5 million people.", Subject::People),
        ("Approximately 4,100 records were copied.", Subject::People),
        ("Fewer than 1% of our customers are concerned.", Subject::People),
        ("Number of data subjects: 6,500,000", Subject::People),
        ("On Tuesday, 3 March, we detected unusual sign-ins.", Subject::Time),
        ("The breach was discovered at 14:05 on 22 April.", Subject::Time),
        ("It happened overnight.", Subject::Time),
        ("We first became aware of this yesterday morning.", Subject::Time),
        ("The criminals used ransomware.", Subject::Cause),
        ("Somebody impersonated one of our colleagues to the help desk.", Subject::Cause),
        ("We were the victim of a sophisticated attack.", Subject::Cause),
        ("We believe that the risk to you is low.", Subject::Belief),
        ("Our investigation has found nothing unusual.", Subject::Belief),
        ("As far as we know this was the first time.", Subject::Belief),
    ] {
        check(&[sentence], Some(subject));
    }
}

#[test]
fn courtesy_advice_and_intentions_are_not_claims() {
    let sentences = [
        "Dear colleague,",
        "Dear members and customers",
        "We are very sorry for the worry that this causes.",
        "We apologise for any inconvenience.",
        "Thank you for your patience and support.",
        "I know how unsettling this news is.",
        "Please change your password if you use it elsewhere.",
        "Do not click on links in messages that you did not expect.",
        "Never share your password or card details with anybody.",
        "You do not need to do anything now.",
        "You can find more information on our website.",
        "If your data was affected, we will write to you.",
        "We will contact everybody whose details were taken.",
        "We will tell you more as soon as we can.",
        "We are working hard to restore all services.",
        "We are investigating whether any data was accessed.",
        "Was my data taken?",
        "Are your stores open?",
        "What happened",
        "What you should do next",
        "Fraudsters may pretend to be from our company.",
        "Criminals often use names and addresses to make their calls sound real.",
        "We take the security of your data very seriously.",
        "Protecting our members' information is our first duty.",
        "We are committed to keeping your data safe.",
        "We believe in being open with our members.",
        "Our helpline is open from 8 am to 8 pm.",
        "Call 0800 000 000 or write to help@north.example.",
        "We have told the regulator and the police.",
        "The information in this letter is for members only.",
        "Yours sincerely,",
        "Northshire Co-operative Limited",
        "Stay alert to unexpected calls and e-mails.",
        "Speak to your line manager if you have questions.",
        "We plan to reopen the web shop next week.",
        "Our teams are doing all they can.",
        "A new password must have at least 14 characters.",
        "More information is available from the data protection officer.",
        "Your trust matters to us.",
        "We are in touch with the National Cyber Security Centre.",
    ];
    check(&sentences, None);
}

#[test]
fn marked_words_answer_for_themselves() {
    let sentence = "Tills are trading and no card data was read.";
    let marked = sentence.find("no card data was read").unwrap();
    let range = marked..sentence.len() - 1;
    assert_eq!(subjects(sentence, std::slice::from_ref(&range)), [Subject::Services]);
    assert_eq!(subjects(sentence, &[0..16, range]), []);
    let rest = "Payment cards were not affected.";
    let cards = 0..13;
    assert_eq!(subjects(rest, std::slice::from_ref(&cards)), []);
}

#[test]
fn plain_statements_are_flagged() {
    let claims = [
        "We have been managing a cyber incident, and as a precaution we made some temporary changes to how our shops work.",
        "Our shops stay open and our website and app are running normally.",
        "We now know that the hackers were able to reach and take data from one of our systems.",
        "The data covers a large part of our current and former members.",
        "It includes names and contact details and does not include passwords, bank or card details, or what members bought.",
        "Most client services were not hit by the incident and kept running.",
        "Virtually all of the services that were hit have now been restored.",
        "There is some evidence of limited data leaving a small part of our servers.",
        "The personal data could include contact details, birth dates and order history.",
        "Importantly, the data does not include usable card or payment details, which we do not keep on our systems.",
        "There is no evidence that this information has been passed on.",
        "Orders through our website and apps are paused.",
        "You can still browse our whole range online.",
        "We have stopped taking online orders for now.",
        "Gift cards cannot be used in stores at present.",
        "Recruitment has been put on hold.",
        "We proactively took part of our network down to protect the business.",
        "All colleagues' remote access was turned off on Wednesday night.",
        "The intruder was in our network for nine days.",
        "None of our customers lost money.",
        "Everything is fine with your pension.",
        "Your savings are unaffected.",
        "There has been no impact on our funeral homes.",
        "Payments are being processed normally.",
        "Supplier payments are being made by hand.",
        "Some customers may have received text messages from the attackers.",
        "Personal data relating to 1,340 current employees has been put online.",
        "Categories of personal data concerned: names, e-mail addresses, dates of birth",
        "Date and time of discovery: 22 April 2025, 14:05",
        "The likely consequences for people are minor.",
        "Encryption of files on 40 servers was stopped within six minutes.",
        "Our backups are intact.",
        "We have full visibility of what was taken.",
        "Only a handful of staff mailboxes were opened.",
        "Passwords are stored in hashed form.",
        "Full card numbers never touch our systems.",
        "The incident did not involve our legal services.",
        "To date we have found nothing that suggests misuse.",
        "We can rule out any access to payroll.",
        "Stock deliveries to some stores are running late.",
        "The attack is believed to be the work of a known criminal group.",
        "Your details have not been shared with anyone.",
        "All systems have been checked and are clean.",
        "The situation is stable.",
        "We acted within minutes.",
        "Shelves are full again.",
        "We were first alerted by a colleague at 02:13.",
        "No ransom was paid.",
    ];
    let silent: Vec<&str> =
        claims.into_iter().filter(|sentence| subjects(sentence, &[]).is_empty()).collect();
    assert!(silent.is_empty(), "not flagged:\n{}", silent.join("\n"));
}

#[test]
fn other_turns_of_phrase_are_told_apart() {
    let claims = [
        "The incident did not affect our web shop or our other brands.",
        "This led to the loss of some personal records.",
        "Malware was found on two tills.",
        "I would like to emphasise that no medical data was disclosed.",
        "Since Friday we have been unable to take orders by telephone.",
        "Wages have been paid on time.",
        "We reset every password as a precaution.",
        "Not all members were affected.",
        "Hackers took dates of birth and telephone numbers.",
    ];
    let silent: Vec<&str> =
        claims.into_iter().filter(|sentence| subjects(sentence, &[]).is_empty()).collect();
    assert!(silent.is_empty(), "not flagged:\n{}", silent.join("\n"));
    let others = [
        "Monitor your bank statements for payments that you do not recognise.",
        "Place a warning on your credit file.",
        "Once the facts are clear, we will write to everybody whose data was taken.",
        "Those concerned will be offered free advice.",
        "We have asked outside experts to help us.",
        "If the situation changes, we will say so here.",
        "In response, we have taken the following steps:",
        "The board meets every day.",
    ];
    check(&others, None);
}

#[test]
fn plain_letters_are_left_alone() {
    let others = [
        "We are sorry to tell you that we have had a security incident.",
        "This letter explains what has happened, what it may mean for you and what you can do.",
        "You are receiving this because you are a member.",
        "We know this will be worrying, and we are sorry.",
        "We have set up a helpline for members on 0800 000 000.",
        "If you receive a suspicious e-mail, forward it to report@north.example and delete it.",
        "We have informed the Information Commissioner's Office.",
        "We are working with the National Crime Agency and outside specialists.",
        "We would like to thank our colleagues for their hard work.",
        "As soon as we know more, we will let you know.",
        "It is too early to say what data was involved.",
        "We do not yet know whether your data was accessed.",
        "We ask all colleagues to keep their cameras on in meetings.",
        "Colleagues should check that everybody on a call is who they say they are.",
        "Please do not post about this on social media.",
        "What information was involved?",
        "How did this happen?",
        "Contact details for the data protection officer",
        "Our members own this business, and we owe them the facts.",
        "We will offer twelve months of credit monitoring to everyone concerned.",
        "We encourage customers to be careful with unexpected calls.",
        "Use a different password for each of your accounts.",
        "You may be asked to show identification in our stores.",
        "We take our duty to protect your information seriously and regret that this happened.",
        "Kind regards, the board of directors",
        "Issued on 3 March by the press office.",
        "For media enquiries call the press office.",
        "Our aim is to bring every service back safely.",
        "We hope to have deliveries back to normal by the weekend.",
        "Scammers can use events like this to trick people.",
        "Be wary of anyone who asks for your PIN.",
        "Our stores are at the heart of their communities.",
        "We never ask for your password by e-mail.",
        "Thank you for shopping with us.",
        "Members with questions can speak to any store manager.",
        "In order to restore systems safely, we are going step by step.",
        "We understand that this is unwelcome news.",
        "To our members,",
        "Notes to editors",
        "About Northshire Co-operative",
        "Northshire Co-operative is owned by its members.",
        "Frequently asked questions",
        "The board met to discuss our response.",
        "I want to thank every one of you.",
    ];
    check(&others, None);
}

#[test]
fn patterns_name_classes_that_exist_and_every_class_is_used() {
    let rules = RULES.iter().flat_map(|(_, patterns)| patterns.iter());
    let others = [HARMLESS, TURNS, OPENINGS, STRONG].into_iter().flatten();
    let named: std::collections::BTreeSet<&str> = rules
        .chain(others)
        .flat_map(|pattern| pattern.split([' ', '|']))
        .filter_map(|word| word.trim_end_matches('?').strip_prefix('@'))
        .chain(["be", "have"])
        .collect();
    let classes: std::collections::BTreeSet<&str> = CLASSES.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, classes);
}
