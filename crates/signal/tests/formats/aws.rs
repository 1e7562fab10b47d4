//! CloudTrail, S3 access logs, VPC flow logs.

use super::support::check;

#[test]
fn a_new_key_is_created_by_its_maker() {
    check(
        r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE1","arn":"arn:aws:iam::111122223333:user/ann","accountId":"111122223333","accessKeyId":"AKIAEXAMPLE1","userName":"ann"},"eventTime":"2024-05-01T08:15:02Z","eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey","sourceIPAddress":"192.0.2.14","requestParameters":{"userName":"bob"},"responseElements":{"accessKey":{"accessKeyId":"AKIAEXAMPLE2","status":"Active","userName":"bob"}},"recipientAccountId":"111122223333"}"#,
        r"
        aws-cloudtrail cloudtrail:111122223333 2024-05-01T08:15:02Z
        fact newkey
        is product: aws, service: cloudtrail
        actor User: arn:aws:iam::111122223333:user/ann = AIDAEXAMPLE1
        actor Key: AKIAEXAMPLE1
        source Address: 192.0.2.14
        created Key: AKIAEXAMPLE2
        target User: arn:aws:iam::111122223333:user/bob
        ",
    );
}

#[test]
fn an_assumed_role_is_an_application_with_a_session() {
    check(
        r#"{"userIdentity":{"type":"AssumedRole","principalId":"AROAX:i-1","arn":"arn:aws:sts::111122223333:assumed-role/web/i-1","accessKeyId":"ASIAX1","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAX","arn":"arn:aws:iam::111122223333:role/web"}}},"eventTime":"2024-05-01T08:15:02Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","sourceIPAddress":"203.0.113.5","requestParameters":{"bucketName":"members","key":"all.csv"},"additionalEventData":{"bytesTransferredOut":8211},"recipientAccountId":"111122223333"}"#,
        r"
        aws-cloudtrail cloudtrail:111122223333 2024-05-01T08:15:02Z
        fact read 8211 bytes 1 objects
        is product: aws, service: cloudtrail
        actor App: arn:aws:iam::111122223333:role/web = AROAX
        actor Session: arn:aws:sts::111122223333:assumed-role/web/i-1 = AROAX:i-1
        actor Key: ASIAX1
        source Address: 203.0.113.5
        target Data: members
        ",
    );
}

#[test]
fn a_failed_sign_in_only_names_the_account_and_services_are_nobody() {
    check(
        r#"{"userIdentity":{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"},"eventTime":"2024-05-01T08:15:02Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","sourceIPAddress":"203.0.113.5","responseElements":{"ConsoleLogin":"Failure"},"recipientAccountId":"111122223333"}"#,
        r"
        aws-cloudtrail cloudtrail:111122223333 2024-05-01T08:15:02Z
        fact logon remote failed
        is product: aws, service: cloudtrail
        target User: arn:aws:iam::111122223333:root = 111122223333
        source Address: 203.0.113.5
        ",
    );
    check(
        r#"{"Records":[{"userIdentity":{"type":"AWSService","invokedBy":"ec2.amazonaws.com"},"eventTime":"2024-05-01T08:15:02Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","sourceIPAddress":"ec2.amazonaws.com","requestParameters":{"roleArn":"arn:aws:iam::111122223333:role/web"},"responseElements":{"credentials":{"accessKeyId":"ASIAX1"},"assumedRoleUser":{"arn":"arn:aws:sts::111122223333:assumed-role/web/i-1","assumedRoleId":"AROAX:i-1"}},"recipientAccountId":"111122223333"}]}"#,
        r"
        aws-cloudtrail cloudtrail:111122223333 2024-05-01T08:15:02Z
        fact logon remote
        is product: aws, service: cloudtrail
        created Key: ASIAX1
        created Session: arn:aws:sts::111122223333:assumed-role/web/i-1 = AROAX:i-1
        target App: arn:aws:iam::111122223333:role/web
        ",
    );
}

#[test]
fn s3_lines_and_flow_lines_are_records() {
    check(
        r#"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be members [01/May/2024:08:15:02 +0000] 192.0.2.14 arn:aws:iam::111122223333:user/ann 3E57427F3EXAMPLE REST.GET.OBJECT all.csv "GET /members/all.csv HTTP/1.1" 200 - 8211 8211 70 10 "-" "aws-cli/2.1" -"#,
        r"
        aws-s3-access s3-access:members 2024-05-01T08:15:02Z
        fact read 8211 bytes 1 objects
        is product: aws, service: s3
        actor User: arn:aws:iam::111122223333:user/ann
        source Address: 192.0.2.14
        target Data: members
        ",
    );
    check(
        "2 111122223333 eni-0a1 192.0.2.14 203.0.113.5 48316 443 6 19 1048576 1714551302 1714551360 ACCEPT OK",
        r"
        aws-vpc-flow vpc-flow:eni-0a1 2024-05-01T08:15:02Z
        is category: firewall
        source Address: 192.0.2.14
        target Address: 203.0.113.5
        ",
    );
}
